//! Looks at the data before a statement that depends on it runs: duplicates before UNIQUE, NULLs before NOT NULL,
//! orphans before a foreign key, rows that break a check, and the same before a constraint that was added NOT VALID is
//! validated. Reads only, for a limited time, and shows the keys of some rows and no other value of theirs.

mod standing;

use pgsteward_model::catalog::{Constraint, ConstraintKind};
use pgsteward_model::migrate::deploy::{CheckOutcome, DataCheck};
use pgsteward_model::migration::ServerError;
use pgsteward_model::statement::{AlterAction, Name, Statement};
use pgsteward_pg::WriteSession;
use pgsteward_sql::{quote_ident, quote_literal};

use super::regime::FilePlan;

/// Rows whose keys are shown.
const EXAMPLES: usize = 5;
/// How long one look may take.
const LIMIT: &str = "30s";

/// A question to the data.
struct Question {
    what: String,
    line: u32,
    table: Name,
    /// Rows that stand in the way, as `FROM … WHERE …` over the alias `t`.
    rows: String,
}

/// What is asked of the data.
enum Asked {
    At(Question),
    /// A constraint that is there, and that only the server knows.
    Constraint {
        table: Name,
        name: String,
        line: u32,
    },
}

/// Asks about every statement of a file that data can make fail. The session has no open transaction.
/// `earlier` are the files that the same deploy has run before it, `later` those that it runs behind it.
pub(super) async fn look(
    session: &WriteSession,
    earlier: &[FilePlan],
    plan: &FilePlan,
    later: &[FilePlan],
) -> Result<Vec<DataCheck>, ServerError> {
    let mut checks = Vec::new();
    for asked in questions(earlier, plan, later) {
        let question = match asked {
            Asked::At(question) => Some(question),
            Asked::Constraint { table, name, line } => {
                standing::question(session, table, &name, line).await?
            }
        };
        let Some(question) = question else { continue };
        let outcome = ask(session, &question).await?;
        if let Some(outcome) = outcome {
            checks.push(DataCheck { what: question.what, line: question.line, outcome });
        }
    }
    Ok(checks)
}

/// Statements that may change the very data come before the question: then only the server can tell.
fn questions(earlier: &[FilePlan], plan: &FilePlan, later: &[FilePlan]) -> Vec<Asked> {
    let mut questions = Vec::new();
    for (at, planned) in plan.statements.iter().enumerate() {
        let line = planned.line;
        // Tables that this very deploy makes hold nobody's rows but its own.
        let older = |table: &Name| {
            planned.predicted.iter().any(|lock| {
                lock.relation == table.name || lock.relation.ends_with(&format!(".{}", table.name))
            })
        };
        match &planned.statement {
            statement if may_change_data(statement) => break,
            Statement::CreateIndex(create) if create.index.unique && older(&create.table) => {
                let columns: Option<Vec<&str>> =
                    create.index.keys.iter().map(|key| key.column.as_deref()).collect();
                if let Some(columns) = columns {
                    let predicate = create.index.predicate.as_deref();
                    let distinct_nulls = !create.index.nulls_not_distinct;
                    let asked = duplicates(&create.table, &columns, predicate, distinct_nulls, line);
                    questions.push(Asked::At(asked));
                }
            }
            Statement::AlterTable(alter) if older(&alter.name) => {
                let behind = plan.statements.iter().skip(at + 1);
                let behind = || behind.clone().chain(later.iter().flat_map(|file| &file.statements));
                for action in &alter.actions {
                    if let AlterAction::ValidateConstraint { name } = action {
                        let own = plan.statements.iter().take(at).rev();
                        let ran = earlier.iter().rev().flat_map(|file| file.statements.iter().rev());
                        let before = own.chain(ran).map(|one| &one.statement);
                        if !was_asked(&alter.name, name, before) {
                            let (table, name) = (alter.name.clone(), name.clone());
                            questions.push(Asked::Constraint { table, name, line });
                        }
                        continue;
                    }
                    let asked = match action {
                        // Who validates it in the same go wants it to hold of the rows that are there.
                        AlterAction::AddConstraint { constraint, using_index: None, .. }
                            if !constraint.validated
                                && validated(
                                    &alter.name,
                                    &constraint.name,
                                    behind().map(|one| &one.statement),
                                ) =>
                        {
                            let whole = Constraint { validated: true, ..constraint.clone() };
                            of_constraint(&alter.name, &whole, line)
                        }
                        _ => of_action(&alter.name, action, line),
                    };
                    questions.extend(asked.into_iter().map(Asked::At));
                }
            }
            _ => {}
        }
    }
    questions
}

