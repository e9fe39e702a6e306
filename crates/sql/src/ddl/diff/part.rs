//! Constraints, indexes, triggers, policies and settings of tables that stay: what is dropped first, and what is
//! made at the end.

use pgsteward_model::catalog::{
    Catalog, Constraint, ConstraintKind, ForeignKey, Index, Persistence, Policy, QName, Table, Trigger,
};

use super::Kept;
use super::affected::Affected;
use super::made::{self, Made};
use crate::ddl::{index, table, with_options};
use crate::quote::{quote_ident, quote_qualified};

/// What is dropped of one table, and what is made on it.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) constraints: Vec<Constraint>,
    pub(super) indexes: Vec<Index>,
    triggers: Vec<Trigger>,
    policies: Vec<Policy>,
}

/// What one table loses, and what it gets; the second may be what it lost.
pub(super) struct Exchange {
    pub(super) old: Parts,
    pub(super) new: Parts,
}

pub(super) fn exchange(kept: &Kept<'_>, affected: &Affected) -> Exchange {
    let (from, to) = (kept.from, kept.to);
    let name = &from.name;
    let constraint_goes = |one: &Constraint| {
        let owned = |table: &Table| {
            let index = table.indexes.iter().find(|index| index.constraint.as_ref() == Some(&one.name));
            index.map(|index| Index { statistics: None, comment: None, ..index.clone() })
        };
        let same = |other: &Constraint| {
            other.name == one.name
                && (Constraint { comment: None, ..one.clone() })
                    == (Constraint { comment: None, ..other.clone() })
                && owned(from) == owned(to)
        };
        !to.constraints.iter().any(same) || affected.constraint(name, one)
    };
    let index_goes = |one: &Index| {
        let plain = |index: &Index| Index { statistics: None, comment: None, ..index.clone() };
        !to.indexes.iter().any(|other| plain(other) == plain(one)) || affected.index(name, one)
    };
    let trigger_goes = |one: &Trigger| {
        let same = |other: &Trigger| other.name == one.name && other.definition == one.definition;
        !to.triggers.iter().any(same) || affected.trigger(name, one)
    };
    let policy_goes = |one: &Policy| {
        let plain = |policy: &Policy| Policy { comment: None, ..policy.clone() };
        !to.policies.iter().any(|other| plain(other) == plain(one)) || affected.policy(name, one)
    };
    let is_part = |one: &&Constraint| !matches!(one.kind, ConstraintKind::NotNull { .. });
    let free = |one: &&Index| one.constraint.is_none();
    let old = Parts {
        constraints: from
            .constraints
            .iter()
            .filter(is_part)
            .filter(|one| constraint_goes(one))
            .cloned()
            .collect(),
        indexes: from.indexes.iter().filter(free).filter(|one| index_goes(one)).cloned().collect(),
        triggers: from.triggers.iter().filter(|one| trigger_goes(one)).cloned().collect(),
        policies: from.policies.iter().filter(|one| policy_goes(one)).cloned().collect(),
    };
    let new = Parts {
        constraints: to
            .constraints
            .iter()
            .filter(is_part)
            .filter(|one| {
                from.constraint(&one.name).is_none()
                    || old.constraints.iter().any(|gone| gone.name == one.name)
            })
            .cloned()
            .collect(),
        indexes: to
            .indexes
            .iter()
            .filter(free)
            .filter(|one| {
                let stays = from.index(&one.name).is_some_and(|other| other.constraint.is_none());
                !stays || old.indexes.iter().any(|gone| gone.name == one.name)
            })
            .cloned()
            .collect(),
        triggers: missing(&to.triggers, &from.triggers, &old.triggers, |one| &one.name),
        policies: missing(&to.policies, &from.policies, &old.policies, |one| &one.name),
    };
    Exchange { old, new }
}

fn missing<T: Clone>(wanted: &[T], had: &[T], gone: &[T], name: fn(&T) -> &String) -> Vec<T> {
    let has = |list: &[T], one: &T| list.iter().any(|other| name(other) == name(one));
    wanted.iter().filter(|one| !has(had, one) || has(gone, one)).cloned().collect()
}

