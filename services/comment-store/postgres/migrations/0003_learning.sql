-- Which screening the verdict, the signals, the score and the versions are of.
ALTER TABLE comments ADD COLUMN revision integer NOT NULL DEFAULT 0;
-- The campaign that it found; empty when none.
ALTER TABLE comments ADD COLUMN campaign text COLLATE "C" NOT NULL DEFAULT '';
-- The members of a campaign.
CREATE INDEX comments_campaign ON comments (site, campaign, id) WHERE campaign <> '';
-- The comments of a site by time: the newest ones that readers see, and all of them to be screened again. The state is in it, so
-- that a wave of spam between two visible comments is passed over in the index.
CREATE INDEX comments_time ON comments (site, submitted_at, id, state) WHERE state BETWEEN 1 AND 4;
DROP INDEX comments_recent;

-- Every later screening that took the place of an earlier one, so that a replay of any of them can be answered.
CREATE TABLE rescreenings (
    id uuid NOT NULL,
    revision integer NOT NULL,
    -- What followed when it came: 0 nothing that readers see, 1 the comment appeared, 2 it went away.
    effect smallint NOT NULL,
    PRIMARY KEY (id, revision)
);

-- What was decided about which comment, for whoever learns from it. Rows are only ever added, under an advisory lock that is
-- taken before `seq` is given out and held until the commit: so a row never becomes visible after one with a higher `seq`, and
-- a follower that asks for what comes after the last one it saw misses none.
CREATE TABLE decision_log (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site text COLLATE "C" NOT NULL,
    -- A reset is about no comment, and has an id of its own.
    comment_id uuid NOT NULL,
    decided_at timestamptz NOT NULL,
    -- 1 approve (a ham), 2 spam, 3 trash (nothing to learn), 4 withdraw (what was decided about this comment up to then is
    -- void), 5 reset (what was decided about the site up to then is void).
    action smallint NOT NULL,
    moderator text COLLATE "C" NOT NULL,
    -- Why, where something is taken back.
    reason text NOT NULL,
    -- Protobuf: the Comment; empty where something is taken back.
    comment bytea NOT NULL
);
-- An event again is the same row.
CREATE UNIQUE INDEX decision_log_key ON decision_log (site, comment_id, decided_at, action, moderator);
