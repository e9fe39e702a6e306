//! `COMMENT ON`, for everything that the catalog has a comment of.

use pgsteward_model::catalog::{Catalog, QName, Table};

use super::{object, tables};
use crate::quote::{quote_ident, quote_literal, quote_qualified};

pub(super) fn all(catalog: &Catalog) -> Vec<String> {
    let commented = entries(catalog).into_iter().filter_map(|(object, comment)| Some((object, comment?)));
    commented.map(|(object, comment)| set(&object, Some(&comment))).collect()
}

/// The statement for one object, as [`entries`] names it.
pub(super) fn set(object: &str, comment: Option<&str>) -> String {
    format!("COMMENT ON {object} IS {}", comment.map_or("NULL".to_owned(), quote_literal))
}

/// Everything that can have a comment, in the words of COMMENT ON, with the one it has.
pub(super) fn entries(catalog: &Catalog) -> Vec<(String, Option<String>)> {
    let mut comments = Comments::default();
    for (name, namespace) in &catalog.namespaces {
        comments.on(format!("SCHEMA {}", quote_ident(name)), &namespace.comment);
    }
    for (name, one) in &catalog.enums {
        comments.named("TYPE", name, &one.comment);
    }
    for (name, one) in &catalog.domains {
        comments.named("DOMAIN", name, &one.comment);
    }
    for (name, one) in &catalog.composites {
        comments.named("TYPE", name, &one.comment);
    }
    for (name, one) in &catalog.ranges {
        comments.named("TYPE", name, &one.comment);
    }
    for (name, one) in &catalog.sequences {
        comments.named("SEQUENCE", name, &one.comment);
    }
    for function in catalog.functions.values() {
        comments.on(object::function_name(function), &function.comment);
    }
    for (name, one) in &catalog.statistics_objects {
        comments.named("STATISTICS", name, &one.comment);
    }
    for table in tables(catalog) {
        comments.of_table(table);
    }
    for (name, view) in &catalog.views {
        comments.named(if view.materialized { "MATERIALIZED VIEW" } else { "VIEW" }, name, &view.comment);
        for index in &view.indexes {
            comments.named("INDEX", &QName::new(name.namespace.clone(), index.name.clone()), &index.comment);
        }
    }
    comments.entries
}

#[derive(Default)]
struct Comments {
    entries: Vec<(String, Option<String>)>,
}

impl Comments {
    fn on(&mut self, object: String, comment: &Option<String>) {
        self.entries.push((object, comment.clone()));
    }

    fn named(&mut self, word: &str, name: &QName, comment: &Option<String>) {
        self.on(format!("{word} {}", quote_qualified(name)), comment);
    }

    fn of_table(&mut self, table: &Table) {
        let name = quote_qualified(&table.name);
        self.named("TABLE", &table.name, &table.comment);
        for column in &table.columns {
            self.on(format!("COLUMN {name}.{}", quote_ident(&column.name)), &column.comment);
        }
        for index in &table.indexes {
            let index_name = QName::new(table.name.namespace.clone(), index.name.clone());
            self.named("INDEX", &index_name, &index.comment);
        }
        let mut part = |word: &str, part: &str, comment: &Option<String>| {
            self.on(format!("{word} {} ON {name}", quote_ident(part)), comment);
        };
        for constraint in &table.constraints {
            part("CONSTRAINT", &constraint.name, &constraint.comment);
        }
        for trigger in &table.triggers {
            part("TRIGGER", &trigger.name, &trigger.comment);
        }
        for policy in &table.policies {
            part("POLICY", &policy.name, &policy.comment);
        }
    }
}
