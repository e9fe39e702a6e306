//! Which model and table a call is about, how large the table is, whether it grows, and who waits for the answer:
//! where only traffic or size decides, the severity follows these.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{QName, Table};
use pgsteward_model::code::{Access, Call, Code, FileRole, Function, FunctionRole, Operation, StatementKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::prisma::{Field, FieldType, Model, Scalar};

use crate::shared::kept_words;

/// Fewer rows than this are read within milliseconds.
const SMALL: f64 = 10_000.0;
/// Whoever waits for so many rows to be read feels it.
const LARGE: f64 = 100_000.0;

/// The calls of code that serves users, with their places in `Code::calls`.
pub(in crate::code) fn served(code: &Code) -> impl Iterator<Item = (usize, &Call)> {
    code.calls.iter().enumerate().filter(|(_, call)| code.serves(&call.site))
}

pub(in crate::code) fn model<'a>(facts: &'a Facts, name: &str) -> Option<&'a Model> {
    facts.prisma.as_ref()?.model(name)
}

/// The model that a relation field leads to.
pub(in crate::code) fn target<'a>(facts: &'a Facts, field: &Field) -> Option<&'a Model> {
    match &field.ty {
        FieldType::Model(name) => model(facts, name),
        _ => None,
    }
}

pub(in crate::code) fn table<'a>(facts: &'a Facts, model: &Model) -> Option<&'a Table> {
    let namespace = model.namespace.as_deref().unwrap_or("public");
    facts.catalog()?.table(&QName::new(namespace, model.db_name.clone()))
}

pub(in crate::code) fn table_of<'a>(facts: &'a Facts, access: &Access) -> Option<&'a Table> {
    facts.catalog()?.table(&QName::new(access.namespace.clone(), access.table.clone()))
}

/// How large a table is, where a live server says so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::code) enum Scale {
    Unknown,
    Small,
    Middle(f64),
    Large(f64),
}

impl Scale {
    fn of_rows(rows: f64) -> Scale {
        match rows {
            rows if rows < SMALL => Scale::Small,
            rows if rows < LARGE => Scale::Middle(rows),
            rows => Scale::Large(rows),
        }
    }

    /// Of a finding that matters where the table is large.
    pub(in crate::code) fn severity(self) -> Severity {
        if matches!(self, Scale::Large(_)) { Severity::Warning } else { Severity::Info }
    }
}

pub(in crate::code) fn of_model(facts: &Facts, model: &Model) -> Scale {
    table(facts, model).map_or(Scale::Unknown, |table| of_table(facts, table))
}

pub(in crate::code) fn of_table(facts: &Facts, table: &Table) -> Scale {
    rows(facts, table).map_or(Scale::Unknown, Scale::of_rows)
}

/// Rows by the statistics of a live server. A partitioned table has those of its partitions.
pub(in crate::code) fn rows(facts: &Facts, table: &Table) -> Option<f64> {
    if !facts.has(Need::Statistics) {
        return None;
    }
    let rows = |table: &Table| table.statistics.as_ref().and_then(|statistics| statistics.rows);
    let is_part = |child: &&Table| child.partition_of.as_ref().is_some_and(|of| of.parent == table.name);
    let parts: Vec<f64> =
        facts.catalog()?.tables.values().map(AsRef::as_ref).filter(is_part).filter_map(rows).collect();
    if parts.is_empty() { rows(table) } else { Some(parts.iter().sum()) }
}

/// Rows that one value of a column has on average, where statistics say so.
pub(in crate::code) fn rows_per_value(facts: &Facts, table: &Table, column: &str) -> Option<f64> {
    let rows = rows(facts, table)?;
    let distinct = table.column(column)?.statistics.as_ref()?.distinct;
    let values = if distinct < 0.0 { -distinct * rows } else { distinct };
    (values > 0.0).then(|| rows / values)
}

