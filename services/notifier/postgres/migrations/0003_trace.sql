-- Where in a trace the mail stands, as the W3C's traceparent; empty for none.
alter table notifier_outbox add column traceparent text not null default '';
