//! Something to do, and how to undo it.

use std::sync::Arc;

use crate::source::Span;

/// A fix that a finding offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// Imperative, no full stop: `add an index on "Order" (vendorId)`.
    pub title: String,
    pub safety: Safety,
    pub change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Safety {
    /// Edits files only and brings no schema change that is not deployed.
    Safe,
    /// Touches a live database, online and reversible.
    Review,
    /// A person must decide or finish it.
    Manual,
}

impl Safety {
    pub fn word(self) -> &'static str {
        match self {
            Safety::Safe => "safe",
            Safety::Review => "review",
            Safety::Manual => "manual",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub steps: Vec<Step>,
    pub rollback: Rollback,
}

/// There is no third way: either the steps that undo the change, or the reason why nothing can.
#[derive(Clone, Debug, PartialEq)]
pub enum Rollback {
    Steps(Vec<Step>),
    Impossible { reason: String },
}

/// Steps are self-contained: each can be stored, shown and run without the finding it came from.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Sql(SqlStep),
    Edit(FileEdit),
    /// An edit of the Prisma schema by meaning; the engine turns it into a [`FileEdit`] with the `prisma`
    /// crate before anyone sees it.
    Prisma(PrismaEdit),
    /// Something to wait for before the next step: a deploy, a quiet hour.
    Wait {
        until: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlStep {
    /// One statement, without its semicolon.
    pub sql: String,
    /// False for statements that cannot run in a transaction block.
    pub transactional: bool,
    /// `lock_timeout` to set for it, milliseconds.
    pub lock_timeout_ms: Option<u32>,
}

impl Step {
    /// A statement that may share a transaction, with the lock timeout that a hot table needs.
    pub fn sql(sql: impl Into<String>) -> Step {
        Step::Sql(SqlStep { sql: sql.into(), transactional: true, lock_timeout_ms: Some(2_000) })
    }

    /// A statement that must run alone: `… CONCURRENTLY`. It waits for old transactions by design.
    pub fn sql_alone(sql: impl Into<String>) -> Step {
        Step::Sql(SqlStep { sql: sql.into(), transactional: false, lock_timeout_ms: None })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEdit {
    pub file: Arc<str>,
    pub action: EditAction,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditAction {
    /// Replacements of byte ranges of the file as it was read, sorted, not overlapping.
    Replace(Vec<TextEdit>),
    Create(String),
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEdit {
    pub span: Span,
    pub text: String,
}

impl TextEdit {
    /// Whether edits are sorted, do not overlap, and each of their spans fits the text.
    pub fn fit(text: &str, edits: &[TextEdit]) -> bool {
        let mut at = 0;
        edits.iter().all(|edit| {
            let span = at..edit.span.start;
            at = edit.span.end;
            text.get(span).is_some() && text.get(edit.span.start..edit.span.end).is_some()
        })
    }

    /// Applies sorted, non-overlapping edits. None where a span does not fit the text.
    pub fn apply_all(text: &str, edits: &[TextEdit]) -> Option<String> {
        if !TextEdit::fit(text, edits) {
            return None;
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for edit in edits {
            out.push_str(text.get(at..edit.span.start)?);
            out.push_str(&edit.text);
            at = edit.span.end;
        }
        out.push_str(text.get(at..)?);
        Some(out)
    }
}

/// Format-keeping edits of a Prisma schema, by meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrismaEdit {
    /// `attribute` with its `@@`.
    AddBlockAttribute {
        model: String,
        attribute: String,
    },
    /// `attribute` with its `@`.
    AddFieldAttribute {
        model: String,
        field: String,
        attribute: String,
    },
    /// `attribute` is the name with its arguments, e.g. `@db.Timestamptz(3)`; replaces the attribute of the
    /// same name prefix (`@db.`, `@default`) or is added.
    SetFieldAttribute {
        model: String,
        field: String,
        attribute: String,
    },
    SetFieldType {
        model: String,
        field: String,
        ty: String,
    },
    AddField {
        model: String,
        line: String,
    },
    /// Removes the attribute or field line that covers this span.
    Remove {
        file: Arc<str>,
        span: Span,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_apply_in_order_and_refuse_what_does_not_fit() {
        let edits = [
            TextEdit { span: Span::new(0, 1), text: "A".into() },
            TextEdit { span: Span::new(2, 2), text: "+".into() },
        ];
        assert_eq!(TextEdit::apply_all("abc", &edits).as_deref(), Some("Ab+c"));
        assert_eq!(TextEdit::apply_all("a", &edits), None);
    }
}
