-- Triggers of people; the internal ones carry out foreign keys. $1: only of these tables, or all where NULL.
SELECT t.oid,
       t.tgrelid,
       t.tgname,
       pg_get_triggerdef(t.oid),
       p.proname,
       n.nspname,
       t.tgtype,
       t.tgenabled::text
FROM pg_trigger t
     JOIN pg_proc p ON p.oid = t.tgfoid
     JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE NOT t.tgisinternal
  AND t.tgrelid >= 16384
  AND ($1::oid[] IS NULL OR t.tgrelid = ANY ($1)) -- of all
  AND t.tgrelid = ANY ($1::oid[]) -- of tables
ORDER BY t.tgrelid, t.tgname
