-- Sequences with the column that owns them. $3: whether to read the last values, which opens each sequence.
-- The last value of a sequence that the role may not read is NULL, and so is the one of an unused sequence.
SELECT s.seqrelid,
       format_type(s.seqtypid, NULL),
       s.seqstart,
       s.seqincrement,
       s.seqmin,
       s.seqmax,
       s.seqcycle,
       d.refobjid,
       d.refobjsubid,
       CASE WHEN $3 AND c.relpersistence = 'p' AND has_sequence_privilege(s.seqrelid, 'SELECT, USAGE')
            THEN pg_sequence_last_value(s.seqrelid) END,
       has_sequence_privilege(s.seqrelid, 'SELECT, USAGE'),
       current_user::text
FROM pg_sequence s
     JOIN pg_class c ON c.oid = s.seqrelid
     LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
                          AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
                          AND d.deptype IN ('a', 'i')
WHERE s.seqrelid >= 16384
