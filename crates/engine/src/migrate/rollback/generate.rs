//! The statements that lead from the state after a migration to the one before it.

use anyhow::{Context, Result};
use pgsteward_lab::{Database, Lab};
use pgsteward_model::catalog::{ConstraintKind, QName, Table};
use pgsteward_model::identity::{Identities, ObjectClass};
use pgsteward_model::migration::{MigrationFile, ServerError};
use pgsteward_model::statement::Statement;
use pgsteward_pg::LabSession;
use pgsteward_sql::ddl::{self, Attached, Carried};

use super::exchanged::Exchanged;
use super::functions::Functions;
use super::replaced::Columns;
use super::state::{self, State};
use super::views::Views;
use super::{apart, asides, survive};

#[derive(Clone, Debug, Default)]
pub(super) struct Generated {
    pub(super) statements: Vec<String>,
    /// Columns that come back without values although they must have some.
    pub(super) without_values: Vec<(QName, String)>,
    /// What no statement is written for, and why.
    pub(super) unsaid: Vec<String>,
}

/// `database` is in the state `after` and has no sessions. Columns of `replaced` are dropped and added anew where others would
/// get another type.
pub(super) async fn generate(
    lab: &Lab,
    database: &Database,
    (before, after): (&State, &State),
    file: &MigrationFile,
    replaced: &Columns,
) -> Result<Generated> {
    let mut statements = ddl::rename(&own_names(after), &before.identities);
    let renamed;
    let from = if statements.is_empty() {
        after
    } else {
        // Expressions print other names once their columns have them: the server says which.
        let clone = lab.clone_database(database).await?;
        let ran = super::statements::run(&clone, &statements).await?;
        let read = state::read(&clone).await;
        lab.finish_database(clone).await?;
        if let Err(error) = ran {
            let unsaid = vec![format!("the names cannot be put back: {}", error.message)];
            return Ok(Generated { unsaid, ..Generated::default() });
        }
        renamed = read?;
        &renamed
    };
    let functions = Functions::of(&after.catalog, &from.catalog, &before.catalog);
    let back = functions.back_in(&after.catalog, &from.catalog, &before.catalog);
    let (attached_now, attached_then) = (&from.identities.attached, &before.identities.attached);
    let attached = Attached { from: attached_now.clone(), to: attached_then.clone() };
    let anew = ddl::columns_made_anew(&back, &before.catalog, replaced);
    let exchanged = Exchanged::of(after, from, before, &anew);
    let carried = Carried {
        attached: Some(attached),
        readded: replaced.clone(),
        given: exchanged.columns(),
        apart: true,
        ..functions.carried.clone()
    };
    let diff = ddl::diff_around(&back, &before.catalog, &carried);
    let mut unsaid: Vec<String> = diff.left_out.iter().map(|(what, why)| format!("{what}: {why}")).collect();
    let views = Views::of(after, before, &diff.statements);
    statements.extend(exchanged.kept());
    statements.extend(diff.statements.iter().cloned());
    statements.extend(asides::between(from, before, &views, &exchanged, &mut unsaid));
    statements = functions.around(after, before, &back, &diff, statements);
    if is_concurrent(file) {
        statements = concurrently(statements);
    } else if statements.len() > 1 {
        statements = in_order(database, statements).await?;
    }
    let mut statements = survive::guarded(&from.catalog, &before.catalog, is_concurrent(file), statements);
    statements = views.around(after, before, statements);
    statements = apart::kept_apart(&from.catalog, statements);
    statements.extend(exchanged.given(from, before));
    Ok(Generated { statements, without_values: diff.without_values, unsaid })
}

/// The names without those that a table has from its parents, which change with them.
fn own_names(state: &State) -> Identities {
    let mut own = state.identities.clone();
    own.objects.retain(|id, called| {
        let holds = |parent: &Table| match id.class {
            ObjectClass::Column => parent.column(&called.name).is_some(),
            ObjectClass::Constraint => parent.constraint(&called.name).is_some_and(|one| {
                matches!(one.kind, ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. })
            }),
            _ => false,
        };
        let table = state.catalog.table(&QName::new(&called.namespace, &called.inside));
        let parents = table.into_iter().flat_map(|table| {
            table.partition_of.iter().map(|partition| &partition.parent).chain(&table.inherits)
        });
        !parents.filter_map(|parent| state.catalog.table(parent)).any(holds)
    });
    own
}

