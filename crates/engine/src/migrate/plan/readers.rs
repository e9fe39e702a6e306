//! Views and row security policies that read a column which gives way to another one. The server holds them to the
//! column itself, not to its name, so that it goes only when they read the other one, or are gone.

use std::borrow::Cow;
use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Policy, QName, Table, View};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, GrantObjects, Name, Statement};
use pgsteward_sql::{ddl, rename_in_expression};

use super::change::{Place, Role};
use crate::migrate::belongings::{Misfits, Parts, with_options};

/// What turns the readers of a renamed column to the one that has its name now, each in place, so that no session ever
/// finds one missing; or why one cannot be. `after` is what the server makes of the migration as it is written.
pub(super) fn turned(
    catalog: &Catalog,
    after: Option<&Catalog>,
    table: &Table,
    column: &str,
) -> Result<Vec<String>, String> {
    let (mut sql, mut found) = (Vec::new(), Vec::new());
    for view in views(catalog, table, column) {
        if view.materialized {
            return Err(format!(
                "the materialized view \"{}\" reads it, and PostgreSQL replaces none in place",
                view.name.display()
            ));
        }
        // A view that groups by a key may name other columns of the table only as long as the key is there.
        let key = table.primary_key().is_some_and(|(_, columns)| columns.iter().any(|name| name == column));
        if key && speaks(&view.definition, "group") {
            return Err(format!("the view \"{}\" groups by the key that it is of", view.name.display()));
        }
        let next = after.and_then(|after| after.views.get(&view.name));
        let next = next.filter(|next| !next.materialized && next.columns == view.columns);
        sql.push(ddl::view_replaced(next.ok_or_else(|| reads(view))?));
        found.push(view);
    }
    if !found.is_empty() {
        sql = with_options(found.iter().map(|view| &view.name), &Parts::new(), Misfits::Fail, sql);
    }
    for (on, policy) in policies(catalog, table, column) {
        let next = after.and_then(|after| after.table(&on.name));
        let next = next.and_then(|next| next.policies.iter().find(|other| other.name == policy.name));
        sql.push(ddl::policy_altered(&on.name, next.ok_or_else(|| names(on, policy))?));
    }
    Ok(sql)
}

/// Why a column cannot go: the first that reads it.
pub(super) fn reader(catalog: &Catalog, table: &Table, column: &str) -> Option<String> {
    let view = views(catalog, table, column).next().map(reads);
    view.or_else(|| policies(catalog, table, column).next().map(|(on, policy)| names(on, policy)))
}

/// What read the column before the migration and is gone before the statement is reached: whoever uses it would do without
/// for as long as the folders between are deployed.
pub(super) fn lost(before: &Catalog, now: &Catalog, (name, column): (&QName, &str)) -> Option<String> {
    let table = before.table(name)?;
    let view = views(before, table, column).find(|view| !now.views.contains_key(&view.name));
    let stands = |on: &Table, policy: &Policy| {
        now.table(&on.name).is_some_and(|on| on.policies.iter().any(|other| other.name == policy.name))
    };
    let policy = || policies(before, table, column).find(|(on, policy)| !stands(on, policy));
    let reason = view.map(reads).or_else(|| policy().map(|(on, policy)| names(on, policy)))?;
    Some(format!("{reason}, and the migration drops that before"))
}

/// The first view or policy whose text names a type.
pub(super) fn reader_of_type(catalog: &Catalog, name: &QName) -> Option<String> {
    let view = catalog.views.values().find(|view| speaks(&view.definition, &name.name)).map(reads);
    let policies = catalog.tables.values().flat_map(|on| on.policies.iter().map(move |one| (on, one)));
    let policy =
        || policies.into_iter().find(|(_, policy)| texts(policy).any(|text| speaks(text, &name.name)));
    view.or_else(|| policy().map(|(on, policy)| names(on, policy)))
}

pub(super) fn reads(view: &View) -> String {
    let kind = if view.materialized { "materialized view" } else { "view" };
    format!("the {kind} \"{}\" reads it", view.name.display())
}

pub(super) fn names(on: &Table, policy: &Policy) -> String {
    format!("the policy \"{}\" of {} names it", policy.name, on.name.display())
}

pub(super) fn views<'a>(
    catalog: &'a Catalog,
    table: &'a Table,
    column: &'a str,
) -> impl Iterator<Item = &'a View> {
    catalog.views.values().filter(move |view| {
        // The server's words name each column; what people write may mean all of them.
        let all = view.columns.is_empty() && view.definition.contains('*');
        view.reads.contains(&table.name) && (all || speaks(&view.definition, column))
    })
}

