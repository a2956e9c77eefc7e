-- Which screening the verdict, the signals, the score and the versions are of.
ALTER TABLE comments ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
-- The campaign that it found; empty when none.
ALTER TABLE comments ADD COLUMN campaign TEXT NOT NULL DEFAULT '';
-- The members of a campaign.
CREATE INDEX comments_campaign ON comments (site, campaign, id) WHERE campaign <> '';
-- The comments of a site by time: the newest ones that readers see, and all of them to be screened again. The state is in it, so
-- that a wave of spam between two visible comments is passed over in the index.
CREATE INDEX comments_time ON comments (site, submitted_at, id, state) WHERE state BETWEEN 1 AND 4;
DROP INDEX comments_recent;

-- Every later screening that took the place of an earlier one, so that a replay of any of them can be answered.
CREATE TABLE rescreenings (
    id BLOB NOT NULL,
    revision INTEGER NOT NULL,
    -- What followed when it came: 0 nothing that readers see, 1 the comment appeared, 2 it went away.
    effect INTEGER NOT NULL,
    PRIMARY KEY (id, revision)
) STRICT, WITHOUT ROWID;

-- What was decided about which comment, for whoever learns from it. Rows are only ever added, by one writer at a time: so a row
-- never becomes visible after one with a higher `seq`, and a follower that asks for what comes after the last one it saw misses
-- none.
CREATE TABLE decision_log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    site TEXT NOT NULL,
    -- A reset is about no comment, and has an id of its own.
    comment_id BLOB NOT NULL,
    decided_at INTEGER NOT NULL,
    -- 1 approve (a ham), 2 spam, 3 trash (nothing to learn), 4 withdraw (what was decided about this comment up to then is
    -- void), 5 reset (what was decided about the site up to then is void).
    action INTEGER NOT NULL,
    moderator TEXT NOT NULL,
    -- Why, where something is taken back.
    reason TEXT NOT NULL,
    -- Protobuf: the Comment; empty where something is taken back.
    comment BLOB NOT NULL
) STRICT;
-- An event again is the same row.
CREATE UNIQUE INDEX decision_log_key ON decision_log (site, comment_id, decided_at, action, moderator);
