//! Triggers that a fill runs. Those of migrations are in the plan's report; what hands made only the server knows, so it is asked
//! before the first row.
//!
//! Source: PostgreSQL documentation, "System Catalogs" (pg_trigger: `tgtype` 1 FOR EACH ROW, 16 UPDATE; `tgenabled`).

use pgsteward_model::migration::ServerError;
use pgsteward_model::statement::Statement;
use pgsteward_pg::WriteSession;
use pgsteward_sql::quote_literal;

use super::{Definition, Found, text_of};
use crate::Progress;
use crate::migrate::ask::Ask;
use crate::migrate::error::{MigrateError, words};
use crate::migrate::plan::SYNC_MARK;
use crate::migrate::project::{MigrateProject, MigrationFolder};

/// What is said of them; none where no trigger runs. Those that keep columns of a plan equal are no audits, and none to drop:
/// they are told by their mark, or, where an older version made them, by the column that is filled.
pub(super) async fn told(
    session: &WriteSession,
    definition: &Definition,
) -> Result<Option<String>, ServerError> {
    let table = format!("{}::pg_catalog.regclass", quote_literal(&definition.table));
    let columns: Vec<String> = columns(definition).iter().map(|name| quote_literal(name)).collect();
    let columns = format!("ARRAY[{}]::text[]", columns.join(", "));
    let sql = format!(
        "WITH RECURSIVE tree AS (SELECT {table}::oid AS oid UNION \
           SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid) \
         SELECT DISTINCT t.tgname, t.tgtype & 1 FROM pg_catalog.pg_trigger t JOIN tree ON tree.oid = t.tgrelid \
         JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid \
         WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 16 <> 0 \
           AND (t.tgtype & 1 = 1 OR t.tgrelid = {table}) \
           AND (t.tgattr::text = '' OR EXISTS (SELECT FROM pg_catalog.pg_attribute a \
             WHERE a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr) AND a.attname = ANY ({columns}))) \
           AND pg_catalog.strpos(p.prosrc, {}) = 0 \
           AND NOT (p.proname = t.tgname AND EXISTS (SELECT FROM pg_catalog.unnest({columns}) AS own(name) \
             WHERE pg_catalog.strpos(p.prosrc, 'NEW.' || pg_catalog.quote_ident(own.name) || ' := ') > 0)) \
         ORDER BY 1",
        quote_literal(SYNC_MARK)
    );
    let rows = session.rows(&sql).await?;
    let of = |each: &str| -> Vec<String> {
        let rows = rows.iter().filter(|row| row.get(1).and_then(Option::as_deref) == Some(each));
        rows.filter_map(|row| Some(format!("\"{}\"", row.first()?.as_deref()?))).collect()
    };
    let (by_row, by_statement) = (of("1"), of("0"));
    let clause = |names: &[String], what: &str| match names {
        [] => None,
        [one] => Some(format!("the trigger {one} runs for {what}")),
        more => Some(format!("the triggers {} run for {what}", more.join(", "))),
    };
    let clauses: Vec<String> = [
        clause(&by_row, &format!("each row of {} that is filled", definition.table)),
        clause(&by_statement, "each statement of the fill"),
    ]
    .into_iter()
    .flatten()
    .collect();
    Ok((!clauses.is_empty()).then(|| {
        format!(
            "{}: an audit gets a line for each, a queue a message. Where that must not be, let it return early while \
             current_setting('application_name') is 'pgsteward migrate', or drop it and make it again behind the fill",
            clauses.join(", and ")
        )
    }))
}

/// Names it before the first row, and asks where somebody is there. Who runs the verb in a script asked for the fill, and may
/// end and mend it between any two batches.
pub(super) async fn agreed(
    ask: &dyn Ask,
    progress: &dyn Progress,
    told: &str,
    resumed: bool,
) -> Result<(), MigrateError> {
    progress.note(&format!("{told}."));
    if resumed || !ask.interactive() || ask.confirm("Fill the rows?").await == Some(true) {
        return Ok(());
    }
    Err(MigrateError::new("the fill was not confirmed: nothing was changed")
        .with_hint("see to the triggers that are named above, and run it again"))
}

/// What is said of a migration that fills the last rows itself, where there are some.
pub(in crate::migrate) async fn by_migration(
    session: &WriteSession,
    project: &MigrateProject,
    folder: &MigrationFolder,
) -> Option<String> {
    if !folder.script().contains("DO $fill$") {
        return None;
    }
    // What runs is the migration's own text: a backfill that is missing or unreadable is for its own verb to refuse.
    let Ok(Found::Text(text)) = text_of(project, &folder.name) else { return None };
    let definition = Definition::parse(&text).ok()?;
    let asked = async {
        let Some(told) = told(session, &definition).await? else { return Ok(None) };
        let condition = definition.condition.as_deref().unwrap_or("true");
        let sql = format!("SELECT EXISTS (SELECT FROM {} WHERE {condition})", definition.table);
        Ok::<_, ServerError>((session.value(&sql).await?.as_deref() == Some("t")).then_some(told))
    };
    match asked.await {
        Ok(told) => told.map(|told| format!("{told}.")),
        Err(error) => Some(format!("which triggers the fill runs could not be asked: {}.", words(&error))),
    }
}

/// Columns that it sets.
fn columns(definition: &Definition) -> Vec<String> {
    let parsed = pgsteward_sql::parse(&definition.render());
    let sets = parsed.statements.into_iter().find_map(|parsed| match parsed.statement {
        Statement::Update { columns, .. } => Some(columns),
        _ => None,
    });
    sets.unwrap_or_default()
}
