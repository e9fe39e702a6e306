//! Statements that stop a deploy where the database has partitions that no migration made: programs make them while
//! it runs (pg_partman, a nightly job), so a plan that was read from the migrations leaves them out.

use pgsteward_model::catalog::{Constraint, ConstraintKind, ForeignKey, Index, QName, Table};
use pgsteward_sql::{ddl, quote_literal, quote_name, quote_qualified};

/// So many rows are read while a table is locked.
const FEW: u32 = 10_000;

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
    let (become_keys, above) = match key {
        true => (
            ", ALTER TABLE ... ADD CONSTRAINT ... USING INDEX on each",
            "ALTER TABLE ONLY ... ADD with the key's columns",
        ),
        false => ("", "CREATE INDEX ON ONLY"),
    };
    let hint = format!(
        "create the index concurrently on each of them{become_keys}, ALTER INDEX ... ATTACH PARTITION to the index of \
         the parent; pgsteward migrate resolve --rolled-back, and deploy again; on a table that \
         others are partitions of, {above} comes first"
    );
    whole(table, index, &hint)
}

/// The same at the end of a swap, which is undone as a whole where it fails.
fn stays_valid(table: &QName, index: &QName) -> String {
    whole(
        table,
        index,
        "detach each of them, or give it an index like that of the other partitions, over their new column; \
         pgsteward migrate resolve --rolled-back, and deploy again",
    )
}

