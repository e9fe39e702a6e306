-- Indexes and keys of partitions that belong to one of the parent: namespace, table and name of each, then of the parent's,
-- and whether it is a foreign key. What a key to a partitioned table has for each partition of that stays on its own table.
SELECT n.nspname::text, t.relname::text, i.relname::text, pn.nspname::text, pt.relname::text, p.relname::text, false
FROM pg_catalog.pg_inherits h
     JOIN pg_catalog.pg_class i ON i.oid = h.inhrelid AND i.relkind IN ('i', 'I')
     JOIN pg_catalog.pg_index x ON x.indexrelid = i.oid
     JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
     JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
     JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
     JOIN pg_catalog.pg_index px ON px.indexrelid = p.oid
     JOIN pg_catalog.pg_class pt ON pt.oid = px.indrelid
     JOIN pg_catalog.pg_namespace pn ON pn.oid = pt.relnamespace
UNION ALL
SELECT n.nspname::text, t.relname::text, k.conname::text, pn.nspname::text, pt.relname::text, p.conname::text, true
FROM pg_catalog.pg_constraint k
     JOIN pg_catalog.pg_class t ON t.oid = k.conrelid
     JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
     JOIN pg_catalog.pg_constraint p ON p.oid = k.conparentid AND p.conrelid <> k.conrelid
     JOIN pg_catalog.pg_class pt ON pt.oid = p.conrelid
     JOIN pg_catalog.pg_namespace pn ON pn.oid = pt.relnamespace
WHERE k.contype = 'f'
