//! Work that is queued inside a transaction or after a write, as a row of an outbox that commits and rolls back with it.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Awaited, Call, Effect};

use super::new_table::{Column, new_table};
use super::processed_event::statement_of;
use super::{edit, together};
use crate::code::flow::Flow;
use crate::code::text::{closing, mentions_word};

/// The columns of the outbox; what has no `sentAt` is still to be sent.
const COLUMNS: [Column; 5] = [
    Column { field: "id", prisma: "BigInt @id @default(autoincrement())", sql: "BIGSERIAL NOT NULL" },
    Column { field: "effect", prisma: "String", sql: "TEXT NOT NULL" },
    Column { field: "payload", prisma: "Json", sql: "JSONB NOT NULL" },
    Column {
        field: "createdAt",
        prisma: "DateTime @default(now()) @db.Timestamptz(3)",
        sql: "TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP",
    },
    Column { field: "sentAt", prisma: "DateTime? @db.Timestamptz(3)", sql: "TIMESTAMPTZ(3)" },
];

/// The table, and a row with the effect's arguments in place of the effect. A person writes the worker that sends
/// what is in it. None where the effect gives something back, or takes what no document holds.
pub(in crate::code) fn fix(flow: &Flow, effect: &Effect, write: &Call) -> Option<Fix> {
    let near = flow.model(&write.model)?;
    let text: &str = &flow.facts.sources.get(&effect.site.at.file)?.text;
    let span = effect.site.at.span;
    let statement = statement_of(text, span).filter(|_| effect.site.awaited == Awaited::Await)?;
    let call = text.get(span.start..span.end)?;
    let arguments = call.strip_prefix(effect.name.as_str())?;
    let inner = arguments.strip_prefix('(')?.strip_suffix(')')?.trim();
    let whole = closing(arguments) == Some(arguments.len());
    let document = !inner.contains("=>")
        && !mentions_word(inner, "function")
        && !mentions_word(inner, "await")
        && !mentions_word(inner, "new");
    if !whole || !document {
        return None;
    }
    let table = new_table(flow, near, "Outbox", &COLUMNS, &["sentAt", "id"])?;
    let row = |client: &str| {
        let name = effect.name.replace('\'', "");
        format!("{client}.{}.create({{ data: {{ effect: '{name}', payload: [{inner}] }} }})", table.accessor)
    };
    let edit = match effect.site.transaction {
        Some(index) => {
            let client = flow.code.transactions[index].client.as_deref()?;
            TextEdit { span, text: row(client) }
        }
        // The write and the row become the transaction.
        None => together::with_row(flow, write, effect, statement, &row)?,
    };
    let (done, undone) = edit::there_and_back(flow.facts, &effect.site.at.file, vec![edit])?;
    let (mut steps, mut rollback) = (table.steps, table.rollback);
    steps.push(done);
    rollback.insert(0, undone);
    Some(Fix {
        title: format!("write \"{}\" into an outbox that a worker sends from", effect.name),
        safety: Safety::Manual,
        change: Change { steps, rollback: Rollback::Steps(rollback) },
    })
}
