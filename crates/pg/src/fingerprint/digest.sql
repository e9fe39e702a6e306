-- A digest over who wrote which row of the catalogs, and where it lies: whatever changes the schema writes a row anew,
-- adds one or takes one away. Statistics are kept in place. Rows below 16384 are the system's own. From 14 on.
SELECT pg_catalog.count(*)::text || ' ' || pg_catalog.sum(pg_catalog.hashtidextended(rows.at, rows.writer::text::int8 + rows.catalog * 4294967296))::text
FROM (
  SELECT 1 AS catalog, ctid AS at, xmin AS writer FROM pg_catalog.pg_class WHERE oid >= 16384
  UNION ALL SELECT 2, ctid, xmin FROM pg_catalog.pg_attribute WHERE attrelid >= 16384
  UNION ALL SELECT 3, ctid, xmin FROM pg_catalog.pg_attrdef
  UNION ALL SELECT 4, ctid, xmin FROM pg_catalog.pg_constraint WHERE oid >= 16384
  UNION ALL SELECT 5, ctid, xmin FROM pg_catalog.pg_index WHERE indexrelid >= 16384
  UNION ALL SELECT 6, ctid, xmin FROM pg_catalog.pg_type WHERE oid >= 16384
  UNION ALL SELECT 7, ctid, xmin FROM pg_catalog.pg_enum
  UNION ALL SELECT 8, ctid, xmin FROM pg_catalog.pg_range WHERE rngtypid >= 16384
  UNION ALL SELECT 9, ctid, xmin FROM pg_catalog.pg_proc WHERE oid >= 16384
  UNION ALL SELECT 10, ctid, xmin FROM pg_catalog.pg_trigger
  UNION ALL SELECT 11, ctid, xmin FROM pg_catalog.pg_event_trigger
  UNION ALL SELECT 12, ctid, xmin FROM pg_catalog.pg_policy
  UNION ALL SELECT 13, ctid, xmin FROM pg_catalog.pg_rewrite WHERE oid >= 16384
  UNION ALL SELECT 14, ctid, xmin FROM pg_catalog.pg_description WHERE objoid >= 16384
  UNION ALL SELECT 15, ctid, xmin FROM pg_catalog.pg_inherits
  UNION ALL SELECT 16, ctid, xmin FROM pg_catalog.pg_partitioned_table
  UNION ALL SELECT 17, ctid, xmin FROM pg_catalog.pg_sequence
  UNION ALL SELECT 18, ctid, xmin FROM pg_catalog.pg_statistic_ext
  UNION ALL SELECT 19, ctid, xmin FROM pg_catalog.pg_foreign_table
  UNION ALL SELECT 20, ctid, xmin FROM pg_catalog.pg_namespace
  UNION ALL SELECT 21, ctid, xmin FROM pg_catalog.pg_extension
  UNION ALL SELECT 22, ctid, xmin FROM pg_catalog.pg_collation WHERE oid >= 16384
  UNION ALL SELECT 23, ctid, xmin FROM pg_catalog.pg_operator WHERE oid >= 16384
  UNION ALL SELECT 24, ctid, xmin FROM pg_catalog.pg_opclass WHERE oid >= 16384
  UNION ALL SELECT 25, ctid, xmin FROM pg_catalog.pg_depend WHERE objid >= 16384 OR refobjid >= 16384
) AS rows