pub(super) fn policies<'a>(
    catalog: &'a Catalog,
    table: &'a Table,
    column: &'a str,
) -> impl Iterator<Item = (&'a Table, &'a Policy)> {
    let all = catalog.tables.values().flat_map(|on| on.policies.iter().map(move |one| (on.as_ref(), one)));
    all.filter(move |(on, policy)| {
        let here = on.name == table.name || texts(policy).any(|text| speaks(text, &table.name.name));
        here && texts(policy).any(|text| speaks(text, column))
    })
}

pub(super) fn texts(policy: &Policy) -> impl Iterator<Item = &str> {
    policy.using.iter().chain(&policy.with_check).map(String::as_str)
}

/// Whether a text has the name as a word of its own. Rather once too often: what it names may be something else's.
pub(super) fn speaks(text: &str, name: &str) -> bool {
    matches!(rename_in_expression(text, name, name), Cow::Owned(_))
}

/// Statements of a migration that take readers out of the way of a change of type, as PostgreSQL asks it of people, and
/// bring them back.
#[derive(Debug, Default)]
pub(super) struct Aside {
    views: BTreeSet<QName>,
    policies: BTreeSet<(QName, String)>,
}

impl Aside {
    /// What goes before the last of the columns' changes.
    pub(super) fn of(catalog: &Catalog, file: &MigrationFile, columns: &BTreeSet<Place>) -> Aside {
        let mut aside = Aside::default();
        let last = file.statements.iter().rposition(|one| columns.iter().any(|place| retypes(one, place)));
        let close = closure(catalog, &columns.iter().map(|(table, _)| table).collect());
        let places = || columns.iter().filter_map(|(name, column)| Some((catalog.table(name)?, column)));
        let named: BTreeSet<(&QName, &str)> = places()
            .flat_map(|(table, column)| policies(catalog, table, column))
            .map(|(on, policy)| (&on.name, policy.name.as_str()))
            .collect();
        for one in file.statements.iter().take(last.unwrap_or(0)) {
            let Statement::Drop { kind, names, on, cascade, .. } = &one.statement else { continue };
            match (kind, on) {
                (ObjectKind::View | ObjectKind::MaterializedView, _) => {
                    let names: BTreeSet<QName> = names.iter().map(Name::qualified).collect();
                    if names.iter().any(|name| close.contains(name)) {
                        let readers = cascade.then(|| closure(catalog, &names.iter().collect()));
                        aside.views.extend(readers.into_iter().flatten().cloned());
                        aside.views.extend(names);
                    }
                }
                (ObjectKind::Policy, Some(on)) => {
                    let on = on.qualified();
                    let own = names.iter().filter(|name| named.contains(&(&on, name.name.as_str())));
                    aside.policies.extend(own.map(|name| (on.clone(), name.name.clone())));
                }
                _ => {}
            }
        }
        aside
    }

    /// Whether the view is taken away.
    pub(super) fn has(&self, view: &QName) -> bool {
        self.views.contains(view)
    }

    pub(super) fn role(&self, statement: &Statement, text: &str) -> Option<Role> {
        // A materialized view is made with its indexes before the swap.
        if matches!(statement, Statement::CreateIndex(create) if self.has(&create.table.qualified())) {
            return Some(Role::Absorbed);
        }
        let back = || self.returns(statement, text).then_some(Role::Back);
        self.goes(statement).then_some(Role::Away).or_else(back)
    }

    /// Whether the statement makes something that what comes back may read, and asks for nothing that the swap brings.
    pub(super) fn may_need(&self, statement: &Statement) -> bool {
        let adds = |action: &AlterAction| matches!(action, AlterAction::AddColumn { .. });
        let makes = match statement {
            Statement::AlterTable(alter) => alter.actions.iter().all(adds),
            Statement::CreateTable(create) => !create.from_query,
            Statement::CreateEnum { .. } => true,
            _ => false,
        };
        makes && !(self.views.is_empty() && self.policies.is_empty())
    }

    fn goes(&self, statement: &Statement) -> bool {
        let Statement::Drop { kind, names, on, .. } = statement else { return false };
        match (kind, on) {
            (ObjectKind::View | ObjectKind::MaterializedView, _) => {
                names.iter().any(|name| self.views.contains(&name.qualified()))
            }
            (ObjectKind::Policy, Some(on)) => names.iter().any(|name| self.policy(on, &name.name)),
            _ => false,
        }
    }

