-- What ANALYZE knows about columns. The view hides columns that the role may not read.
SELECT s.schemaname,
       s.tablename,
       s.attname,
       s.inherited,
       s.null_frac::float8,
       s.n_distinct::float8,
       s.avg_width,
       s.most_common_freqs[1]::float8,
       s.most_common_freqs::float8[],
       CASE WHEN $3 THEN s.most_common_vals::text::text[] END,
       CASE WHEN $3 THEN s.histogram_bounds::text::text[] END
FROM pg_stats s
WHERE s.schemaname !~ '^pg_' AND s.schemaname <> 'information_schema'
