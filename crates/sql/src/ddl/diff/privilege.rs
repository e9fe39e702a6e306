//! Privileges and owners, as GRANT, REVOKE and OWNER TO.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, DefaultPrivilege, Grant};

use super::made::Made;
use crate::ddl::object;
use crate::quote::{quote_ident, quote_qualified};

/// What stands in a catalog with an access control list: the words of GRANT … ON, the columns in
/// parentheses or nothing, the list, and the words of ALTER … OWNER TO with the owner.
struct Held<'a> {
    on: String,
    columns: String,
    grants: &'a [Grant],
    owner: Option<(String, &'a str)>,
}

/// Those of the columns `given` are the caller's, and so is it, with `apart`, what becomes of columns when something is revoked
/// for their table.
pub(super) fn differences(
    from: &Catalog,
    to: &Catalog,
    made: &Made,
    given: &Made,
    apart: bool,
) -> Vec<String> {
    let mut sql = Vec::new();
    let (old, mut new) = (held(from), held(to));
    new.retain(|(key, _), _| !given.contains(key));
    // What is revoked for a table is revoked for its columns, too.
    let mut revoked: BTreeSet<(String, String, String)> = BTreeSet::new();
    let (columns, whole): (Vec<_>, Vec<_>) = new.iter().partition(|(key, _)| !key.1.is_empty());
    for (key, wanted) in whole.into_iter().chain(columns) {
        let is_new = made.contains(&key.0) || !old.contains_key(key);
        if let (Some(before), false) = (old.get(key), is_new)
            && let (Some((_, was)), Some((alter, owner))) = (&before.owner, &wanted.owner)
            && was != owner
        {
            sql.push(format!("{alter} OWNER TO {}", quote_ident(owner)));
        }
        let initial: Vec<Grant>;
        let has: &[Grant] = match old.get(key) {
            Some(before) if !is_new && !wanted.columns.is_empty() && !apart => {
                let gone = |grant: &&Grant| {
                    revoked.contains(&(wanted.on.clone(), grant.grantee.clone(), grant.privilege.clone()))
                };
                initial = before.grants.iter().filter(|grant| !gone(grant)).cloned().collect();
                &initial
            }
            Some(before) if !is_new => before.grants,
            _ => {
                initial = initially(from, wanted);
                &initial
            }
        };
        // The owner's own are listed only where some are missing.
        let owner = wanted.owner.as_ref().map(|(_, owner)| *owner);
        let lists = |grants: &[Grant]| grants.iter().any(|grant| Some(grant.grantee.as_str()) == owner);
        if let Some(owner) = owner
            && lists(has) != lists(wanted.grants)
            && wanted.columns.is_empty()
        {
            let (verb, way) = if lists(wanted.grants) { ("REVOKE", "FROM") } else { ("GRANT", "TO") };
            sql.push(format!("{verb} ALL ON {} {way} {}", wanted.on, quote_ident(owner)));
        }
        let gone = has.iter().filter(|grant| {
            !wanted.grants.contains(grant) && (Some(grant.grantee.as_str()) != owner || lists(wanted.grants))
        });
        for grant in gone {
            revoked.insert((wanted.on.clone(), grant.grantee.clone(), grant.privilege.clone()));
            let stays = wanted.grants.iter().any(|other| {
                other.grantee == grant.grantee && other.privilege == grant.privilege && !other.grantable
            });
            let option = if stays { "GRANT OPTION FOR " } else { "" };
            sql.push(format!(
                "REVOKE {option}{}{} ON {} FROM {}",
                grant.privilege,
                wanted.columns,
                wanted.on,
                role(&grant.grantee)
            ));
        }
        for grant in wanted.grants.iter().filter(|grant| !has.contains(grant)) {
            let narrower = has.iter().any(|other| {
                other.grantee == grant.grantee && other.privilege == grant.privilege && other.grantable
            });
            if narrower {
                continue;
            }
            let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
            sql.push(format!(
                "GRANT {}{} ON {} TO {}{option}",
                grant.privilege,
                wanted.columns,
                wanted.on,
                role(&grant.grantee)
            ));
        }
    }
    sql.extend(defaults(from, to));
    sql
}

fn role(grantee: &str) -> String {
    if grantee.is_empty() { "PUBLIC".to_owned() } else { quote_ident(grantee) }
}

/// What an object that is made now has without anybody's GRANT.
fn initially(catalog: &Catalog, object: &Held<'_>) -> Vec<Grant> {
    if !object.columns.is_empty() {
        return Vec::new();
    }
    let kind = match object.on.split(' ').next() {
        Some("TABLE") => "tables",
        Some("SEQUENCE") => "sequences",
        Some("ROUTINE") => "functions",
        _ => "schemas",
    };
    let global = catalog.default_privileges.iter().find(|one| one.objects == kind && one.namespace.is_none());
    let mut grants: Vec<Grant> = match global {
        Some(privilege) => not_owners(privilege),
        None if kind == "functions" => {
            vec![Grant { grantee: String::new(), privilege: "EXECUTE".into(), grantable: false }]
        }
        None => Vec::new(),
    };
    let inside = catalog.default_privileges.iter().filter(|one| {
        one.objects == kind
            && one
                .namespace
                .as_ref()
                .is_some_and(|name| object.on.contains(&format!(" {}.", quote_ident(name))))
    });
    grants.extend(inside.flat_map(not_owners));
    grants
}

