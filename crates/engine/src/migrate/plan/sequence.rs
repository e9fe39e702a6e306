//! Sequences of columns that give way to others: one of its own goes along, that of an identity is made anew where it is.

use pgsteward_model::catalog::{Identity, QName, Sequence};
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::exchange::Exchange;
use super::swap::{Swap, temporary};

impl Swap<'_> {
    /// The sequence that belongs to the first column.
    pub(super) fn sequence_of(&self, one: &Exchange<'_>) -> Option<&Sequence> {
        self.catalog.sequences.values().find(|sequence| {
            sequence
                .owned_by
                .as_ref()
                .is_some_and(|(table, column)| *table == one.table.name && column == one.from)
        })
    }

    fn identity_of(&self, one: &Exchange<'_>) -> Option<Identity> {
        one.table.column(one.from).and_then(|column| column.identity)
    }

    /// A sequence of its own goes over to the second column. That of an identity cannot: a new one goes on where it is.
    pub(super) fn sequence(&self, one: &Exchange<'_>) -> Vec<String> {
        let Some(sequence) = self.sequence_of(one) else { return Vec::new() };
        let (name, on, through) = (quote_qualified(&sequence.name), one.on(), quote_ident(&one.through));
        let Some(identity) = self.identity_of(one) else {
            return vec![format!("ALTER SEQUENCE {name} OWNED BY {on}.{through}")];
        };
        let kind = match identity {
            Identity::Always => "ALWAYS",
            Identity::ByDefault => "BY DEFAULT",
        };
        let next = quote_qualified(&next_of(sequence));
        let cycle = if sequence.cycle { " CYCLE" } else { "" };
        let Sequence { increment, start, .. } = sequence;
        vec![
            format!(
                "ALTER TABLE {on} ALTER COLUMN {through} ADD GENERATED {kind} AS IDENTITY \
                 (SEQUENCE NAME {next} INCREMENT BY {increment} START WITH {start}{cycle})"
            ),
            format!("SELECT pg_catalog.setval({}, last_value, is_called) FROM {name}", quote_literal(&next)),
        ]
    }

    pub(super) fn renamed_sequences(&self) -> Vec<String> {
        let identities = self.exchanges.iter().filter(|one| self.identity_of(one).is_some());
        let rename = |sequence: &Sequence| {
            let next = quote_qualified(&next_of(sequence));
            format!("ALTER SEQUENCE {next} RENAME TO {}", quote_ident(&sequence.name.name))
        };
        identities.filter_map(|one| self.sequence_of(one)).map(rename).collect()
    }
}

fn next_of(sequence: &Sequence) -> QName {
    QName::new(&sequence.name.namespace, temporary(&sequence.name.name))
}
