//! Statements that stop a deploy where the database has partitions that no migration made: programs make them while
//! it runs (pg_partman, a nightly job), so a plan that was read from the migrations leaves them out.

use pgsteward_model::catalog::{ForeignKey, QName, Table};
use pgsteward_sql::{quote_literal, quote_qualified};

/// What the report says of it.
pub(super) fn note(root: &Table) -> String {
    format!(
        "partitions of {} that no migration made are not in the folders: where the database has some, the folder that \
         ends the work fails, changes nothing and names them",
        root.name.display()
    )
}

/// Fails unless the index of the parent is valid, which it is when each partition has its own.
pub(super) fn is_valid(table: &QName, index: &QName, key: bool) -> String {
    let become_keys = if key { ", ALTER TABLE … ADD CONSTRAINT … USING INDEX on each" } else { "" };
    let hint = format!(
        "create the index concurrently on each of them{become_keys}, ALTER INDEX … ATTACH PARTITION to the index of \
         the parent; pgsteward migrate resolve --rolled-back, and deploy again; on a table that \
         others are partitions of, CREATE INDEX ON ONLY comes first"
    );
    let (table, index) = (quote_literal(&quote_qualified(table)), quote_literal(&quote_qualified(index)));
    format!(
        "DO $check$\nDECLARE\n  missing text;\nBEGIN\n  \
         IF (SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = {index}::regclass) THEN\n    RETURN;\n  END IF;\n  \
         SELECT string_agg(part.relid::regclass::text, ', ' ORDER BY part.relid::regclass::text) INTO missing\n  \
         FROM pg_catalog.pg_partition_tree({table}::regclass) AS part\n  \
         WHERE part.level > 0 AND NOT EXISTS (\n    \
         SELECT FROM pg_catalog.pg_partition_tree({index}::regclass) AS own\n    \
         JOIN pg_catalog.pg_index AS attached ON attached.indexrelid = own.relid\n    \
         WHERE attached.indrelid = part.relid AND (attached.indisvalid OR NOT part.isleaf)\n  );\n  \
         RAISE EXCEPTION 'the index % is not valid: no valid index of these partitions is attached to it: %',\n    \
         {index}, coalesce(missing, '(of an index below it)')\n    USING HINT = {};\nEND\n$check$",
        quote_literal(&hint)
    )
}

/// Fails where a partition with rows has no valid key of its own: the parent would check its rows under a lock that
/// stops writers.
pub(super) fn have_keys(table: &QName, name: &str, key: &ForeignKey) -> String {
    let hint = "add the foreign key to each of them NOT VALID, VALIDATE CONSTRAINT; \
                pgsteward migrate resolve --rolled-back, and deploy again";
    let columns: Vec<String> = key.columns.iter().map(|column| quote_literal(column)).collect();
    format!(
        "DO $check$\nDECLARE\n  missing text;\nBEGIN\n  \
         SELECT string_agg(part.relid::regclass::text, ', ' ORDER BY part.relid::regclass::text) INTO missing\n  \
         FROM pg_catalog.pg_partition_tree({}::regclass) AS part\n  \
         WHERE part.level > 0 AND part.isleaf AND pg_catalog.pg_relation_size(part.relid) > 0 AND NOT EXISTS (\n    \
         SELECT FROM pg_catalog.pg_constraint AS own\n    \
         WHERE own.conrelid = part.relid AND own.contype = 'f' AND own.convalidated AND own.confrelid = {}::regclass\n    \
         AND ARRAY(\n      SELECT columns.attname::text FROM unnest(own.conkey) WITH ORDINALITY AS key (number, place)\n      \
         JOIN pg_catalog.pg_attribute AS columns ON columns.attrelid = own.conrelid AND columns.attnum = key.number\n      \
         ORDER BY key.place\n    ) = ARRAY[{}]::text[]\n  );\n  \
         IF missing IS NOT NULL THEN\n    \
         RAISE EXCEPTION 'these partitions have no valid foreign key % of their own: %', {}, missing\n      \
         USING HINT = {};\n  END IF;\nEND\n$check$",
        quote_literal(&quote_qualified(table)),
        quote_literal(&quote_qualified(&key.references)),
        columns.join(", "),
        quote_literal(name),
        quote_literal(hint),
    )
}
