-- Row security policies. $1: only of these tables, or all where NULL. Role 0 is PUBLIC.
SELECT p.oid,
       p.polrelid,
       p.polname,
       p.polcmd::text,
       p.polpermissive,
       CASE WHEN p.polroles = '{0}' THEN '{}'::text[]
            ELSE ARRAY(SELECT pg_get_userbyid(r)::text FROM unnest(p.polroles) r ORDER BY 1) END,
       pg_get_expr(p.polqual, p.polrelid),
       pg_get_expr(p.polwithcheck, p.polrelid)
FROM pg_policy p
WHERE ($1::oid[] IS NULL OR p.polrelid = ANY ($1)) -- of all
WHERE p.polrelid = ANY ($1::oid[]) -- of tables
ORDER BY p.polrelid, p.polname
