-- One row per id, whatever became of it: the primary key decides whether a comment or a rejection came first.
--
-- state: 0 only a decision is known, 1 approved (visible), 2 pending, 3 spam, 4 trash, 5 rejected.
-- Times are microseconds since 1970, UTC. Ids are their 16 bytes.
CREATE TABLE comments (
    id BLOB NOT NULL PRIMARY KEY,
    state INTEGER NOT NULL,
    site TEXT NOT NULL,
    thread TEXT NOT NULL,
    thread_url TEXT NOT NULL,
    thread_title TEXT NOT NULL,
    thread_published_at INTEGER,
    thread_closed INTEGER NOT NULL,
    parent BLOB,
    -- Place in the thread's tree: byte order is tree order.
    path BLOB NOT NULL,
    author_name TEXT NOT NULL,
    -- In lower case. Never leaves through the read model.
    author_email TEXT NOT NULL,
    author_url TEXT NOT NULL,
    body TEXT NOT NULL,
    html TEXT NOT NULL,
    client_ip TEXT NOT NULL,
    client_user_agent TEXT NOT NULL,
    client_referrer TEXT NOT NULL,
    honeypot_filled INTEGER NOT NULL,
    form_seconds REAL,
    submitted_at INTEGER NOT NULL,
    fingerprint BLOB NOT NULL,
    -- Where the submitted event stood: tells a replay from a second copy.
    origin_partition INTEGER NOT NULL,
    origin_offset INTEGER NOT NULL,
    -- 0 none, 1 approve, 2 hold, 3 spam.
    verdict INTEGER NOT NULL,
    -- Protobuf: a CommentScreened that holds nothing but signals.
    signals BLOB NOT NULL,
    score REAL NOT NULL,
    policy_version TEXT NOT NULL,
    model_version TEXT NOT NULL,
    -- changed_at of the event that followed when the row was written; a replay repeats it.
    announced_at INTEGER,
    -- Protobuf: a CommentRejected that holds nothing but errors.
    errors BLOB NOT NULL
) STRICT;

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
    id BLOB NOT NULL,
    decided_at INTEGER NOT NULL,
    -- 1 approve, 2 spam, 3 trash.
    action INTEGER NOT NULL,
    moderator TEXT NOT NULL,
    -- What followed when it came: 0 nothing that readers see, 1 the comment appeared, 2 it went away.
    effect INTEGER NOT NULL,
    PRIMARY KEY (id, decided_at, action, moderator)
) STRICT, WITHOUT ROWID;