    /// Whether the statement brings one back, or gives it what it had.
    fn returns(&self, statement: &Statement, text: &str) -> bool {
        let view = |name: &Name| self.views.contains(&name.qualified());
        match statement {
            Statement::CreateView { name, .. } | Statement::Comment { name, .. } => view(name),
            Statement::AlterTable(alter) => view(&alter.name),
            Statement::Grant { objects: GrantObjects::Tables(names), .. } => names.iter().all(view),
            Statement::CreateTrigger { table, .. } => view(table),
            Statement::Other { keyword }
                if keyword.starts_with("ALTER VIEW")
                    || keyword.starts_with("ALTER MATERIALIZED")
                    || is_rule(keyword, text) =>
            {
                self.views.iter().any(|view| speaks(text, &view.name))
            }
            Statement::CreatePolicy { table, value } => self.policy(table, &value.name),
            _ => false,
        }
    }

    /// Why a statement gives a view that comes back what it cannot give it in the swap: it gives it to others too.
    pub(super) fn shared(&self, statement: &Statement) -> Option<String> {
        let here = |name: &Name| self.views.contains(&name.qualified());
        let (shared, what) = match statement {
            Statement::Grant { objects: GrantObjects::Tables(names), .. } => {
                let some = names.iter().any(here) && !names.iter().all(here);
                (some, "a GRANT or REVOKE names a view that it makes anew beside other relations")
            }
            Statement::Grant { objects: GrantObjects::AllTables { schemas }, .. } => {
                let own = |view: &QName| schemas.contains(&view.namespace);
                let some = self.views.iter().any(own);
                (some, "a GRANT or REVOKE on all tables of the schema means a view that it makes anew")
            }
            Statement::AlterDefaultPrivileges => {
                let some = !self.views.is_empty();
                (some, "it changes default privileges, which a view that it makes anew gets")
            }
            _ => return None,
        };
        shared.then(|| format!("{what}, and whoever reads that would wait for the next migration"))
    }

    /// Why a view cannot stay until the swap: it has to be away for another column too, whose type changes as it is written.
    pub(super) fn wanted_by_others(
        &self,
        catalog: &Catalog,
        file: &MigrationFile,
        wanted: &BTreeSet<Place>,
    ) -> Option<String> {
        let alters = file.statements.iter().filter_map(|one| match &one.statement {
            Statement::AlterTable(alter) => Some((catalog.table(&alter.name.qualified())?, &alter.actions)),
            _ => None,
        });
        let mut others = alters.flat_map(|(table, actions)| {
            let columns = actions.iter().filter_map(|action| match action {
                AlterAction::SetType { column, .. } => Some(column),
                _ => None,
            });
            let other = move |column: &&String| !wanted.contains(&(table.name.clone(), (*column).clone()));
            columns.filter(other).map(move |column| (table, column))
        });
        others.find_map(|(table, column)| {
            let view = views(catalog, table, column).find(|view| self.has(&view.name))?;
            Some(format!(
                "{}, and \"{column}\" of \"{}\" too, whose type changes as it is written while nothing reads it",
                reads(view),
                table.name.display()
            ))
        })
    }

    fn policy(&self, on: &Name, name: &str) -> bool {
        self.policies.contains(&(on.qualified(), name.to_owned()))
    }
}

/// `CREATE RULE` and `CREATE OR REPLACE RULE`; `text` is the statement's.
fn is_rule(keyword: &str, text: &str) -> bool {
    let word = |at: usize, wanted: &str| {
        text.split_whitespace().nth(at).is_some_and(|word| word.eq_ignore_ascii_case(wanted))
    };
    keyword == "CREATE RULE" || keyword == "CREATE OR" && word(3, "RULE")
}

/// The view as the server words it after the migration, where people wrote `*`: the columns stand in another order when
/// it is made here.
pub(super) fn worded(after: Option<&Catalog>, statement: &Statement) -> Option<String> {
    let Statement::CreateView { name, definition, materialized: false, .. } = statement else { return None };
    let view = after?.views.get(&name.qualified())?;
    definition.contains('*').then(|| ddl::view(view))
}

/// Whether the statement changes the column's type.
pub(super) fn retypes(statement: &MigrationStatement, (table, column): &Place) -> bool {
    let Statement::AlterTable(alter) = &statement.statement else { return false };
    let own =
        |action: &AlterAction| matches!(action, AlterAction::SetType { column: own, .. } if own == column);
    alter.name.qualified() == *table && alter.actions.iter().any(own)
}

/// Views that read one of the tables, and those that read them.
pub(super) fn closure<'a>(catalog: &'a Catalog, tables: &BTreeSet<&QName>) -> BTreeSet<&'a QName> {
    let mut close: BTreeSet<&QName> = BTreeSet::new();
    loop {
        let next = catalog.views.values().filter(|view| {
            let read = |name: &QName| close.contains(name) || tables.contains(name);
            !close.contains(&view.name) && view.reads.iter().any(read)
        });
        let next: Vec<&QName> = next.map(|view| &view.name).collect();
        if next.is_empty() {
            return close;
        }
        close.extend(next);
    }
}
