-- The same index under a condition that questions about one author do not imply: in a table that was never analysed, the
-- planner takes reading a site's comments by time to be as cheap as looking for those of one address, and reads them all.
DROP INDEX comments_time;
CREATE INDEX comments_time ON comments (site, submitted_at, id, state) WHERE state IN (1, 2, 3, 4);
