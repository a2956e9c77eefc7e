-- The mails that are owed: one row per held comment and moderator.
create table notifier_outbox (
    -- Follows from the comment and the moderator; the same mail enqueued again is the same row.
    id uuid primary key,
    comment_id uuid not null,
    site text not null,
    moderator text not null,
    -- The screened event; emptied when the row is settled, unless it failed.
    event bytea not null,
    created_at timestamptz not null,
    status text not null default 'pending' check (status in ('pending', 'sent', 'failed', 'skipped')),
    attempts integer not null default 0,
    -- When it may be claimed. A claim moves it to the claim's end, so a dead claimant's row comes back by itself.
    due_at timestamptz not null,
    -- A reply code or a stable word; never an address.
    error text,
    settled_at timestamptz
);

create index notifier_outbox_due on notifier_outbox (due_at) where status = 'pending';
create index notifier_outbox_settled on notifier_outbox (settled_at) where settled_at is not null;
create index notifier_outbox_status on notifier_outbox (status);