fn may_change_data(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Insert { .. }
            | Statement::Update { .. }
            | Statement::Delete { .. }
            | Statement::Merge { .. }
            | Statement::Truncate { .. }
            | Statement::Copy { .. }
            | Statement::Do { .. }
            | Statement::Call { .. }
            | Statement::Select { .. }
            | Statement::Unparsed
            | Statement::Other { .. }
    )
}

/// Whether a constraint that begins NOT VALID is validated before a statement may have changed the rows.
fn validated<'a>(table: &Name, name: &str, behind: impl Iterator<Item = &'a Statement>) -> bool {
    let mut behind = behind.take_while(|statement| !may_change_data(statement));
    behind.any(|statement| match statement {
        Statement::AlterTable(alter) if alter.name.qualified() == table.qualified() => alter
            .actions
            .iter()
            .any(|action| matches!(action, AlterAction::ValidateConstraint { name: own } if own == name)),
        _ => false,
    })
}

/// Whether the rows were asked about when the constraint was added, by this very deploy, and nothing may have changed them
/// since. `before` goes back from the statement that validates it.
fn was_asked<'a>(table: &Name, name: &str, before: impl Iterator<Item = &'a Statement>) -> bool {
    let mut before = before.take_while(|statement| !may_change_data(statement));
    before.any(|statement| {
        match statement {
        Statement::AlterTable(alter) if alter.name.qualified() == table.qualified() => {
            alter.actions.iter().any(|action| {
                matches!(action, AlterAction::AddConstraint { constraint, .. } if constraint.name == name)
            })
        }
        _ => false,
    }
    })
}

fn of_action(table: &Name, action: &AlterAction, line: u32) -> Vec<Question> {
    match action {
        AlterAction::SetNotNull { column } => vec![nulls(table, &[column], line)],
        AlterAction::AddColumn { column, if_not_exists: false }
            if column.column.not_null
                && column.column.default.is_none()
                && column.column.identity.is_none()
                && column.column.generated.is_none()
                && !column.serial =>
        {
            vec![Question {
                what: format!(
                    "{} that would have no value in the required column \"{}\"",
                    in_table(table),
                    column.column.name
                ),
                line,
                table: table.clone(),
                rows: format!("FROM {} t", quoted(table)),
            }]
        }
        AlterAction::AddConstraint { constraint, using_index: None, .. } => {
            of_constraint(table, constraint, line)
        }
        _ => Vec::new(),
    }
}

fn of_constraint(table: &Name, constraint: &Constraint, line: u32) -> Vec<Question> {
    match &constraint.kind {
        ConstraintKind::Unique { columns, nulls_not_distinct } => {
            let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
            vec![duplicates(table, &columns, None, !nulls_not_distinct, line)]
        }
        ConstraintKind::PrimaryKey { columns } => {
            let plain: Vec<&str> = columns.iter().map(String::as_str).collect();
            vec![nulls(table, &plain, line), duplicates(table, &plain, None, true, line)]
        }
        ConstraintKind::ForeignKey(key) if constraint.validated => {
            let parent =
                format!("{}.{}", quote_ident(&key.references.namespace), quote_ident(&key.references.name));
            // The lowering fills in `public` for a name without a namespace; the session's path knows better.
            let parent = if key.references.namespace == "public" {
                quote_ident(&key.references.name).to_string()
            } else {
                parent
            };
            if key.referenced_columns.len() != key.columns.len() {
                return Vec::new();
            }
            let columns: Vec<&str> = key.columns.iter().map(String::as_str).collect();
            let referenced: Vec<&str> = key.referenced_columns.iter().map(String::as_str).collect();
            vec![orphans(table, &columns, (&parent, &key.references.name), &referenced, line)]
        }
        ConstraintKind::Check { expression, .. } if constraint.validated => {
            vec![breaking(table, &constraint.name, expression, line)]
        }
        _ => Vec::new(),
    }
}

/// `parent` as SQL has it, and as people do.
fn orphans(
    table: &Name,
    columns: &[&str],
    (parent, shown): (&str, &str),
    referenced: &[&str],
    line: u32,
) -> Question {
    let names = |columns: &[&str]| columns.iter().map(|name| quote_ident(name)).collect::<Vec<_>>();
    let (own, others) = (names(columns), names(referenced));
    let present: Vec<String> = own.iter().map(|name| format!("t.{name} IS NOT NULL")).collect();
    let matches: Vec<String> =
        own.iter().zip(&others).map(|(own, other)| format!("p.{other} = t.{own}")).collect();
    Question {
        what: format!("{} whose \"{}\" is in no row of \"{shown}\"", in_table(table), columns.join("\", \"")),
        line,
        table: table.clone(),
        rows: format!(
            "FROM {} t WHERE {} AND NOT EXISTS (SELECT FROM {parent} p WHERE {})",
            quoted(table),
            present.join(" AND "),
            matches.join(" AND ")
        ),
    }
}

