//! Names back to what they were, for objects that are the same ones under another name.
//!
//! Which object is which is read from object ids, so it makes no difference how the rename was written. A name
//! that is taken by something else is freed first: its holder gets a name that nobody has.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::QName;
use pgsteward_model::identity::{Called, Identities, ObjectClass, ObjectId};

use crate::quote::{quote_ident, quote_literal, quote_qualified};

/// The statements that give every object that is in both readings of one database the name it had. What they
/// make is to be read again before it is compared: expressions print other names then.
pub fn rename(from: &Identities, to: &Identities) -> Vec<String> {
    let mut names = Names { now: from.objects.clone(), moved: BTreeSet::new(), sql: Vec::new() };
    // Schemas, then what is in them, then the parts of that.
    for classes in [
        &[ObjectClass::Namespace][..],
        &[
            ObjectClass::Table,
            ObjectClass::View,
            ObjectClass::MaterializedView,
            ObjectClass::Sequence,
            ObjectClass::Index,
        ],
        &[ObjectClass::Type, ObjectClass::Domain],
        &[ObjectClass::Routine],
        &[ObjectClass::Column],
        &[ObjectClass::Attribute],
        &[ObjectClass::Constraint],
        &[ObjectClass::DomainConstraint],
        &[ObjectClass::Trigger],
        &[ObjectClass::Policy],
        &[ObjectClass::Label],
    ] {
        names.put_back(classes, to);
    }
    names.sql
}

struct Names {
    now: BTreeMap<ObjectId, Called>,
    /// Namespaces from which tables went, and where to.
    moved: BTreeSet<(String, String)>,
    sql: Vec<String>,
}

impl Names {
    fn put_back(&mut self, classes: &[ObjectClass], to: &Identities) {
        let wanted: Vec<(ObjectId, Called)> = to
            .objects
            .iter()
            .filter(|(id, called)| {
                classes.contains(&id.class) && self.now.get(id).is_some_and(|now| now != *called)
            })
            .map(|(id, called)| (*id, called.clone()))
            .collect();
        for (id, called) in &wanted {
            let Some(now) = self.now.get(id).cloned() else { continue };
            // What an object is part of was renamed by now, or the part went elsewhere, which is no rename.
            if now.inside != called.inside {
                continue;
            }
            // Indexes and owned sequences went with their tables.
            let went = matches!(id.class, ObjectClass::Index | ObjectClass::Sequence)
                && self.moved.contains(&(now.namespace.clone(), called.namespace.clone()));
            if went {
                self.follow(*id, &Called { namespace: called.namespace.clone(), ..now.clone() });
            } else if now.namespace != called.namespace && id.class != ObjectClass::Namespace {
                self.move_to(*id, &now, &called.namespace);
            }
            let Some(now) = self.now.get(id).cloned().filter(|now| now.name != called.name) else { continue };
            let taken = self
                .now
                .iter()
                .find(|(other, held)| *other != id && classes.contains(&other.class) && *held == called);
            if let Some((other, held)) = taken.map(|(other, held)| (*other, held.clone())) {
                // Labels cannot be put aside: no other label may take their place in the meantime either.
                let aside = self.free_name(classes, &held);
                self.give(other, &held, &aside);
            }
            self.give(*id, &now, &called.name);
        }
    }

    fn free_name(&self, classes: &[ObjectClass], held: &Called) -> String {
        let mut end = held.name.len().min(45);
        while !held.name.is_char_boundary(end) {
            end -= 1;
        }
        let mut name = format!("{}_pgsteward_new", &held.name[..end]);
        let used: BTreeSet<&String> = self
            .now
            .iter()
            .filter(|(id, other)| classes.contains(&id.class) && other.namespace == held.namespace)
            .map(|(_, other)| &other.name)
            .collect();
        while used.contains(&name) {
            name.push('_');
        }
        name
    }

    fn move_to(&mut self, id: ObjectId, now: &Called, namespace: &str) {
        let Some(object) = whole(id.class, now) else { return };
        if id.class == ObjectClass::Table {
            self.moved.insert((now.namespace.clone(), namespace.to_owned()));
        }
        self.sql.push(format!("ALTER {object} SET SCHEMA {}", quote_ident(namespace)));
        self.follow(id, &Called { namespace: namespace.to_owned(), ..now.clone() });
    }

    fn give(&mut self, id: ObjectId, now: &Called, name: &str) {
        self.sql.push(statement(id.class, now, name));
        self.follow(id, &Called { name: name.to_owned(), ..now.clone() });
    }