impl Exchange {
    /// Foreign keys rest on the keys of other tables. True where this one must go with its key.
    pub(super) fn lose_keys_on(&mut self, kept: &Kept<'_>, gone: &[(QName, Vec<String>)]) {
        let rests = |key: &ForeignKey| {
            gone.iter().any(|(table, columns)| {
                *table == key.references
                    && columns.len() == key.referenced_columns.len()
                    && columns.iter().all(|column| key.referenced_columns.contains(column))
            })
        };
        for (constraint, key) in kept.from.foreign_keys() {
            let known = self.old.constraints.iter().any(|one| one.name == constraint.name);
            if known || !rests(key) {
                continue;
            }
            self.old.constraints.push(constraint.clone());
            self.new.constraints.extend(kept.to.constraint(&constraint.name).cloned());
        }
    }

    /// Column sets of keys that go, for a while or for ever.
    pub(super) fn lost_keys(&self, table: &QName) -> Vec<(QName, Vec<String>)> {
        let of_constraints = self.old.constraints.iter().filter_map(|one| match &one.kind {
            ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => {
                Some(columns.clone())
            }
            _ => None,
        });
        let of_indexes = self
            .old
            .indexes
            .iter()
            .filter(|index| index.unique)
            .map(|index| index.leading_columns().into_iter().map(str::to_owned).collect::<Vec<_>>());
        of_constraints.chain(of_indexes).map(|columns| (table.clone(), columns)).collect()
    }

    /// Partitions lose and get with their parent what they have from it. `known`: of indexes and keys somebody knows which.
    pub(super) fn leave_to_parent(
        &mut self,
        parent: &Exchange,
        parent_name: &QName,
        name: &QName,
        known: bool,
    ) {
        self.old.without(&parent.old, parent_name, name, known);
        self.new.without(&parent.new, parent_name, name, known);
    }

    pub(super) fn drops_policies_and_triggers(&self, table: &QName) -> Vec<String> {
        let name = quote_qualified(table);
        let policies =
            self.old.policies.iter().map(|one| format!("DROP POLICY {} ON {name}", quote_ident(&one.name)));
        let triggers =
            self.old.triggers.iter().map(|one| format!("DROP TRIGGER {} ON {name}", quote_ident(&one.name)));
        policies.chain(triggers).collect()
    }

    pub(super) fn drops_constraints(
        &self,
        table: &QName,
        wanted: fn(&ConstraintKind) -> bool,
    ) -> Vec<String> {
        let name = quote_qualified(table);
        let constraints = self.old.constraints.iter().filter(|one| wanted(&one.kind));
        constraints
            .map(|one| format!("ALTER TABLE {name} DROP CONSTRAINT {}", quote_ident(&one.name)))
            .collect()
    }

    pub(super) fn drops_indexes(&self, table: &QName) -> Vec<String> {
        let index = |one: &Index| {
            format!("DROP INDEX {}", quote_qualified(&QName::new(table.namespace.clone(), one.name.clone())))
        };
        self.old.indexes.iter().map(index).collect()
    }

    /// A table that has only what is to be made.
    pub(super) fn table(&self, kept: &Kept<'_>) -> Table {
        let mut indexes = self.new.indexes.clone();
        indexes.extend(kept.to.indexes.iter().filter(|index| index.constraint.is_some()).cloned());
        Table {
            constraints: self.new.constraints.clone(),
            indexes,
            triggers: self.new.triggers.clone(),
            policies: self.new.policies.clone(),
            row_security: false,
            force_row_security: false,
            ..kept.to.clone()
        }
    }

    pub(super) fn note(&self, table: &QName, made: &mut Made) {
        made.extend(self.new.constraints.iter().map(|one| made::part("CONSTRAINT", &one.name, table)));
        made.extend(self.new.triggers.iter().map(|one| made::part("TRIGGER", &one.name, table)));
        made.extend(self.new.policies.iter().map(|one| made::part("POLICY", &one.name, table)));
        made.extend(
            self.new
                .indexes
                .iter()
                .map(|one| made::named("INDEX", &QName::new(table.namespace.clone(), one.name.clone()))),
        );
    }
}