/// With the size of the model's table, where it is known.
pub(in crate::code) fn with_rows(finding: Finding, facts: &Facts, model: &Model) -> Finding {
    match table(facts, model).and_then(|table| Some((table, rows(facts, table)?))) {
        Some((table, rows)) => finding.evidence(Evidence::Rows { relation: table.name.display(), rows }),
        None => finding,
    }
}

/// With the call's first statement, as Prisma sends it.
pub(in crate::code) fn with_sql(finding: Finding, call: &Call) -> Finding {
    match call.lowered.queries().next() {
        Some(query) => finding.evidence(Evidence::Sql { sql: query.sql.to_string() }),
        None => finding,
    }
}

/// Models whose tables grow while the application runs, because code that serves users adds rows. Seeds, migrations
/// and people fill the others.
pub(in crate::code) fn growing(facts: &Facts, code: &Code) -> BTreeSet<String> {
    let adds = |operation| {
        matches!(
            operation,
            Operation::Create | Operation::CreateMany | Operation::CreateManyAndReturn | Operation::Upsert
        )
    };
    let direct = served(code).filter(|(_, call)| adds(call.operation)).map(|(_, call)| call.model.as_str());
    let raw = code.raw.iter().filter(|raw| code.serves(&raw.site)).flat_map(|raw| raw.lowered.queries());
    let inserted = served(code)
        .flat_map(|(_, call)| call.lowered.queries())
        .chain(raw)
        .filter(|query| query.kind == StatementKind::Insert)
        .filter_map(|query| query.accesses.first())
        .filter_map(|access| facts.prisma.as_ref()?.model_of_table(&access.namespace, &access.table))
        .map(|model| model.name.as_str());
    let models: BTreeSet<&str> = direct.chain(inserted).collect();
    models.into_iter().filter(|model| !holds_choices(model)).map(str::to_owned).collect()
}

/// Columns that hold one of a few words, whatever their type.
pub(in crate::code) fn is_state_name(column: &str) -> bool {
    const STATES: [&str; 16] = [
        "status",
        "state",
        "type",
        "kind",
        "role",
        "locale",
        "currency",
        "country",
        "language",
        "mode",
        "level",
        "visibility",
        "environment",
        "env",
        "plan",
        "provider",
    ];
    kept_words(column).last().is_some_and(|word| STATES.contains(&word.as_str()))
}

/// A field that divides rows into a few large groups: an enum, a flag, a word of a few.
pub(in crate::code) fn is_state(field: &Field) -> bool {
    matches!(field.ty, FieldType::Enum(_) | FieldType::Scalar(Scalar::Boolean)) || is_state_name(&field.name)
}

/// A model of what people choose from or set once, by its name: a handful of rows, whoever adds them.
pub(in crate::code) fn holds_choices(model: &str) -> bool {
    const CHOICES: [&str; 16] = [
        "config",
        "configuration",
        "setting",
        "settings",
        "option",
        "flag",
        "role",
        "permission",
        "plan",
        "price",
        "currency",
        "country",
        "locale",
        "language",
        "category",
        "timezone",
    ];
    kept_words(model).last().is_some_and(|word| CHOICES.contains(&word.as_str()))
}

/// Functions that run while a user waits: what handles a request, renders a page or resolves a field, and all that
/// these call.
pub(in crate::code) fn awaited_by_users(code: &Code) -> BTreeSet<usize> {
    let is_entry = |role| {
        matches!(role, FunctionRole::RequestHandler | FunctionRole::FieldResolver | FunctionRole::Component)
    };
    let is_reached =
        |function: &Function| is_entry(function.role) && function.file_role == FileRole::Application;
    let mut reached: Vec<bool> = code.functions.iter().map(is_reached).collect();
    loop {
        let mut more = false;
        for invocation in &code.invocations {
            if reached[invocation.site.function] && !reached[invocation.callee] {
                reached[invocation.callee] = true;
                more = true;
            }
        }
        if !more {
            return (0..reached.len()).filter(|function| reached[*function]).collect();
        }
    }
}
