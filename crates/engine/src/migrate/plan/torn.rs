//! What a migration takes away and brings back in one go: columns, policies, row security, triggers, views, functions,
//! privileges.
//! Cut between the two, the database would do without for as long as the folders between are deployed.

use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, GrantObjects, Name, Statement};

/// One thing that a statement takes away or brings.
struct Turn {
    kind: &'static str,
    on: String,
    /// Empty where the statement means all of them.
    name: String,
    goes: bool,
    comes: bool,
}

impl Turn {
    fn is_undone_by(&self, later: &Turn) -> bool {
        let same = self.name == later.name || self.name.is_empty() || later.name.is_empty();
        // Who opens the rows for the length of the migration wants them closed after it.
        let opens = matches!(self.kind, POLICY | PRIVILEGES) && self.comes && later.goes;
        let back = self.goes && later.comes || opens;
        self.kind == later.kind && self.on == later.on && same && back
    }

    fn in_words(&self, later: &Turn) -> String {
        let name = if self.name.is_empty() { &later.name } else { &self.name };
        let name = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
        let on = if self.on.is_empty() { String::new() } else { format!(" of \"{}\"", self.on) };
        format!(
            "the migration turns {}{name}{on} before it and again after it, and nothing may stand between",
            self.kind
        )
    }
}

const COLUMN: &str = "the column";
const POLICY: &str = "the policy";
const PRIVILEGES: &str = "the privileges for";

/// Why a file must not be cut at one of its statements, whether before or after it.
pub(super) fn torn(file: &MigrationFile, at: usize) -> Option<String> {
    torn_beside(file, at, &|_| false)
}

/// The same where some statements stay together whatever happens.
pub(super) fn torn_beside(
    file: &MigrationFile,
    at: usize,
    together: &dyn Fn(&MigrationStatement) -> bool,
) -> Option<String> {
    let near = file.statements.get(..=at)?;
    let far = file.statements.get(at..)?;
    near.iter().enumerate().find_map(|(place, first)| {
        let first_turns = turns(&first.statement);
        far.iter().find_map(|last| {
            if together(first) && together(last) {
                return None;
            }
            let last_turns = turns(&last.statement);
            let same = place == at && first.span == last.span;
            first_turns.iter().enumerate().find_map(|(order, turn)| {
                // A column's way out and back stays one statement, whatever is taken from it.
                let mut later = last_turns.iter().skip(if same { order + 1 } else { 0 });
                let later = later.find(|later| turn.is_undone_by(later) && !(same && turn.kind == COLUMN));
                later.map(|later| turn.in_words(later))
            })
        })
    })
}

fn turns(statement: &Statement) -> Vec<Turn> {
    let turn = |kind, on: &str, name: &str, goes, comes| Turn {
        kind,
        on: on.to_owned(),
        name: name.to_owned(),
        goes,
        comes,
    };
    match statement {
        Statement::Drop { kind, names, on, .. } => {
            let Some(kind) = kind_of(*kind) else { return Vec::new() };
            let on = on.as_ref().map_or("", |on| on.name.as_str());
            names.iter().map(|name| turn(kind, on, &name.name, true, false)).collect()
        }
        Statement::CreatePolicy { table, value } => vec![turn(POLICY, &table.name, &value.name, false, true)],
        Statement::AlterPolicy { table, name, .. } => vec![turn(POLICY, &table.name, name, true, true)],
        Statement::CreateTrigger { table, value, .. } => {
            vec![turn("the trigger", &table.name, &value.name, false, true)]
        }
        Statement::CreateView { name, .. } => vec![turn("the view", "", &name.name, false, true)],
        Statement::CreateFunction { name, .. } => vec![turn("the function", "", &name.name, false, true)],
        Statement::Grant { objects: GrantObjects::Tables(tables), roles, revoke, .. } => {
            let all = |table: &Name| {
                let on = table.name.clone();
                roles
                    .iter()
                    .map(move |role| turn(PRIVILEGES, &on, role, *revoke, !revoke))
                    .collect::<Vec<_>>()
            };
            tables.iter().flat_map(all).collect()
        }
        Statement::AlterTable(alter) => {
            let on = alter.name.name.as_str();
            let of = |action: &AlterAction| {
                let named = |name: &Option<String>| name.clone().unwrap_or_default();
                Some(match action {
                    AlterAction::DropColumn { name, .. } => turn(COLUMN, on, name, true, false),
                    AlterAction::AddColumn { column, .. } => {
                        turn(COLUMN, on, &column.column.name, false, true)
                    }
                    AlterAction::DisableRowSecurity => turn("the row security", on, "", true, false),
                    AlterAction::EnableRowSecurity => turn("the row security", on, "", false, true),
                    AlterAction::NoForceRowSecurity => turn("the forced row security", on, "", true, false),
                    AlterAction::ForceRowSecurity => turn("the forced row security", on, "", false, true),
                    AlterAction::DisableTrigger { name } => {
                        turn("the trigger", on, &named(name), true, false)
                    }
                    AlterAction::EnableTrigger { name } => turn("the trigger", on, &named(name), false, true),
                    _ => return None,
                })
            };
            alter.actions.iter().filter_map(of).collect()
        }
        _ => Vec::new(),
    }
}

fn kind_of(kind: ObjectKind) -> Option<&'static str> {
    Some(match kind {
        ObjectKind::Policy => POLICY,
        ObjectKind::Trigger => "the trigger",
        ObjectKind::View | ObjectKind::MaterializedView => "the view",
        ObjectKind::Function => "the function",
        _ => return None,
    })
}
