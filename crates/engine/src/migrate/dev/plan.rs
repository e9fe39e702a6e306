//! The next migration before it is written: renames asked for or accepted, steps, and what is kept.

use std::collections::BTreeSet;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migrate::dev::RenameGuess;
use pgsteward_prisma::diff::{SchemaStep, diff};
use pgsteward_prisma::{calculate, render};

use super::Verb;
use crate::migrate::error::{MigrateError, words};
use crate::migrate::namespace::in_sql;
use crate::migrate::rename::{self, Renaming, Wish};
use crate::migrate::shadow::{Replayed, Script, Shadow};
use crate::migrate::{keep, side_file};

/// The next migration, before it is written.
pub(super) struct Planned {
    pub(super) steps: Vec<SchemaStep>,
    /// The catalog that the steps begin with: the history's, with the renames done.
    pub(super) from: Catalog,
    pub(super) to: Catalog,
    pub(super) renamings: Vec<Renaming>,
    /// All of its SQL, without the comment of warnings.
    pub(super) sql: String,
}

impl Planned {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.renamings.is_empty()
    }
}

impl Verb<'_> {
    /// The steps to the schema, with renames asked for or accepted, and without those that drop what the schema
    /// cannot express.
    pub(super) async fn plan(
        &mut self,
        shadow: &Shadow,
        history: &Replayed,
        scripts: &[Script<'_>],
    ) -> Result<Planned, MigrateError> {
        let to = self.without_external(&calculate(&self.schema, shadow.version()));
        let mut renamings = Vec::new();
        let mut base = history.clone();
        let mut wishes = self.request.renames.clone();
        let mut declined: Vec<Wish> = Vec::new();
        loop {
            let from = self.compared(&base.catalog);
            let more = rename::resolve(&wishes, &from, &to, &self.schema)?;
            if !more.is_empty() {
                let sql = rename::sql(&more);
                base = shadow.attempt(&base, "rename", &sql).await?.map_err(|error| {
                    MigrateError::new(format!("the lab could not rename: {}", words(&error)))
                        .with_hint("write the migration by hand (--create-only)")
                })?;
                renamings.extend(more);
            }
            let from = self.compared(&base.catalog);
            let mut guesses = rename::guesses(&from, &to, &self.schema, &self.options);
            guesses.retain(|guess| !declined.contains(&guess.wish));
            wishes = self.accepted(&guesses, &mut declined).await;
            if wishes.is_empty() {
                self.report.guesses = guesses.iter().map(told).collect();
                break;
            }
        }
        self.report.renamed = renamings.iter().map(Renaming::words).collect();
        let from = self.compared(&base.catalog);
        let (steps, kept) = keep::keep(diff(&from, &to, &self.options), &from, &self.options, Some(scripts));
        self.report.kept = kept;
        let mut steps = steps;
        if let Some(wanted) = self.wanted() {
            let (rest, more) = side_file::settled(steps, &from, &wanted);
            steps = rest;
            self.report.kept.extend(more);
        }
        let sql = match (renamings.is_empty(), steps.is_empty()) {
            (true, _) => render::render(&steps),
            (false, true) => format!("{}\n", rename::sql(&renamings)),
            (false, false) => format!("{}\n\n{}", rename::sql(&renamings), render::render(&steps)),
        };
        let sql = match &self.side {
            Some(side) if scripts.is_empty() => side.around(&sql),
            _ => sql,
        };
        let sql = in_sql(&sql, self.default_namespace());
        Ok(Planned { steps, from, to, renamings, sql })
    }

    /// Shows each guess with its reasons; what a person says yes to.
    async fn accepted(&self, guesses: &[rename::Guess], declined: &mut Vec<Wish>) -> Vec<Wish> {
        if !self.ask.interactive() || guesses.is_empty() {
            return Vec::new();
        }
        let uses = rename::code_uses(&self.project.root, &names_in(guesses));
        let mut accepted = Vec::new();
        for guess in guesses {
            let mut reasons = guess.reasons.clone();
            let new = &guess.wish.to;
            let old = guess.wish.field.as_ref().unwrap_or(&guess.wish.model);
            let count = |name: &String| uses.get(name).copied().unwrap_or(0);
            if count(new) > 0 {
                reasons.push(format!(
                    "the code says \"{new}\" {} times, \"{old}\" {} times",
                    count(new),
                    count(old)
                ));
            }
            let what = match &guess.wish.field {
                Some(field) => format!("field \"{field}\" of \"{}\" to \"{new}\"", guess.wish.model),
                None => format!("\"{old}\" to \"{new}\""),
            };
            let question = format!("Rename {what} and keep its data? ({})", reasons.join("; "));
            match self.ask.confirm(&question).await {
                Some(true) => accepted.push(guess.wish.clone()),
                _ => declined.push(guess.wish.clone()),
            }
        }
        accepted
    }
}

fn told(guess: &rename::Guess) -> RenameGuess {
    RenameGuess { flag: guess.flag(), reasons: guess.reasons.clone() }
}

fn names_in(guesses: &[rename::Guess]) -> BTreeSet<String> {
    let names = guesses.iter().flat_map(|guess| {
        [guess.wish.to.clone(), guess.wish.field.clone().unwrap_or_else(|| guess.wish.model.clone())]
    });
    names.collect()
}
