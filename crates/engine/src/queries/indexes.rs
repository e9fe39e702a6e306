//! Indexes that no call of the code can use.
//!
//! An index serves a statement that gives a value for its first column, or asks for its order. What enforces a
//! constraint is needed whether or not it is read, and so is what leads from a parent to its children: deleting
//! the parent looks there.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Index, QName, Table};
use pgsteward_model::code::{Access, Code, Lowered};
use pgsteward_model::facts::Facts;
use pgsteward_model::queries::UnusedIndex;
use pgsteward_sql::ddl;

/// In the order of tables and indexes.
pub(super) fn unused(facts: &Facts) -> Vec<UnusedIndex> {
    let (Some(code), Some(catalog)) = (&facts.code, facts.catalog()) else { return Vec::new() };
    let accesses: Vec<&Access> = code
        .calls
        .iter()
        .map(|call| &call.lowered)
        .chain(code.raw.iter().map(|raw| &raw.lowered))
        .flat_map(Lowered::queries)
        .flat_map(|query| &query.accesses)
        .collect();
    let mut found = Vec::new();
    for table in catalog.user_tables() {
        let of_table: Vec<&&Access> = accesses
            .iter()
            .filter(|access| access.namespace == table.name.namespace && access.table == table.name.name)
            .collect();
        for index in table.indexes.iter().filter(|index| is_free(table, index)) {
            if of_table.iter().any(|access| serves(table, index, access)) || named_in_sql(code, index) {
                continue;
            }
            found.push(UnusedIndex {
                index: QName::new(table.name.namespace.clone(), index.name.clone()),
                table: table.name.clone(),
                definition: definition(table, index),
                unknown_calls: unknown(facts, code, &table.name),
                scans: index.statistics.as_ref().map(|statistics| statistics.scans),
            });
        }
    }
    found
}

/// Enforces nothing and supports no foreign key.
fn is_free(table: &Table, index: &Index) -> bool {
    let leading: Vec<&str> = index.leading_columns();
    let supports = table.foreign_keys().any(|(_, key)| {
        let columns: BTreeSet<&str> = key.columns.iter().map(String::as_str).collect();
        leading.len() >= columns.len()
            && leading[..columns.len()].iter().all(|column| columns.contains(column))
    });
    // Of an expression nobody knows which statement asks for it.
    !index.unique && index.constraint.is_none() && !leading.is_empty() && !supports
}

fn serves(table: &Table, index: &Index, access: &Access) -> bool {
    let leading = index.leading_columns();
    let Some(first) = leading.first() else { return true };
    let given = |column: &str| {
        let named = |list: &[String]| list.iter().any(|own| own == column);
        named(&access.equal)
            || named(&access.any_of)
            || named(&access.range)
            || named(&access.other)
            || access.patterns.iter().any(|pattern| pattern.column == column)
    };
    if index.method != "btree" {
        return leading.iter().any(|column| given(column));
    }
    let sorts = access.sort.first().is_some_and(|sort| sort.column == *first);
    let joins =
        access.joined && table.foreign_keys().any(|(_, key)| key.columns.iter().any(|own| own == first));
    given(first) || sorts || joins
}

/// SQL of the code may name the table in ways that lowering does not follow.
fn unknown(facts: &Facts, code: &Code, table: &QName) -> usize {
    let of_model = |name: &str| {
        facts.prisma.as_ref().and_then(|schema| schema.model(name)).is_some_and(|model| {
            model.db_name == table.name && model.namespace.as_deref().unwrap_or("public") == table.namespace
        })
    };
    let is_unknown = |lowered: &Lowered| matches!(lowered, Lowered::NotUnderstood { .. });
    let calls = code.calls.iter().filter(|call| is_unknown(&call.lowered) && of_model(&call.model)).count();
    let raw = code.raw.iter().filter(|raw| is_unknown(&raw.lowered));
    calls + raw.filter(|raw| raw.text.as_ref().is_none_or(|text| names_word(text, &table.name))).count()
}

/// A hint or a comment may ask for the index by name.
fn named_in_sql(code: &Code, index: &Index) -> bool {
    code.raw.iter().filter_map(|raw| raw.text.as_deref()).any(|text| names_word(text, &index.name))
}

/// Whether a name stands in the text as a word of its own.
pub(super) fn names_word(text: &str, name: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            !word(text[..at].chars().next_back()) && !word(text[at + name.len()..].chars().next())
        })
}

/// Method and columns, without the names that stand before them.
fn definition(table: &Table, index: &Index) -> String {
    let sql = ddl::index(&table.name, index, false);
    let name = pgsteward_sql::quote_name(&table.name);
    let rest = sql.split_once(&format!(" ON {name} ")).map_or(sql.as_str(), |(_, rest)| rest);
    match rest.strip_prefix("USING ") {
        Some(rest) => rest.to_owned(),
        None => format!("{} {rest}", index.method),
    }
}

#[cfg(test)]
mod tests {
    use pgsteward_model::catalog::{QName, Table};
    use pgsteward_model::code::{Access, SortColumn};

    use super::{Index, is_free, names_word, serves};

    fn index(columns: &[&str], method: &str) -> Index {
        Index { method: method.into(), ..Index::btree("i", columns) }
    }

    #[test]
    fn an_index_serves_by_its_first_column_or_its_order() {
        let table = Table::new(QName::public("t"));
        let by = |column: &str| Access { equal: vec![column.into()], ..Access::default() };
        let index_of = index(&["a", "b"], "btree");
        assert!(is_free(&table, &index_of));
        assert!(serves(&table, &index_of, &by("a")));
        assert!(!serves(&table, &index_of, &by("b")));
        let sort = vec![SortColumn { column: "a".into(), descending: true, nulls_first: None }];
        assert!(serves(&table, &index_of, &Access { sort, ..Access::default() }));
        assert!(serves(&table, &index(&["a", "b"], "gin"), &by("b")));
        assert!(!is_free(&table, &Index { unique: true, ..index_of }));
        assert!(names_word("FROM \"Order\" o", "Order") && !names_word("FROM \"OrderItem\"", "Order"));
    }
}
