//! What a statement that refuses transactions left on the server when nobody counted it: it is done, it left an
//! invalid index, or there is nothing of it.

use pgsteward_model::migration::ServerError;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, Name, Statement};
use pgsteward_pg::WriteSession;
use pgsteward_sql::{quote_ident, quote_literal};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Done,
    /// Quoted and qualified.
    InvalidIndex(String),
    /// Running the statement (again) does what it says, or fails and says so.
    Nothing,
}

/// Looks for what the statement makes. Statements that may run twice (VACUUM, REINDEX, REFRESH) leave nothing to
/// look for.
pub(super) async fn look(session: &WriteSession, statement: &Statement) -> Result<Found, ServerError> {
    match statement {
        Statement::CreateIndex(create) if create.concurrently => {
            let sql = format!(
                // An index that somebody else builds at this moment is invalid too, and not ours to drop.
                "SELECT n.nspname, i.indisvalid FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relname = {} AND i.indrelid = {} AND (i.indisvalid OR NOT EXISTS (SELECT \
                 FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = i.indexrelid \
                 AND p.pid <> pg_catalog.pg_backend_pid()))",
                quote_literal(&create.index.name),
                relation(&create.table)
            );
            let rows = session.rows(&sql).await?;
            Ok(match rows.first().map(Vec::as_slice) {
                Some([_, Some(valid)]) if valid == "t" => Found::Done,
                Some([Some(namespace), _]) => {
                    let name = format!("{}.{}", quote_ident(namespace), quote_ident(&create.index.name));
                    Found::InvalidIndex(name)
                }
                _ => Found::Nothing,
            })
        }
        Statement::Drop { kind: ObjectKind::Index, names, concurrently: true, .. } => {
            for name in names {
                if session.value(&format!("SELECT {}", relation(name))).await?.is_some() {
                    return Ok(Found::Nothing);
                }
            }
            Ok(Found::Done)
        }
        Statement::AlterTable(alter) => {
            for action in &alter.actions {
                let AlterAction::DetachPartition { child, concurrently: true } = action else { continue };
                let sql = format!(
                    "SELECT count(*) FROM pg_catalog.pg_inherits WHERE inhrelid = {}",
                    relation(child)
                );
                if session.value(&sql).await?.as_deref() == Some("0") {
                    return Ok(Found::Done);
                }
            }
            Ok(Found::Nothing)
        }
        Statement::CreateDatabase { name } => {
            let sql = format!("SELECT 1 FROM pg_catalog.pg_database WHERE datname = {}", quote_literal(name));
            Ok(if session.value(&sql).await?.is_some() { Found::Done } else { Found::Nothing })
        }
        Statement::DropDatabase { name } => {
            let sql = format!("SELECT 1 FROM pg_catalog.pg_database WHERE datname = {}", quote_literal(name));
            Ok(if session.value(&sql).await?.is_none() { Found::Done } else { Found::Nothing })
        }
        _ => Ok(Found::Nothing),
    }
}

/// The relation's id by the name as it is written, NULL where there is none.
fn relation(name: &Name) -> String {
    let quoted = match &name.namespace {
        Some(namespace) => format!("{}.{}", quote_ident(namespace), quote_ident(&name.name)),
        None => quote_ident(&name.name).to_string(),
    };
    format!("pg_catalog.to_regclass({})", quote_literal(&quoted))
}
