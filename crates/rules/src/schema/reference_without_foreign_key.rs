//! A column that looks like a reference and has no foreign key.

use std::collections::BTreeMap;

use pgsteward_model::catalog::{Column, Table};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::shared;
use crate::shared::words;

pub(super) static RULE: Rule = Rule {
    id: "reference-without-foreign-key",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["pg-index-health:tables_not_linked_to_others"],
    page: include_str!("reference_without_foreign_key.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    // There the team has decided for all relations at once.
    if facts.prisma.as_ref().is_some_and(|schema| schema.relation_mode_prisma()) {
        return Vec::new();
    }
    let targets = Targets::of(facts);
    shared::columns(facts)
        .filter_map(|(table, column)| {
            let target = targets.of_column(table, column)?;
            let name = shared::column_name(table, column);
            let key = target.primary_key()?.1.first()?;
            Some(
                shared::on_column(
                    &RULE,
                    facts,
                    table,
                    column,
                    format!("\"{name}\" looks like a reference to \"{}\" and has no foreign key", target.name.display()),
                )
                .detail(format!(
                    "Rows may refer to a \"{}\" that was deleted or never was, and deleting one leaves its rows behind.",
                    target.name.display()
                ))
                .hint(format!(
                    "add FOREIGN KEY ({}) REFERENCES {} ({}) NOT VALID, repair the rows that have no parent, then VALIDATE \
                     CONSTRAINT; in Prisma add a @relation",
                    quote_ident(&column.name),
                    quote_name(&target.name),
                    quote_ident(key)
                )),
            )
        })
        .collect()
}

/// Tables with a key of one column, by the words of their name in the singular.
struct Targets<'a> {
    by_name: BTreeMap<Vec<String>, Vec<&'a Table>>,
}

impl<'a> Targets<'a> {
    fn of(facts: &'a Facts) -> Targets<'a> {
        let mut by_name: BTreeMap<Vec<String>, Vec<&Table>> = BTreeMap::new();
        for table in shared::tables(facts) {
            if table.primary_key().is_some_and(|(_, columns)| columns.len() == 1) {
                by_name.entry(singular(words(&table.name.name))).or_default().push(table);
            }
        }
        Targets { by_name }
    }

    /// The table that the column's name and type speak of, unless something else explains the column.
    fn of_column(&self, table: &Table, column: &Column) -> Option<&'a Table> {
        let mut stem = words(&column.name);
        if stem.len() < 2 || stem.pop()? != "id" {
            return None;
        }
        let in_foreign_key = table.foreign_keys().any(|(_, key)| key.columns.contains(&column.name));
        let is_key = table.primary_key().is_some_and(|(_, columns)| columns == [column.name.clone()]);
        if is_record(table) || in_foreign_key || is_key || is_polymorphic(table, &stem) || is_external(&stem)
        {
            return None;
        }
        let candidates = self.by_name.get(&singular(stem))?;
        // Two tables of one name in two namespaces: its own namespace, or nothing can be said.
        let target = match candidates.as_slice() {
            [one] => *one,
            several => *several.iter().find(|other| other.name.namespace == table.name.namespace)?,
        };
        let key = target.primary_key()?.1.first()?;
        let same_type = target.column(key).is_some_and(|key| kind(key) == kind(column));
        // A column named after its own table is a number of the row, not a reference.
        (same_type && target.name != table.name).then_some(target)
    }
}

/// The type without its length; `varchar` is `text` to a comparison.
fn kind(column: &Column) -> (&str, u32) {
    let name = if shared::is_text(column) { "text" } else { column.ty.name.as_str() };
    (name, column.ty.array)
}

/// `subject_id` beside `subject_type`: the table differs from row to row.
fn is_polymorphic(table: &Table, stem: &[String]) -> bool {
    table.columns.iter().any(|other| {
        let words = words(&other.name);
        words.split_last().is_some_and(|(last, rest)| {
            matches!(last.as_str(), "type" | "kind" | "table" | "model") && rest == stem
        })
    })
}

/// What was written down stays when its subjects go: logs, events, histories, copies.
fn is_record(table: &Table) -> bool {
    const RECORDS: &[&str] = &[
        "log", "logs", "audit", "audits", "event", "events", "history", "archive", "backup", "backups",
        "outbox",
    ];
    words(&table.name.name).iter().any(|word| RECORDS.contains(&word.as_str()))
}

/// The id is given by somebody else.
fn is_external(stem: &[String]) -> bool {
    const OTHERS: &[&str] = &[
        "stripe",
        "paddle",
        "paypal",
        "github",
        "gitlab",
        "bitbucket",
        "google",
        "slack",
        "discord",
        "twitter",
        "facebook",
        "apple",
        "microsoft",
        "azure",
        "aws",
        "gcp",
        "hubspot",
        "salesforce",
        "intercom",
        "segment",
        "clerk",
        "auth0",
        "okta",
        "supabase",
        "firebase",
        "vercel",
        "netlify",
        "external",
        "provider",
        "remote",
        "legacy",
        "vendor",
        "upstream",
        "foreign",
        "third",
        "oauth",
        "client",
        "request",
        "trace",
        "span",
        "correlation",
    ];
    // A table of the project may bear such a name alone ("vendor_id"); as a qualifier it points elsewhere.
    stem.len() > 1 && stem.iter().any(|word| OTHERS.contains(&word.as_str()))
}

/// The last word in the singular: `categories`, `boxes`, `statuses`, `users`.
fn singular(mut words: Vec<String>) -> Vec<String> {
    if let Some(last) = words.last_mut() {
        let stem = if let Some(stem) = last.strip_suffix("ies") {
            format!("{stem}y")
        } else if let Some(stem) = ["sses", "xes", "ches", "shes", "uses"]
            .iter()
            .find_map(|end| last.strip_suffix(end).map(|stem| format!("{stem}{}", &end[..end.len() - 2])))
        {
            stem
        } else if last.ends_with('s') && !last.ends_with("ss") && !last.ends_with("us") {
            last[..last.len() - 1].to_owned()
        } else {
            last.clone()
        };
        *last = stem;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::singular;

    #[test]
    fn plurals_of_table_names() {
        for (plural, single) in [
            ("users", "user"),
            ("categories", "category"),
            ("boxes", "box"),
            ("statuses", "status"),
            ("status", "status"),
            ("addresses", "address"),
            ("address", "address"),
            ("invoices", "invoice"),
        ] {
            assert_eq!(singular(vec![plural.to_owned()]), [single]);
        }
    }
}
