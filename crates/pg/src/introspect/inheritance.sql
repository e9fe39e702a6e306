-- Parents of tables, in the order they were named; partitions have exactly one.
-- $1: only of these tables, or all where NULL. Indexes of partitions are listed too and have no table's id.
SELECT h.inhrelid, h.inhparent
FROM pg_inherits h
WHERE ($1::oid[] IS NULL OR h.inhrelid = ANY ($1)) -- of all
WHERE h.inhrelid = ANY ($1::oid[]) -- of tables
ORDER BY h.inhrelid, h.inhseqno
