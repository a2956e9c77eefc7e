-- One row per id, whatever became of it: the primary key decides whether a comment or a rejection came first.
--
-- state: 0 only a decision is known, 1 approved (visible), 2 pending, 3 spam, 4 trash, 5 rejected.
-- Text that is compared has the collation "C": bytes, so that no index depends on the system's locale.
CREATE TABLE comments (
    id uuid PRIMARY KEY,
    state smallint NOT NULL,
    site text COLLATE "C" NOT NULL,
    thread text COLLATE "C" NOT NULL,
    thread_url text NOT NULL,
    thread_title text NOT NULL,
    thread_published_at timestamptz,
    thread_closed boolean NOT NULL,
    parent uuid,
    -- Place in the thread's tree: byte order is tree order.
    path bytea NOT NULL,
    author_name text COLLATE "C" NOT NULL,
    -- In lower case. Never leaves through the read model.
    author_email text COLLATE "C" NOT NULL,
    author_url text NOT NULL,
    body text NOT NULL,
    html text NOT NULL,
    client_ip text COLLATE "C" NOT NULL,
    client_user_agent text NOT NULL,
    client_referrer text NOT NULL,
    honeypot_filled boolean NOT NULL,
    form_seconds double precision,
    submitted_at timestamptz NOT NULL,
    fingerprint bytea NOT NULL,
    -- Where the submitted event stood: tells a replay from a second copy.
    origin_partition integer NOT NULL,
    origin_offset bigint NOT NULL,
    -- 0 none, 1 approve, 2 hold, 3 spam.
    verdict smallint NOT NULL,
    -- Protobuf: a CommentScreened that holds nothing but signals.
    signals bytea NOT NULL,
    score double precision NOT NULL,
    policy_version text NOT NULL,
    model_version text NOT NULL,
    -- changed_at of the event that followed when the row was written; a replay repeats it.
    announced_at timestamptz,
    -- Protobuf: a CommentRejected that holds nothing but errors.
    errors bytea NOT NULL
);

-- Two copies of a comment at the same instant: one of them wins here. The trash does not count.
CREATE UNIQUE INDEX comments_fingerprint ON comments (fingerprint) WHERE state BETWEEN 1 AND 3;
-- A page of a thread, and how many comments a thread has.
CREATE INDEX comments_thread ON comments (site, thread, path, id) WHERE state = 1;
-- The newest comments of a site.
CREATE INDEX comments_recent ON comments (site, submitted_at, id) WHERE state = 1;
-- Whether an author has a visible comment.
CREATE INDEX comments_author ON comments (site, author_email, author_name) WHERE state = 1;
-- When somebody last commented.
CREATE INDEX comments_email ON comments (site, author_email, submitted_at) WHERE state BETWEEN 1 AND 4 AND author_email <> '';
CREATE INDEX comments_ip ON comments (site, client_ip, submitted_at) WHERE state BETWEEN 1 AND 4 AND client_ip <> '';

-- Every decision, so that a replay of any of them can be answered. The greatest key of an id is in force.
CREATE TABLE decisions (
    id uuid NOT NULL,
    decided_at timestamptz NOT NULL,
    -- 1 approve, 2 spam, 3 trash.
    action smallint NOT NULL,
    moderator text COLLATE "C" NOT NULL,
    -- What followed when it came: 0 nothing that readers see, 1 the comment appeared, 2 it went away.
    effect smallint NOT NULL,
    PRIMARY KEY (id, decided_at, action, moderator)
);
