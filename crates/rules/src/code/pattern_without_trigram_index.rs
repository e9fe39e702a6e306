//! A search inside of texts that no trigram index serves: each one reads the whole table.

use std::collections::BTreeMap;

use pgsteward_model::catalog::{QName, Table, TableKind};
use pgsteward_model::change::{Change, Fix, PrismaEdit, Rollback, Safety, Step};
use pgsteward_model::code::{Access, Call, Pattern, PatternKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_sql::{quote_ident, quote_name};

use super::{scale, shared};
use crate::shared as objects;

pub(super) static RULE: Rule = Rule {
    id: "pattern-without-trigram-index",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Catalog],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("pattern_without_trigram_index.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let (Some(code), Some(catalog)) = (&facts.code, facts.catalog()) else { return Vec::new() };
    let growing = scale::growing(facts, code);
    // One index serves all calls that search a column.
    let mut columns: BTreeMap<(&QName, &str), (&Table, Vec<&Call>)> = BTreeMap::new();
    for (_, call) in scale::served(code) {
        for access in call.lowered.queries().flat_map(|query| &query.accesses) {
            let Some(table) =
                scale::table_of(facts, access).filter(|table| !is_narrowed(facts, table, access))
            else {
                continue;
            };
            for pattern in access.patterns.iter().filter(|pattern| needs_trigrams(pattern)) {
                let Some(column) = table.column(&pattern.column) else { continue };
                let calls = &mut columns.entry((&table.name, &column.name)).or_insert((table, Vec::new())).1;
                if !calls.iter().any(|known| std::ptr::eq(*known, call)) {
                    calls.push(call);
                }
            }
        }
    }
    let mut findings = Vec::new();
    for ((_, column), (table, calls)) in columns {
        let size = scale::of_table(facts, table);
        let grows = objects::model_of(facts, &table.name).is_none_or(|model| growing.contains(&model.name));
        let unknown = size == scale::Scale::Unknown;
        let Some((first, others)) = calls.split_first() else { continue };
        if has_trigram_index(table, column) || size == scale::Scale::Small || (unknown && !grows) {
            continue;
        }
        let name = table.name.display();
        let mut finding = shared::on_call(
            &RULE,
            facts,
            code,
            first,
            format!("\"{}\" searches inside \"{name}.{column}\", which has no trigram index", shared::call_name(first)),
        )
        .severity(size.severity())
        .detail(format!(
            "A pattern that begins with % matches anywhere, and a b-tree is sorted by beginnings: every row of \"{name}\" is \
             read and compared."
        ))
        .hint(format!("add a GIN index with gin_trgm_ops (extension pg_trgm) on \"{column}\""));
        finding.at = finding.at.with_object(table.column_object(column));
        finding.identity = format!("code-pattern/{}/{column}", table.name);
        for call in others {
            finding = finding.also(shared::call_place(facts, call));
        }
        finding = scale::with_sql(finding, first);
        if let Some(fix) = trigram_index(facts, catalog.extensions.contains_key("pg_trgm"), table, column) {
            finding = finding.fix(fix);
        }
        if let Some(model) = objects::model_of(facts, &table.name) {
            finding = scale::with_rows(finding, facts, model);
        }
        findings.push(finding);
    }
    findings
}

fn needs_trigrams(pattern: &Pattern) -> bool {
    match pattern.kind {
        PatternKind::Contains | PatternKind::Suffix => true,
        PatternKind::Prefix => pattern.insensitive,
        PatternKind::Equals | PatternKind::FullText | PatternKind::Containment => false,
    }
}

/// Another condition leads to the rows of one owner by an index, and the pattern is held against those only.
fn is_narrowed(facts: &Facts, table: &Table, access: &Access) -> bool {
    let model = objects::model_of(facts, &table.name);
    let is_state =
        |column: &str| model.and_then(|model| model.field_of_column(column)).is_some_and(scale::is_state);
    let given: Vec<&str> = access.equal.iter().chain(&access.any_of).map(String::as_str).collect();
    let refers =
        |column: &str| table.foreign_keys().any(|(_, key)| key.columns.iter().any(|own| own == column));
    access.unique
        || given.iter().any(|column| refers(column))
        || table.indexes.iter().filter(|index| index.valid && index.predicate.is_none()).any(|index| {
            let leading = index.leading_columns();
            leading.first().is_some_and(|column| given.contains(column) && !is_state(column))
        })
}

fn has_trigram_index(table: &Table, column: &str) -> bool {
    table.indexes.iter().filter(|index| index.valid && matches!(index.method.as_str(), "gin" | "gist")).any(
        |index| {
            index.keys.iter().any(|key| {
                let by_trigram = key.opclass.as_deref().is_some_and(|class| class.contains("trgm"));
                let named = key.column.as_deref() == Some(column);
                let within = key.expression.as_deref().is_some_and(|expression| expression.contains(column));
                by_trigram && (named || within)
            })
        },
    )
}

fn trigram_index(facts: &Facts, installed: bool, table: &Table, column: &str) -> Option<Fix> {
    let ty = &table.column(column)?.ty;
    if table.kind != TableKind::Ordinary || !(ty.is("text") || ty.is("character varying")) {
        return None;
    }
    let name = objects::default_index_name(&table.name.name, &[column.to_owned()], "_trgm_idx");
    let index = QName::new(table.name.namespace.clone(), name.clone());
    if facts.catalog()?.index(&index).is_some() {
        return None;
    }
    let mut steps = Vec::new();
    let mut back = vec![Step::sql_alone(format!("DROP INDEX CONCURRENTLY {}", quote_name(&index)))];
    if !installed {
        steps.push(Step::sql("CREATE EXTENSION pg_trgm"));
        back.push(Step::sql("DROP EXTENSION pg_trgm"));
    }
    steps.push(Step::sql_alone(format!(
        "CREATE INDEX CONCURRENTLY {} ON {} USING gin ({} gin_trgm_ops)",
        quote_ident(&name),
        quote_name(&table.name),
        quote_ident(column)
    )));
    if let Some(model) = objects::model_of(facts, &table.name)
        && let Some(field) = model.field_of_column(column)
    {
        steps.push(Step::Prisma(PrismaEdit::AddBlockAttribute {
            model: model.name.clone(),
            attribute: format!(
                "@@index([{}(ops: raw(\"gin_trgm_ops\"))], map: \"{name}\", type: Gin)",
                field.name
            ),
        }));
    }
    Some(Fix {
        title: format!("add a trigram index on \"{}\" ({column})", table.name.display()),
        safety: Safety::Review,
        change: Change { steps, rollback: Rollback::Steps(back) },
    })
}