    /// The parts of an object go with it.
    fn follow(&mut self, id: ObjectId, called: &Called) {
        let Some(before) = self.now.insert(id, called.clone()) else { return };
        let is_part = |class: ObjectClass| match id.class {
            ObjectClass::Table => {
                matches!(
                    class,
                    ObjectClass::Column
                        | ObjectClass::Constraint
                        | ObjectClass::Trigger
                        | ObjectClass::Policy
                )
            }
            ObjectClass::Type => matches!(class, ObjectClass::Attribute | ObjectClass::Label),
            ObjectClass::Domain => class == ObjectClass::DomainConstraint,
            _ => false,
        };
        for (other, held) in &mut self.now {
            if id.class == ObjectClass::Namespace {
                if *other != id && held.namespace == before.name {
                    held.namespace.clone_from(&called.name);
                }
            } else if is_part(other.class) && held.namespace == before.namespace && held.inside == before.name
            {
                held.namespace.clone_from(&called.namespace);
                held.inside.clone_from(&called.name);
            }
        }
    }
}

/// What stands by itself, in the words of ALTER.
fn whole(class: ObjectClass, called: &Called) -> Option<String> {
    let name = quote_qualified(&QName::new(called.namespace.clone(), called.name.clone()));
    Some(match class {
        ObjectClass::Table => format!("TABLE {name}"),
        ObjectClass::View => format!("VIEW {name}"),
        ObjectClass::MaterializedView => format!("MATERIALIZED VIEW {name}"),
        ObjectClass::Sequence => format!("SEQUENCE {name}"),
        ObjectClass::Type => format!("TYPE {name}"),
        ObjectClass::Domain => format!("DOMAIN {name}"),
        ObjectClass::Routine => format!("ROUTINE {name}({})", called.inside),
        _ => return None,
    })
}

fn statement(class: ObjectClass, now: &Called, to: &str) -> String {
    let (name, to_name) = (quote_ident(&now.name), quote_ident(to));
    let inside = quote_qualified(&QName::new(now.namespace.clone(), now.inside.clone()));
    match class {
        ObjectClass::Namespace => format!("ALTER SCHEMA {name} RENAME TO {to_name}"),
        ObjectClass::Index => {
            format!("ALTER INDEX {}.{name} RENAME TO {to_name}", quote_ident(&now.namespace))
        }
        ObjectClass::Column => format!("ALTER TABLE {inside} RENAME COLUMN {name} TO {to_name}"),
        ObjectClass::Attribute => format!("ALTER TYPE {inside} RENAME ATTRIBUTE {name} TO {to_name}"),
        ObjectClass::Constraint => format!("ALTER TABLE {inside} RENAME CONSTRAINT {name} TO {to_name}"),
        ObjectClass::DomainConstraint => {
            format!("ALTER DOMAIN {inside} RENAME CONSTRAINT {name} TO {to_name}")
        }
        ObjectClass::Trigger => format!("ALTER TRIGGER {name} ON {inside} RENAME TO {to_name}"),
        ObjectClass::Policy => format!("ALTER POLICY {name} ON {inside} RENAME TO {to_name}"),
        ObjectClass::Label => {
            format!("ALTER TYPE {inside} RENAME VALUE {} TO {}", quote_literal(&now.name), quote_literal(to))
        }
        _ => format!("ALTER {} RENAME TO {to_name}", whole(class, now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identities(objects: &[(ObjectClass, u32, i32, &str, &str)]) -> Identities {
        let object = |(class, oid, part, inside, name): &(ObjectClass, u32, i32, &str, &str)| {
            let called =
                Called { namespace: "public".into(), inside: (*inside).into(), name: (*name).into() };
            (ObjectId { class: *class, oid: *oid, part: *part }, called)
        };
        Identities { objects: objects.iter().map(object).collect(), ..Identities::default() }
    }

    #[test]
    fn the_same_object_gets_its_name_back() {
        use ObjectClass::{Column, Table};
        let before = identities(&[(Table, 1, 0, "", "User"), (Column, 1, 1, "User", "mail")]);
        let after = identities(&[(Table, 1, 0, "", "Person"), (Column, 1, 1, "Person", "email")]);
        assert_eq!(
            rename(&after, &before),
            [
                "ALTER TABLE public.\"Person\" RENAME TO \"User\"",
                "ALTER TABLE public.\"User\" RENAME COLUMN email TO mail"
            ]
        );
        assert_eq!(rename(&after, &after), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_is_taken_is_freed_first() {
        use ObjectClass::Table;
        let before = identities(&[(Table, 1, 0, "", "token")]);
        let after = identities(&[(Table, 1, 0, "", "token_old"), (Table, 2, 0, "", "token")]);
        assert_eq!(
            rename(&after, &before),
            [
                "ALTER TABLE public.token RENAME TO token_pgsteward_new",
                "ALTER TABLE public.token_old RENAME TO token"
            ]
        );
        let swapped_before = identities(&[(Table, 1, 0, "", "a"), (Table, 2, 0, "", "b")]);
        let swapped_after = identities(&[(Table, 1, 0, "", "b"), (Table, 2, 0, "", "a")]);
        assert_eq!(
            rename(&swapped_after, &swapped_before),
            [
                "ALTER TABLE public.a RENAME TO a_pgsteward_new",
                "ALTER TABLE public.b RENAME TO a",
                "ALTER TABLE public.a_pgsteward_new RENAME TO b"
            ]
        );
    }
}