fn whole(table: &QName, index: &QName, hint: &str) -> String {
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
        quote_literal(hint)
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

/// Gives the index of the parent what partitions have that no migration made: one of their own that is like it, or, where
/// they have few rows, a new one. Tables among them that have partitions get theirs first, so that it is there to attach to.
/// Fails where one has many rows and none, and where the index is not valid after all that: a key would be lost.
/// `meanwhile` is the index as it is before the columns have their names.
pub(super) fn take_rest(
    table: &QName,
    index: &QName,
    key: Option<&Constraint>,
    meanwhile: &Index,
) -> [String; 2] {
    let (kind, unique_word) = match key.map(|key| &key.kind) {
        Some(ConstraintKind::PrimaryKey { .. }) => ("PRIMARY KEY", "UNIQUE "),
        Some(_) => ("UNIQUE", "UNIQUE "),
        None => ("", if meanwhile.unique { "UNIQUE " } else { "" }),
    };
    let become_key = key.map_or_else(String::new, |key| {
        format!(
            "      EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I {kind} USING INDEX %I{}', part.relid::regclass, own, own);\n",
            ddl::deferral(key)
        )
    });
    let create =
        ddl::index_of_parent(table, &Index { name: "i".into(), constraint: None, ..meanwhile.clone() });
    let columns = create.split_once(&quote_name(table)).map_or("", |(_, columns)| columns);
    let check = stays_valid(table, index);
    let (table, index) = (quote_literal(&quote_qualified(table)), quote_literal(&quote_qualified(index)));
    let tail = "substring(pg_get_indexdef(%) FROM ' USING .*$')";
    let (wanted, had) =
        (tail.replace('%', &format!("{index}::regclass")), tail.replace('%', "had.indexrelid"));
    let is_unique = !unique_word.is_empty();
    let find = |which: &str| {
        format!(
            "SELECT class.relname INTO own FROM pg_catalog.pg_index AS had\n      \
             JOIN pg_catalog.pg_class AS class ON class.oid = had.indexrelid AND NOT class.relispartition\n      \
             WHERE had.indrelid = part.relid AND had.indisunique = {is_unique}\n        \
             AND {had} = {wanted}\n        \
             AND {which}EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = had.indexrelid AND contype IN ('p', 'u', 'x'))\n"
        )
    };
    // That of a table with partitions is not valid before theirs are, and no index that is there becomes its key.
    let of_parent =
        format!("{}      ORDER BY had.indexrelid LIMIT 1;\n", find(if key.is_some() { "" } else { "NOT " }));
    let of_leaf =
        format!("{}        AND had.indisvalid\n      ORDER BY had.indexrelid LIMIT 1;\n", find("NOT "));
    let make_above = match key {
        Some(_) => format!(
            "EXECUTE format('ALTER TABLE ONLY %s ADD %s', part.relid::regclass, (\n          \
             SELECT pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint WHERE conindid = {index}::regclass AND contype IN ('p', 'u')\n        ))"
        ),
        None => format!(
            "EXECUTE format('CREATE {unique_word}INDEX ON ONLY %s%s', part.relid::regclass, {wanted})"
        ),
    };
    let rest = format!(
        "-- Partitions that no migration made.\n\
         DO $rest$\nDECLARE\n  part record;\n  above text;\n  own text;\n  many boolean;\nBEGIN\n  FOR part IN\n    \
         SELECT tree.relid, tree.parentrelid, tree.isleaf, class.relnamespace::regnamespace AS namespace\n    \
         FROM pg_catalog.pg_partition_tree({table}::regclass) AS tree\n    \
         JOIN pg_catalog.pg_class AS class ON class.oid = tree.relid\n    \
         WHERE tree.level > 0 AND NOT EXISTS (\n      \
         SELECT FROM pg_catalog.pg_partition_tree({index}::regclass) AS attached\n      \
         JOIN pg_catalog.pg_index ON pg_index.indexrelid = attached.relid WHERE pg_index.indrelid = tree.relid\n    )\n    \
         ORDER BY tree.level, tree.relid\n  LOOP\n    \
         IF part.isleaf THEN\n      {of_leaf}      \
         EXECUTE format('SELECT count(*) > {FEW} FROM (SELECT FROM %s LIMIT {FEW} + 1) AS rest', part.relid::regclass) INTO many;\n      \
         IF own IS NULL AND many THEN\n        \
         RAISE EXCEPTION 'the partition %, which no migration made, has no valid index of its own like %', part.relid::regclass, {index}\n          \
         USING HINT = 'run: CREATE {unique_word}INDEX CONCURRENTLY ON ' || part.relid::regclass || {} || '; then \
         pgsteward migrate resolve --rolled-back, and deploy again';\n      END IF;\n      \
         IF own IS NULL THEN\n        \
         EXECUTE format('CREATE {unique_word}INDEX ON %s%s', part.relid::regclass, {wanted});\n        {of_leaf}      END IF;\n\
         {become_key}    ELSE\n      {of_parent}      IF own IS NULL THEN\n        {make_above};\n        {of_parent}      END IF;\n    END IF;\n    \
         SELECT attached.indexrelid::regclass::text INTO above FROM pg_catalog.pg_index AS attached\n    \
         WHERE attached.indrelid = part.parentrelid\n      \
         AND attached.indexrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree({index}::regclass));\n    \
         EXECUTE format('ALTER INDEX %s ATTACH PARTITION %s.%I', above, part.namespace, own);\n  \
         END LOOP;\nEND\n$rest$",
        quote_literal(columns),
    );
    [rest, check]
}

/// Remembers which index is the replica identity of a table and of its partitions, and which one it is clustered on, under the
/// name of the whole table's: the server forgets it with the column. Only the server knows: tools that copy changes are told by
/// hand.
pub(super) fn identity(tables: &[&QName]) -> String {
    let list = |table: &&QName| {
        let table = quote_literal(&quote_qualified(table));
        format!(
            "SELECT {table}::regclass UNION SELECT relid FROM pg_catalog.pg_partition_tree({table}::regclass)"
        )
    };
    let tables: Vec<String> = tables.iter().map(list).collect();
    format!(
        "-- Which indexes are replica identities, and which ones tables are clustered on.\n\
         SELECT pg_catalog.set_config('pgsteward.identity', coalesce(json_agg(json_build_object('relation', had.indrelid::regclass::text,\n  \
         'identity', had.indisreplident, 'clustered', had.indisclustered,\n  \
         'whole', coalesce(pg_catalog.pg_partition_root(had.indexrelid), had.indexrelid)::regclass::text)), '[]')::text, false)\n\
         FROM pg_catalog.pg_index AS had\nWHERE (had.indisreplident OR had.indisclustered) AND had.indrelid IN (\n  {}\n)",
        tables.join("\n  UNION ")
    )
}

/// Makes the indexes that took their places the replica identities, without which every UPDATE of a published table fails, and
/// those that tables are clustered on.
pub(super) const IDENTITY_BACK: &str = "DO $identity$\nDECLARE\n  one record;\n  own text;\nBEGIN\n  FOR one IN\n    \
     SELECT * FROM json_to_recordset(pg_catalog.current_setting('pgsteward.identity')::json)\n      \
     AS kept (relation text, identity boolean, clustered boolean, whole text)\n  LOOP\n    \
     SELECT class.relname INTO own FROM pg_catalog.pg_index AS had\n    \
     JOIN pg_catalog.pg_class AS class ON class.oid = had.indexrelid\n    \
     WHERE had.indrelid = one.relation::regclass\n      \
     AND coalesce(pg_catalog.pg_partition_root(had.indexrelid), had.indexrelid)::regclass::text = one.whole;\n    \
     IF own IS NULL THEN\n      \
     RAISE EXCEPTION 'the replica identity of % is the index %, which no migration made and which goes with its column', one.relation, one.whole\n        \
     USING HINT = 'run: ALTER TABLE ' || one.relation || ' REPLICA IDENTITY FULL; then pgsteward migrate resolve --rolled-back, and deploy again';\n    \
     END IF;\n    \
     IF one.identity THEN\n      EXECUTE format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', one.relation, own);\n    END IF;\n    \
     IF one.clustered THEN\n      EXECUTE format('ALTER TABLE %s CLUSTER ON %I', one.relation, own);\n    END IF;\n  \
     END LOOP;\n  PERFORM pg_catalog.set_config('pgsteward.identity', '[]', false);\nEND\n$identity$";