fn not_owners(privilege: &DefaultPrivilege) -> Vec<Grant> {
    privilege.grants.iter().filter(|grant| grant.grantee != privilege.owner).cloned().collect()
}

fn held<'a>(catalog: &'a Catalog) -> BTreeMap<(String, String), Held<'a>> {
    let mut all = BTreeMap::new();
    let mut add = |key: String,
                   on: String,
                   columns: String,
                   grants: &'a [Grant],
                   owner: Option<(String, &'a String)>| {
        let owner = owner.map(|(alter, owner)| (alter, owner.as_str()));
        all.insert((key, columns.clone()), Held { on, columns, grants, owner });
    };
    for (name, namespace) in &catalog.namespaces {
        let on = format!("SCHEMA {}", quote_ident(name));
        let owner = namespace.owner.as_ref().map(|owner| (format!("ALTER {on}"), owner));
        add(on.clone(), on, String::new(), namespace.grants.as_slice(), owner);
    }
    for table in catalog.tables.values() {
        let on = format!("TABLE {}", quote_qualified(&table.name));
        let owner = table.owner.as_ref().map(|owner| (format!("ALTER {on}"), owner));
        add(on.clone(), on.clone(), String::new(), table.grants.as_slice(), owner);
        for column in &table.columns {
            let key = super::made::column(&table.name, &column.name);
            let columns = format!(" ({})", quote_ident(&column.name));
            add(key, on.clone(), columns, column.grants.as_slice(), None);
        }
    }
    for view in catalog.views.values() {
        let name = quote_qualified(&view.name);
        let word = if view.materialized { "MATERIALIZED VIEW" } else { "VIEW" };
        let owner = view.owner.as_ref().map(|owner| (format!("ALTER {word} {name}"), owner));
        add(format!("{word} {name}"), format!("TABLE {name}"), String::new(), view.grants.as_slice(), owner);
    }
    for sequence in catalog.sequences.values() {
        let on = format!("SEQUENCE {}", quote_qualified(&sequence.name));
        add(on.clone(), on, String::new(), sequence.grants.as_slice(), None);
    }
    for function in catalog.functions.values() {
        let key = object::function_name(function);
        let on = format!("ROUTINE {}", key.split_once(' ').map_or(key.as_str(), |(_, name)| name));
        let owner = function.owner.as_ref().map(|owner| (format!("ALTER {on}"), owner));
        add(key, on, String::new(), function.grants.as_slice(), owner);
    }
    all
}

fn defaults(from: &Catalog, to: &Catalog) -> Vec<String> {
    type Key<'a> = (&'a str, Option<&'a str>, &'a str);
    fn keyed(catalog: &Catalog) -> BTreeMap<Key<'_>, &DefaultPrivilege> {
        let all = catalog.default_privileges.iter();
        all.map(|one| ((one.owner.as_str(), one.namespace.as_deref(), one.objects.as_str()), one)).collect()
    }
    /// What holds where there is no entry.
    fn builtin(key: &Key<'_>) -> Vec<Grant> {
        let public = |privilege: &str| {
            vec![Grant { grantee: String::new(), privilege: privilege.into(), grantable: false }]
        };
        match key {
            (_, None, "functions") => public("EXECUTE"),
            (_, None, "types") => public("USAGE"),
            _ => Vec::new(),
        }
    }
    let (old, new) = (keyed(from), keyed(to));
    let keys: BTreeSet<Key<'_>> = old.keys().chain(new.keys()).copied().collect();
    let mut sql = Vec::new();
    for key in keys {
        let (owner, namespace, objects) = key;
        let of = |map: &BTreeMap<Key<'_>, &DefaultPrivilege>| match map.get(&key) {
            Some(one) => not_owners(one),
            None => builtin(&key),
        };
        let (has, wanted) = (of(&old), of(&new));
        let schema = namespace.map_or(String::new(), |name| format!(" IN SCHEMA {}", quote_ident(name)));
        let head = format!("ALTER DEFAULT PRIVILEGES FOR ROLE {}{schema}", quote_ident(owner));
        let objects = objects.to_ascii_uppercase();
        for grant in has.iter().filter(|grant| !wanted.contains(grant)) {
            sql.push(format!("{head} REVOKE {} ON {objects} FROM {}", grant.privilege, role(&grant.grantee)));
        }
        for grant in wanted.iter().filter(|grant| !has.contains(grant)) {
            let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
            sql.push(format!(
                "{head} GRANT {} ON {objects} TO {}{option}",
                grant.privilege,
                role(&grant.grantee)
            ));
        }
    }
    sql
}
