//! `CREATE INDEX`.

use pgsteward_model::catalog::{Index, IndexKey, QName};

use super::{column_list, with_options};
use crate::quote::{quote_ident, quote_name};

/// `CREATE INDEX` with every property of the index. `concurrently` makes a statement that must run alone.
pub fn index(table: &QName, index: &Index, concurrently: bool) -> String {
    create_on(&quote_name(table), index, concurrently)
}

/// The index of a partitioned table without those of its partitions; invalid until one of each is attached.
pub fn index_of_parent(table: &QName, index: &Index) -> String {
    create_on(&format!("ONLY {}", quote_name(table)), index, false)
}

/// `table` is SQL already.
pub(super) fn create_on(table: &str, index: &Index, concurrently: bool) -> String {
    let mut sql = format!(
        "CREATE {}INDEX {}{} ON {table}",
        if index.unique { "UNIQUE " } else { "" },
        if concurrently { "CONCURRENTLY " } else { "" },
        quote_ident(&index.name),
    );
    if index.method != "btree" {
        sql += &format!(" USING {}", quote_ident(&index.method));
    }
    let keys: Vec<String> = index.keys.iter().map(key).collect();
    sql += &format!(" ({})", keys.join(", "));
    if !index.include.is_empty() {
        sql += &format!(" INCLUDE {}", column_list(&index.include));
    }
    if index.nulls_not_distinct {
        sql += " NULLS NOT DISTINCT";
    }
    sql += &with_options(&index.options);
    if let Some(predicate) = &index.predicate {
        sql += &format!(" WHERE ({predicate})");
    }
    sql
}

fn key(key: &IndexKey) -> String {
    let mut sql = match (&key.column, &key.expression) {
        (Some(column), _) => quote_ident(column),
        (None, expression) => format!("({})", expression.as_deref().unwrap_or("")),
    };
    if let Some(collation) = &key.collation {
        sql += &format!(" COLLATE {}", quote_ident(collation));
    }
    if let Some(opclass) = &key.opclass {
        sql += &format!(" {}", quote_ident(opclass));
    }
    // NULLS FIRST is what DESC means unless it says otherwise.
    match (key.descending, key.nulls_first) {
        (false, false) => {}
        (false, true) => sql += " NULLS FIRST",
        (true, true) => sql += " DESC",
        (true, false) => sql += " DESC NULLS LAST",
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_written_with_every_property() {
        let full = Index {
            name: "Order_idx".into(),
            method: "btree".into(),
            keys: vec![
                IndexKey { opclass: Some("text_pattern_ops".into()), ..IndexKey::column("Code") },
                IndexKey {
                    expression: Some("lower(email)".into()),
                    collation: Some("C".into()),
                    descending: true,
                    nulls_first: true,
                    ..IndexKey::default()
                },
                IndexKey { descending: true, ..IndexKey::column("id") },
                IndexKey { nulls_first: true, ..IndexKey::column("at") },
            ],
            include: vec!["total".into()],
            unique: true,
            nulls_not_distinct: true,
            predicate: Some("total > 0".into()),
            valid: true,
            constraint: None,
            options: vec!["fillfactor=70".into()],
            comment: None,
            statistics: None,
        };
        assert_eq!(
            index(&QName::new("shop", "Order"), &full, true),
            "CREATE UNIQUE INDEX CONCURRENTLY \"Order_idx\" ON shop.\"Order\" (\"Code\" text_pattern_ops, \
             (lower(email)) COLLATE \"C\" DESC, id DESC NULLS LAST, at NULLS FIRST) INCLUDE (total) \
             NULLS NOT DISTINCT WITH (fillfactor=70) WHERE (total > 0)"
        );
        let plain = Index {
            method: "gin".into(),
            unique: false,
            keys: vec![IndexKey::column("tags")],
            include: vec![],
            nulls_not_distinct: false,
            predicate: None,
            options: vec![],
            ..full
        };
        assert_eq!(
            index(&QName::public("Order"), &plain, false),
            "CREATE INDEX \"Order_idx\" ON \"Order\" USING gin (tags)"
        );
    }
}
