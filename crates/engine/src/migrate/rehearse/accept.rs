//! What somebody accepted of a migration: by an allow beside the statement or in the configuration, as `check` takes
//! it, or on the command line. Pure.

use pgsteward_model::migrate::rehearsal::Remedy;
use pgsteward_model::source::SourceFile;
use pgsteward_model::statement::{AlterAction, Statement};

use crate::allow::OfFile;
use crate::config::Loaded;
use crate::discover::relative;
use crate::migrate::project::{MigrateProject, MigrationFolder};
use crate::migrate::regime::{FilePlan, Planned};

pub(super) struct Accepts<'a> {
    allows: OfFile,
    /// The migration's path from the folder of the project.
    path: String,
    plan: &'a FilePlan,
    /// Rules and groups of rules of `--accept`.
    named: &'a [String],
}

impl<'a> Accepts<'a> {
    pub(super) fn read(
        project: &MigrateProject,
        loaded: &Loaded,
        folder: &MigrationFolder,
        plan: &'a FilePlan,
        named: &'a [String],
    ) -> Accepts<'a> {
        let path = relative(&project.root, &folder.file);
        let source = SourceFile::new(path.as_str(), folder.script());
        Accepts { allows: OfFile::read(&source, loaded, &project.root), path, plan, named }
    }

    /// Where the rule of the remedy was accepted for its statement, in words.
    pub(super) fn by(&self, remedy: &Remedy) -> Option<String> {
        let group = pgsteward_rules::find(&remedy.rule).map(|rule| rule.group.word());
        if self.named.iter().any(|name| *name == remedy.rule || Some(name.as_str()) == group) {
            return Some("--accept".to_owned());
        }
        let statements = || self.plan.statements.iter().filter(|one| one.line == remedy.line);
        let last = statements().map(last_line).max().unwrap_or(remedy.line);
        let names: Vec<String> = statements().flat_map(names).chain([self.path.clone()]).collect();
        let (place, reason) = self.allows.of(&remedy.rule, remedy.line..=last, &names)?;
        let place = format!("allow in {place}");
        Some(reason.map_or_else(|| place.clone(), |reason| format!("{place}: {reason}")))
    }
}

fn last_line(planned: &Planned) -> u32 {
    let breaks = planned.sql.bytes().filter(|byte| *byte == b'\n').count();
    planned.line + u32::try_from(breaks).unwrap_or(u32::MAX - planned.line)
}

/// What a glob may mean: `Order`, `Order.note`, `Order_note_idx`.
fn names(planned: &Planned) -> Vec<String> {
    let relations: Vec<&str> = planned.predicted.iter().map(|lock| lock.relation.as_str()).collect();
    let parts = parts(&planned.statement);
    let whole = relations.iter().map(|relation| (*relation).to_owned());
    let in_part =
        relations.iter().flat_map(|relation| parts.iter().map(move |part| format!("{relation}.{part}")));
    whole.chain(in_part).chain(parts.iter().map(|part| (*part).to_owned())).collect()
}

fn parts(statement: &Statement) -> Vec<&str> {
    match statement {
        Statement::AlterTable(alter) => alter.actions.iter().filter_map(part).collect(),
        Statement::CreateIndex(create) => vec![create.index.name.as_str()],
        _ => Vec::new(),
    }
}

fn part(action: &AlterAction) -> Option<&str> {
    match action {
        AlterAction::AddColumn { column, .. } => Some(&column.column.name),
        AlterAction::DropColumn { name, .. } => Some(name),
        AlterAction::SetType { column, .. }
        | AlterAction::SetNotNull { column }
        | AlterAction::SetExpression { column, .. } => Some(column),
        AlterAction::AddConstraint { constraint, .. } => Some(&constraint.name),
        AlterAction::RenameColumn { from, .. } => Some(from),
        _ => None,
    }
}
