-- Mails are withdrawn by their comment.
create index notifier_outbox_comment on notifier_outbox (comment_id) where status = 'pending';
