//! A migration file under a transaction regime: its statements with their effects, which of them commit by
//! themselves, and the lock timeout in force at each.

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migration::{MigrationStatement, Regime, SyntaxError};
use pgsteward_model::statement::{AlterAction, Statement};

use crate::parse::{ParsedFile, ParsedStatement, parse};
use crate::replay::{Births, apply};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnalyzedFile {
    pub statements: Vec<MigrationStatement>,
    pub errors: Vec<SyntaxError>,
}

/// Reads a file and applies it to the catalog. The caller says where files and deploys begin
/// ([`Births::start_file`], [`Births::start_deploy`]).
pub fn analyze_file(text: &str, catalog: &mut Catalog, births: &mut Births, regime: Regime) -> AnalyzedFile {
    analyze_parsed(parse(text), catalog, births, regime)
}

/// The same of a file that is parsed already.
pub fn analyze_parsed(
    file: ParsedFile,
    catalog: &mut Catalog,
    births: &mut Births,
    regime: Regime,
) -> AnalyzedFile {
    let one_message = match regime {
        Regime::OneMessage => true,
        Regime::PerStatement => !prisma_splits(&file.statements),
        Regime::Psql => false,
    };
    let groups = transactions(&file.statements, one_message);
    let single = file.statements.len() == 1;
    let mut timeout = Timeout::default();
    let mut statements = Vec::with_capacity(file.statements.len());
    for (at, parsed) in file.statements.into_iter().enumerate() {
        let effect = apply(catalog, &parsed.statement, births);
        let alone = groups.iter().filter(|group| **group == groups[at] && group.is_some()).count() == 1;
        // In a block, or in a message of several statements, what refuses a transaction block fails.
        let in_block = !single && (one_message || groups[at].is_some_and(|group| group.explicit));
        timeout.follow(&parsed.statement, groups[at]);
        statements.push(MigrationStatement {
            span: parsed.span,
            statement: parsed.statement,
            fingerprint: parsed.fingerprint,
            own_transaction: single || (alone && !(in_block && effect.needs_no_transaction)),
            effect,
            lock_timeout_ms: timeout.in_force(groups[at]),
        });
    }
    AnalyzedFile { statements, errors: file.errors }
}

/// The transaction that a statement runs in; none for the statements that begin and end transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    number: usize,
    explicit: bool,
}

/// Numbers the transactions of a file. In one message what stands before `BEGIN` is in its transaction too.
fn transactions(statements: &[ParsedStatement], one_message: bool) -> Vec<Option<Group>> {
    let mut number = 0;
    let mut explicit = false;
    statements
        .iter()
        .map(|parsed| match parsed.statement {
            Statement::Begin => {
                explicit = true;
                None
            }
            Statement::Commit | Statement::Rollback => {
                explicit = false;
                number += 1;
                None
            }
            _ => {
                let group = Group { number, explicit: explicit || one_message };
                if !explicit && !one_message {
                    number += 1;
                }
                Some(group)
            }
        })
        .collect()
}

/// `lock_timeout` as `SET` leaves it, milliseconds. Zero means that there is none.
#[derive(Default)]
struct Timeout {
    session: Option<u64>,
    /// The value of `SET LOCAL`, with the transaction that it ends with.
    local: Option<(usize, Option<u64>)>,
}

impl Timeout {
    fn follow(&mut self, statement: &Statement, group: Option<Group>) {
        match statement {
            Statement::Set { name, value, local } if name == "lock_timeout" => {
                let value = milliseconds(value).filter(|value| *value > 0);
                match group {
                    // Outside a transaction block the value is gone with its own statement.
                    Some(group) if *local => self.local = Some((group.number, value)),
                    _ => {
                        self.session = value;
                        self.local = None;
                    }
                }
            }
            Statement::Reset { name } if name.as_deref().is_none_or(|name| name == "lock_timeout") => {
                *self = Timeout::default();
            }
            _ => {}
        }
    }

    fn in_force(&self, group: Option<Group>) -> Option<u64> {
        match (self.local, group) {
            (Some((number, value)), Some(group)) if number == group.number => value,
            _ => self.session,
        }
    }
}

/// A duration as settings take it: a plain number is milliseconds, else a number with a unit.
fn milliseconds(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = value.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(value.len());
    let number: f64 = value.get(..digits)?.parse().ok()?;
    let factor = match value.get(digits..)?.trim() {
        "" | "ms" => 1.0,
        "us" => 0.001,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Some((number * factor).round() as u64)
}

/// Whether Prisma from 7.4 can take a file apart into statements. It does so with the crate `sqlparser`; a
/// file that this crate cannot read is sent as one message. Known to be unreadable are `DROP INDEX
/// CONCURRENTLY`, `DO`, constraints over an existing index, and forced row security
/// (prisma-engines pull requests 5767 and 5847).
fn prisma_splits(statements: &[ParsedStatement]) -> bool {
    !statements.iter().any(|parsed| match &parsed.statement {
        Statement::Drop { concurrently, .. } => *concurrently,
        Statement::Do { .. } | Statement::Unparsed => true,
        Statement::AlterTable(alter) => alter.actions.iter().any(|action| {
            matches!(
                action,
                AlterAction::ForceRowSecurity
                    | AlterAction::NoForceRowSecurity
                    | AlterAction::AddConstraint { using_index: Some(_), .. }
            )
        }),
        _ => false,
    })
}