fn breaking(table: &Name, name: &str, expression: &str, line: u32) -> Question {
    Question {
        what: format!("{} that break the check \"{name}\"", in_table(table)),
        line,
        table: table.clone(),
        rows: format!("FROM {} t WHERE NOT ({expression})", quoted(table)),
    }
}

fn nulls(table: &Name, columns: &[&str], line: u32) -> Question {
    let list: Vec<String> = columns.iter().map(|name| format!("t.{} IS NULL", quote_ident(name))).collect();
    Question {
        what: format!("{} with NULL in \"{}\"", in_table(table), columns.join("\", \"")),
        line,
        table: table.clone(),
        rows: format!("FROM {} t WHERE {}", quoted(table), list.join(" OR ")),
    }
}

fn duplicates(
    table: &Name,
    columns: &[&str],
    predicate: Option<&str>,
    distinct_nulls: bool,
    line: u32,
) -> Question {
    let names: Vec<String> = columns.iter().map(|name| quote_ident(name).to_string()).collect();
    let mut filters: Vec<String> = predicate.iter().map(|text| format!("({text})")).collect();
    if distinct_nulls {
        filters.extend(names.iter().map(|name| format!("{name} IS NOT NULL")));
    }
    let filter = if filters.is_empty() { String::new() } else { format!("WHERE {}", filters.join(" AND ")) };
    Question {
        what: format!("{} that are alike in \"{}\"", in_table(table), columns.join("\", \"")),
        line,
        table: table.clone(),
        rows: format!(
            "FROM (SELECT *, pg_catalog.count(*) OVER (PARTITION BY {}) AS pgsteward_alike FROM {} {filter}) t \
             WHERE t.pgsteward_alike > 1",
            names.join(", "),
            quoted(table)
        ),
    }
}

fn in_table(table: &Name) -> String {
    format!("of \"{}\"", table.name)
}

fn quoted(table: &Name) -> String {
    match &table.namespace {
        Some(namespace) => format!("{}.{}", quote_ident(namespace), quote_ident(&table.name)),
        None => quote_ident(&table.name).to_string(),
    }
}

/// None where the table or a column is not there yet: an earlier statement makes it.
async fn ask(session: &WriteSession, question: &Question) -> Result<Option<CheckOutcome>, ServerError> {
    let table = quote_literal(&quoted(&question.table));
    let key_sql = format!(
        "SELECT pg_catalog.quote_ident(a.attname), a.attname FROM pg_catalog.pg_class c \
         LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) \
         WHERE c.oid = pg_catalog.to_regclass({table}) AND c.relkind IN ('r', 'p') ORDER BY a.attnum"
    );
    let key = session.rows(&key_sql).await?;
    if key.is_empty() {
        return Ok(None);
    }
    let parts: Vec<String> = key
        .iter()
        .filter_map(|row| match row.as_slice() {
            [Some(quoted), Some(name)] => Some(format!("{} || '=' || t.{quoted}::text", quote_literal(name))),
            _ => None,
        })
        .collect();
    let key = if parts.is_empty() {
        "'a row without a primary key'".to_owned()
    } else {
        parts.join(" || ', ' || ")
    };
    let texts = [
        "BEGIN READ ONLY".to_owned(),
        format!("SET LOCAL statement_timeout = '{LIMIT}'"),
        "SET LOCAL lock_timeout = '2s'".to_owned(),
        format!("SELECT pg_catalog.count(*) {}", question.rows),
        format!("SELECT {key} {} LIMIT {EXAMPLES}", question.rows),
        "ROLLBACK".to_owned(),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let answers = session.each(&texts).await;
    let error = answers.iter().find_map(|answer| answer.outcome.as_ref().err());
    if let Some(error) = error {
        return match error.sqlstate.as_str() {
            // The column or the table is made by an earlier statement of the file.
            "42703" | "42P01" | "42704" | "42883" => Ok(None),
            code if code.starts_with("08") || code == "57P01" => Err(error.clone()),
            "57014" => Ok(Some(CheckOutcome::Unknown { why: format!("it took longer than {LIMIT}") })),
            _ => Ok(Some(CheckOutcome::Unknown { why: error.message.clone() })),
        };
    }
    let rows = |at: usize| answers.get(at).and_then(|answer| answer.outcome.as_ref().ok());
    let count = rows(3).and_then(|rows| rows.first()?.first()?.as_deref()?.parse::<u64>().ok()).unwrap_or(0);
    if count == 0 {
        return Ok(Some(CheckOutcome::Passed));
    }
    let keys = rows(4).into_iter().flatten().filter_map(|row| row.first()?.clone()).collect();
    Ok(Some(CheckOutcome::Violated { rows: count, keys }))
}
