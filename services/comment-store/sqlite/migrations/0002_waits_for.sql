-- The comment that is still to come, when this one or an ancestor of it answers it: the branch stands at the top level of its
-- thread until then. A row of state 0 keeps the place of that comment, so that whoever brings it finds that it is waited for.
ALTER TABLE comments ADD COLUMN waits_for BLOB;
-- A branch to be moved. Nearly no row is in it at any time.
CREATE INDEX comments_waiting ON comments (waits_for) WHERE waits_for IS NOT NULL;
