//! Functions that a way back makes anew or replaces. What belongs to them comes from the server that runs it, since hands grant and
//! take more than migrations do; but what the migration itself gave or took is as the two states say. Those that take or return a
//! type which is made anew are taken away and brought back as they are on that server, whoever made them.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Function, FunctionId, FunctionKind, QName};
use pgsteward_sql::ddl::{self, Carried, Diff};

use super::state::State;
use crate::migrate::belongings;
use crate::migrate::belongings::routines::{BACK, FORGOTTEN, GONE, Successor, given_back_to, kept, kept_of};

pub(super) struct Functions {
    /// Types that are made anew under their names.
    types: BTreeSet<QName>,
    pub(super) carried: Carried,
    /// What takes or returns one of the types and is not brought back as it is.
    left: Vec<FunctionId>,
}

impl Functions {
    /// `from` is the state after the migration once names are put back.
    pub(super) fn of(after: &Catalog, from: &Catalog, before: &Catalog) -> Functions {
        let mut types = ddl::types_made_anew(from, before);
        types.retain(|name| is_type(after, name));
        // One whose name was put back to it made room for the one of before.
        let all = after.enums.keys().chain(after.domains.keys());
        let all = all.chain(after.composites.keys()).chain(after.ranges.keys());
        types.extend(all.filter(|name| is_type(before, name) && !is_type(from, name)).cloned());
        let (carried, left): (Vec<&Function>, Vec<&Function>) = after
            .functions
            .values()
            .filter(|one| one.kind != FunctionKind::Aggregate && takes(one, &types))
            .partition(|one| before.functions.get(&one.id).is_some_and(|other| can_replace(one, other)));
        let functions = carried.into_iter().map(|one| one.id.clone()).collect();
        let left = left.into_iter().map(|one| one.id.clone()).collect();
        let (gone, back) = match types.is_empty() {
            true => (Vec::new(), Vec::new()),
            false => (vec![GONE.to_owned()], vec![BACK.to_owned()]),
        };
        Functions { types, carried: Carried { functions, gone, back, ..Carried::default() }, left }
    }

    /// The state with the functions as they are once those that are carried are back.
    pub(super) fn back_in(&self, after: &Catalog, from: &Catalog, before: &Catalog) -> Catalog {
        let mut catalog = from.clone();
        let new_names: BTreeSet<QName> =
            types(from).filter(|name| !is_type(after, name) && is_type(before, name)).cloned().collect();
        let plain = |one: &Function| one.kind != FunctionKind::Aggregate;
        catalog
            .functions
            .retain(|_, one| !(plain(one) && (takes(one, &self.types) || takes(one, &new_names))));
        let back = self.carried.functions.iter().filter_map(|id| after.functions.get(id));
        catalog.functions.extend(back.map(|one| (one.id.clone(), one.clone())));
        catalog
    }

    /// The statements, and around them what keeps what belongs to functions. `back` is what [`Functions::back_in`] said.
    pub(super) fn around(
        &self,
        after: &State,
        before: &State,
        back: &Catalog,
        diff: &Diff,
        mut statements: Vec<String>,
    ) -> Vec<String> {
        let (after, before) = (&after.catalog, &before.catalog);
        let mut last = Vec::new();
        let (mut had, mut wanted) = (Catalog::empty(before.version), Catalog::empty(before.version));
        let mut successors = Vec::new();
        for new in before.functions.values() {
            let there = back.functions.get(&new.id).filter(|_| !diff.functions.contains(&new.id));
            if there.is_some_and(|old| same(old, new)) {
                continue;
            }
            let Some(old) = there.or_else(|| predecessor(after, before, new)) else { continue };
            let differ = |one: &&String| !(old.settings.contains(one) && new.settings.contains(one));
            let name = |one: &String| one.split_once('=').map_or(one.as_str(), |(name, _)| name).to_owned();
            let but: BTreeSet<String> =
                old.settings.iter().chain(&new.settings).filter(differ).map(name).collect();
            let anew = there.is_none();
            if anew {
                let (owner, grants, comment) = (old.owner.clone(), old.grants.clone(), old.comment.clone());
                had.functions.insert(new.id.clone(), Function { owner, grants, comment, ..new.clone() });
                wanted.functions.insert(new.id.clone(), new.clone());
            }
            last.extend(ddl::settings_of(new, &but));
            let security = old.security_definer == new.security_definer;
            successors.push(Successor {
                from: &old.id,
                to: &new.id,
                anew,
                security,
                but: but.into_iter().collect(),
            });
        }
        if !successors.is_empty() {
            statements.insert(0, kept_of(&successors));
            statements.extend(given_back_to(&successors));
            statements.extend(ddl::diff(&had, &wanted).statements);
            statements.extend(last);
        }
        if !self.types.is_empty() {
            let left: Vec<&FunctionId> = self.left.iter().collect();
            let same = self.types.iter().filter(|name| comment(after, name) == comment(before, name));
            statements.insert(0, kept(self.types.iter(), &left));
            statements.insert(0, belongings::types::kept(self.types.iter(), same));
            statements.push(FORGOTTEN.to_owned());
            statements.push(belongings::types::given_back());
        }
        statements
    }
}

/// What had the function's place: the one of its name and arguments, or the only other one of its name.
fn predecessor<'a>(after: &'a Catalog, before: &Catalog, new: &Function) -> Option<&'a Function> {
    let alike = |one: &Function| one.kind == new.kind;
    if let Some(old) = after.functions.get(&new.id) {
        return Some(old).filter(|old| alike(old));
    }
    let named = |one: &&Function| one.id.name == new.id.name && alike(one);
    let mut gone =
        after.functions.values().filter(named).filter(|one| !before.functions.contains_key(&one.id));
    let mut made =
        before.functions.values().filter(named).filter(|one| !after.functions.contains_key(&one.id));
    let only = gone.next().filter(|_| gone.next().is_none())?;
    made.next().filter(|_| made.next().is_none()).map(|_| only)
}

fn types(catalog: &Catalog) -> impl Iterator<Item = &QName> {
    let all = catalog.enums.keys().chain(catalog.domains.keys());
    all.chain(catalog.composites.keys()).chain(catalog.ranges.keys())
}

fn comment<'a>(catalog: &'a Catalog, name: &QName) -> Option<&'a String> {
    let (enums, domains) = (catalog.enums.get(name), catalog.domains.get(name));
    let (composites, ranges) = (catalog.composites.get(name), catalog.ranges.get(name));
    let all = [
        enums.and_then(|one| one.comment.as_ref()),
        domains.and_then(|one| one.comment.as_ref()),
        composites.and_then(|one| one.comment.as_ref()),
        ranges.and_then(|one| one.comment.as_ref()),
    ];
    all.into_iter().flatten().next()
}

fn is_type(catalog: &Catalog, name: &QName) -> bool {
    types(catalog).any(|one| one == name)
}

fn takes(function: &Function, types: &BTreeSet<QName>) -> bool {
    let named = |text: &str| ddl::names(text).iter().any(|name| types.contains(name));
    !types.is_empty() && (named(&function.id.arguments) || named(&function.returns))
}

fn same(one: &Function, other: &Function) -> bool {
    one.kind == other.kind
        && one.returns == other.returns
        && one.definition == other.definition
        && one.body == other.body
}

/// CREATE OR REPLACE changes neither arguments nor the result.
fn can_replace(one: &Function, other: &Function) -> bool {
    let first =
        |one: &Function| one.definition.as_deref().and_then(|sql| sql.lines().next().map(str::to_owned));
    one.kind == other.kind
        && one.returns == other.returns
        && first(one).is_some()
        && first(one) == first(other)
}