/// Whether the migration builds or drops its indexes without stopping writes: then so does what undoes it.
fn is_concurrent(file: &MigrationFile) -> bool {
    file.statements.iter().any(|one| match &one.statement {
        Statement::CreateIndex(create) => create.concurrently,
        Statement::Drop { concurrently, .. } => *concurrently,
        _ => false,
    })
}

/// Each by itself, and able to run again after a build that was broken off.
fn concurrently(statements: Vec<String>) -> Vec<String> {
    let all_indexes = statements.iter().all(|sql| {
        ["DROP INDEX ", "CREATE INDEX ", "CREATE UNIQUE INDEX "].iter().any(|head| sql.starts_with(head))
    });
    if !all_indexes {
        return statements;
    }
    let mut sql = Vec::new();
    for statement in statements {
        if let Some(name) = statement.strip_prefix("DROP INDEX ") {
            sql.push(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"));
            continue;
        }
        for (head, with) in [
            ("CREATE INDEX ", "CREATE INDEX CONCURRENTLY "),
            ("CREATE UNIQUE INDEX ", "CREATE UNIQUE INDEX CONCURRENTLY "),
        ] {
            let Some(rest) = statement.strip_prefix(head) else { continue };
            if let Some(name) = indexed(&statement) {
                sql.push(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"));
            }
            sql.push(format!("{with}{rest}"));
        }
    }
    sql
}

/// The qualified name of the index that a statement of ours makes: an index lives where its table does.
fn indexed(statement: &str) -> Option<String> {
    let parsed = pgsteward_sql::parse(statement);
    match &parsed.statements.first()?.statement {
        Statement::CreateIndex(create) => {
            let name = QName::new(create.table.namespace.clone()?, create.index.name.clone());
            Some(pgsteward_sql::quote_qualified(&name))
        }
        _ => None,
    }
}

/// The statements in an order in which they run. Where the one given does not, each that is refused is tried again as soon
/// as something in its way may be gone, and after all others; what never runs stays last.
pub(in crate::migrate) async fn in_order(
    database: &Database,
    statements: Vec<String>,
) -> Result<Vec<String>> {
    let session = database.session().await.context("connect to the lab")?;
    let all = format!("BEGIN;\n{};\nROLLBACK", statements.join(";\n"));
    let ordered = match session.simple(&all).await {
        Ok(()) => Ok(statements),
        Err(_) => tried_order(&session, statements).await,
    };
    session.close().await;
    ordered.map_err(|error| anyhow::anyhow!("try the statements in the lab: {}", error.message))
}

async fn tried_order(session: &LabSession, statements: Vec<String>) -> Result<Vec<String>, ServerError> {
    session.simple("ROLLBACK").await?;
    session.simple("BEGIN").await?;
    let (mut ordered, mut left) = (Vec::new(), statements);
    loop {
        let mut refused = Vec::new();
        let tried = left.len();
        for sql in left {
            if !runs(session, &sql).await? {
                refused.push(sql);
                continue;
            }
            // What comes later may make another thing of the same name, which is not the one to be dropped.
            let mut freed = drops(&sql);
            ordered.push(sql);
            while std::mem::take(&mut freed) {
                let mut still = Vec::new();
                for earlier in refused {
                    if drops(&earlier) && runs(session, &earlier).await? {
                        ordered.push(earlier);
                        freed = true;
                    } else {
                        still.push(earlier);
                    }
                }
                refused = still;
            }
        }
        left = refused;
        if left.is_empty() || left.len() == tried {
            break;
        }
    }
    session.simple("ROLLBACK").await?;
    ordered.extend(left);
    Ok(ordered)
}

/// Whether a statement runs; one that does not leaves no trace.
async fn runs(session: &LabSession, sql: &str) -> Result<bool, ServerError> {
    session.simple("SAVEPOINT one").await?;
    if session.simple(sql).await.is_ok() {
        return Ok(true);
    }
    session.simple("ROLLBACK TO SAVEPOINT one").await?;
    Ok(false)
}

/// Whether a statement of ours takes something away.
fn drops(sql: &str) -> bool {
    sql.starts_with("DROP ") || (sql.starts_with("ALTER ") && sql.contains(" DROP "))
}
