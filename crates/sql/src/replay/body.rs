//! `DO` blocks. A block is a program, so what it does is not known for sure; but migrations use blocks mostly
//! to guard one statement (`IF NOT EXISTS … THEN ALTER TABLE …`), and what such statements would do is
//! applied as far as the state does not already have it. A table that a block changes is marked unknown.

use pgsteward_model::statement::{AlterAction, Statement};

use super::Replay;
use crate::cursor::Cursor;
use crate::lower;
use crate::scan::{self, Token, TokenKind};

/// Words behind which a statement of a block begins.
const OPENERS: &[&str] = &["begin", "then", "else", "loop"];

/// Words that a plain SQL statement of a block begins with.
const STATEMENTS: &[&str] = &[
    "create", "alter", "drop", "comment", "grant", "revoke", "insert", "update", "delete", "truncate",
    "merge", "lock", "refresh", "reindex", "cluster", "analyze", "set",
];

impl Replay<'_> {
    pub(super) fn anonymous_block(&mut self, body: &str) {
        let tokens = scan::tokens(body);
        let mut start = 0;
        for at in 0..=tokens.len() {
            let ends = tokens.get(at).is_none_or(|token| {
                token.kind == TokenKind::Symbol(b';') || OPENERS.iter().any(|word| token.is_word(body, word))
            });
            if ends {
                self.block_statement(body, &tokens[start.min(at)..at]);
                start = at + 1;
            }
        }
    }

    fn block_statement(&mut self, body: &str, tokens: &[Token]) {
        let cursor = Cursor::new(body, tokens);
        if cursor.sees(&["execute"]) {
            let mut text = cursor;
            text.advance();
            match text.string() {
                Some(sql) if text.at_end() => {
                    let tokens = scan::tokens(&sql);
                    for range in scan::statements(&sql, &tokens) {
                        self.guarded(&lower::statement(Cursor::new(&sql, &tokens[range])));
                    }
                }
                // A statement that is put together at run time can do anything.
                _ => self.effect.unknown = true,
            }
        } else if cursor.sees(&["perform"]) || cursor.sees(&["call"]) {
            self.effect.unknown |= cursor.sees(&["call"]);
        } else if cursor.sees_any(STATEMENTS) {
            self.guarded(&lower::statement(cursor));
        }
    }

    /// Applies a statement unless its object is there (or gone) already, and forgets the table it changes.
    fn guarded(&mut self, statement: &Statement) {
        if let Statement::Do { .. } = statement {
            // Blocks that make blocks could go on for ever.
            self.effect.unknown = true;
            return;
        }
        if self.is_done(statement) {
            return;
        }
        let changed = match statement {
            Statement::AlterTable(alter) => Some(&alter.name),
            Statement::CreateTable(create) => Some(&create.name),
            Statement::CreateIndex(create) => Some(&create.table),
            Statement::CreateTrigger { table, .. } | Statement::CreatePolicy { table, .. } => Some(table),
            Statement::Drop { on, .. } => on.as_ref(),
            _ => None,
        };
        let changed = changed.cloned();
        self.statement(statement);
        if let Some(name) = changed {
            let table = self.relation(&name);
            self.forget(&table);
        }
    }

    fn is_done(&self, statement: &Statement) -> bool {
        match statement {
            Statement::CreateTable(create) => {
                let name = self.new_name(&create.name);
                self.is_taken(&name.namespace, &name.name)
            }
            Statement::CreateIndex(create) => {
                let table = self.relation(&create.table);
                self.is_taken(&table.namespace, &create.index.name)
            }
            Statement::CreateEnum { name, .. }
            | Statement::CreateDomain { name, .. }
            | Statement::CreateComposite { name, .. } => self.resolves_type(&self.new_name(name)),
            Statement::AlterTable(alter) => {
                let relation = self.relation(&alter.name);
                let Some(table) = self.table(&relation) else { return true };
                !alter.actions.is_empty()
                    && alter.actions.iter().all(|action| match action {
                        AlterAction::AddColumn { column, .. } => table.column(&column.column.name).is_some(),
                        AlterAction::AddConstraint { constraint, named, .. } => {
                            *named && table.constraint(&constraint.name).is_some()
                        }
                        AlterAction::DropColumn { name, .. } => table.column(name).is_none(),
                        AlterAction::DropConstraint { name, .. } => table.constraint(name).is_none(),
                        AlterAction::RenameColumn { from, .. } => table.column(from).is_none(),
                        _ => false,
                    })
            }
            Statement::CreateTrigger { table, value, .. } => {
                let relation = self.relation(table);
                self.table(&relation)
                    .is_some_and(|table| table.triggers.iter().any(|trigger| trigger.name == value.name))
            }
            Statement::CreatePolicy { table, value } => {
                let relation = self.relation(table);
                self.table(&relation)
                    .is_some_and(|table| table.policies.iter().any(|policy| policy.name == value.name))
            }
            _ => false,
        }
    }
}