impl Parts {
    fn without(&mut self, parent: &Parts, parent_name: &QName, own: &QName, known: bool) {
        let unnamed =
            |index: &Index| index::create_on("", &Index { name: String::new(), ..index.clone() }, false);
        self.indexes
            .retain(|one| known || !parent.indexes.iter().any(|other| unnamed(other) == unnamed(one)));
        self.constraints.retain(|one| {
            !parent.constraints.iter().any(|other| match (&one.kind, &other.kind) {
                (ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. }, _) => other.name == one.name,
                (ConstraintKind::Exclusion { .. }, _) => false,
                (mine, theirs) => !known && mine == theirs,
            })
        });
        // The function may be called as the table is, with more behind it.
        let place = |name: &QName| format!(" ON {} ", quote_qualified(name));
        self.triggers.retain(|one| {
            !parent.triggers.iter().any(|other| {
                other.row
                    && other.name == one.name
                    && other.definition.replace(&place(parent_name), &place(own)) == one.definition
            })
        });
    }
}

/// Which triggers of a table that stays are switched on or off.
pub(super) fn trigger_switches(kept: &Kept<'_>, exchange: &Exchange) -> Vec<String> {
    let name = quote_qualified(&kept.to.name);
    let switch = |one: &Trigger| {
        let old = kept.from.triggers.iter().find(|other| other.name == one.name)?;
        let again = exchange.new.triggers.iter().any(|other| other.name == one.name);
        (!again && old.enabled != one.enabled).then(|| {
            let word = if one.enabled { "ENABLE" } else { "DISABLE" };
            format!("ALTER TABLE ONLY {name} {word} TRIGGER {}", quote_ident(&one.name))
        })
    };
    kept.to.triggers.iter().filter_map(switch).collect()
}

/// A table leaves its parents before its columns or those of its parents change.
pub(super) fn leave_parents(kept: &Kept<'_>) -> Vec<String> {
    let name = quote_qualified(&kept.from.name);
    let mut sql = Vec::new();
    if kept.from.partition_of != kept.to.partition_of
        && let Some(partition) = &kept.from.partition_of
    {
        sql.push(format!("ALTER TABLE {} DETACH PARTITION {name}", quote_qualified(&partition.parent)));
    }
    let left = kept.from.inherits.iter().filter(|parent| !kept.to.inherits.contains(parent));
    sql.extend(left.map(|parent| format!("ALTER TABLE {name} NO INHERIT {}", quote_qualified(parent))));
    sql
}

pub(super) fn join_parents(to: &Catalog, kept: &Kept<'_>) -> Vec<String> {
    let mut joining = kept.to.clone();
    if kept.from.partition_of == kept.to.partition_of {
        joining.partition_of = None;
    }
    joining.inherits.retain(|parent| !kept.from.inherits.contains(parent));
    table::parents(to, &joining)
}

pub(super) fn settings(kept: &Kept<'_>) -> Vec<String> {
    let (from, to) = (kept.from, kept.to);
    let name = quote_qualified(&to.name);
    let mut sql = Vec::new();
    if from.persistence != to.persistence {
        let word = if to.persistence == Persistence::Unlogged { "UNLOGGED" } else { "LOGGED" };
        sql.push(format!("ALTER TABLE {name} SET {word}"));
    }
    let key = |option: &String| option.split('=').next().unwrap_or_default().to_owned();
    let gone: Vec<String> = from
        .options
        .iter()
        .map(key)
        .filter(|one| !to.options.iter().any(|other| key(other) == *one))
        .map(|one| quote_ident(&one))
        .collect();
    if !gone.is_empty() {
        sql.push(format!("ALTER TABLE {name} RESET ({})", gone.join(", ")));
    }
    let set: Vec<String> = to.options.iter().filter(|one| !from.options.contains(one)).cloned().collect();
    if !set.is_empty() {
        let written = with_options(&set);
        sql.push(format!("ALTER TABLE {name} SET{}", written.trim_start_matches(" WITH")));
    }
    let switch = |on: bool, yes: &str, no: &str| if on { yes.to_owned() } else { no.to_owned() };
    if from.row_security != to.row_security {
        let word = switch(to.row_security, "ENABLE", "DISABLE");
        sql.push(format!("ALTER TABLE {name} {word} ROW LEVEL SECURITY"));
    }
    if from.force_row_security != to.force_row_security {
        let word = switch(to.force_row_security, "FORCE", "NO FORCE");
        sql.push(format!("ALTER TABLE {name} {word} ROW LEVEL SECURITY"));
    }
    sql
}
