//! Views, sequences, extensions, functions, triggers, policies, grants and comments.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{
    Extension, Function, FunctionId, Grant, Policy, QName, Sequence, Trigger, View,
};
use pgsteward_model::lock::LockMode;
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::statement::{GrantObjects, Name};

use super::Replay;
use crate::cursor::Cursor;
use crate::lower;
use crate::scan;

impl Replay<'_> {
    pub(super) fn create_view(
        &mut self,
        written: &Name,
        materialized: bool,
        or_replace: bool,
        if_not_exists: bool,
        definition: &str,
        options: &[String],
    ) {
        let name = self.new_name(written);
        let exists = self.catalog.views.contains_key(&name);
        if exists && if_not_exists {
            return;
        }
        let tokens = scan::tokens(definition);
        let reads: BTreeSet<QName> = lower::relations_read(Cursor::new(definition, &tokens))
            .iter()
            .map(|read| self.relation(read))
            .filter(|read| self.is_relation(read))
            .collect();
        let reads: Vec<QName> = reads.into_iter().collect();
        if exists && or_replace {
            self.touch(&name, LockMode::AccessExclusive);
        }
        for read in &reads {
            self.touch(read, LockMode::AccessShare);
        }
        let kind = if materialized { ObjectKind::MaterializedView } else { ObjectKind::View };
        if !exists {
            self.births.created(&name);
            self.created(ObjectRef::relation(kind, &name.namespace, &name.name));
        }
        let view = View {
            name: name.clone(),
            materialized,
            definition: definition.to_owned(),
            columns: Vec::new(),
            reads,
            options: options.to_vec(),
            indexes: Vec::new(),
            populated: true,
            owner: None,
            grants: Vec::new(),
            comment: None,
        };
        self.catalog.views.insert(name, view);
    }

    pub(super) fn create_sequence(&mut self, written: &Name, if_not_exists: bool, value: &Sequence) {
        let name = self.new_name(written);
        if if_not_exists && self.is_taken(&name.namespace, &name.name) {
            return;
        }
        self.created(ObjectRef::in_namespace(ObjectKind::Sequence, &name.namespace, &name.name));
        let owned_by =
            value.owned_by.as_ref().map(|(table, column)| (self.requalified(table), column.clone()));
        if let Some((table, _)) = &owned_by {
            self.touch(table, LockMode::AccessShare);
        }
        self.catalog.sequences.insert(name.clone(), Sequence { name, owned_by, ..value.clone() });
    }

    pub(super) fn alter_sequence(&mut self, name: &Name, owned_by: Option<&(Name, String)>, options: &str) {
        let sequence = self.relation(name);
        let owner = owned_by.map(|(table, column)| (self.relation(table), column.clone()));
        let Some(found) = self.catalog.sequences.get_mut(&sequence) else { return };
        if let Some(owner) = owner {
            found.owned_by = Some(owner);
        }
        let tokens = scan::tokens(options);
        let mut cursor = Cursor::new(options, &tokens);
        while !cursor.at_end() {
            if cursor.eat(&["owned", "by", "none"]) {
                found.owned_by = None;
            } else if cursor.eat(&["as"]) {
                if let Some(ty) = crate::types::read(&mut cursor) {
                    let plain = lower::plain_sequence(found.name.clone(), &ty.ty.name);
                    found.ty = plain.ty;
                    found.max = plain.max;
                }
            } else if cursor.eat(&["increment", "by"]) || cursor.eat(&["increment"]) {
                found.increment = cursor.integer().unwrap_or(found.increment);
            } else if cursor.eat(&["maxvalue"]) {
                found.max = cursor.integer().unwrap_or(found.max);
            } else if cursor.eat(&["minvalue"]) {
                found.min = cursor.integer().unwrap_or(found.min);
            } else if cursor.eat(&["start", "with"]) || cursor.eat(&["start"]) {
                found.start = cursor.integer().unwrap_or(found.start);
            } else if cursor.eat(&["no", "cycle"]) {
                found.cycle = false;
            } else if cursor.eat(&["cycle"]) {
                found.cycle = true;
            } else {
                cursor.advance();
            }
        }
    }

    pub(super) fn create_extension(&mut self, name: &str, schema: Option<&str>) {
        if self.catalog.extensions.contains_key(name) {
            return;
        }
        self.created(ObjectRef::named(ObjectKind::Extension, name));
        let namespace = schema
            .map(str::to_owned)
            .or_else(|| self.births.search_path.first().cloned())
            .unwrap_or_else(|| "public".into());
        // Which version is installed only the server knows.
        let extension = Extension { name: name.to_owned(), version: String::new(), namespace };
        self.catalog.extensions.insert(name.to_owned(), extension);
    }

    pub(super) fn create_function(&mut self, written: &Name, value: &Function) {
        let name = self.new_name(written);
        let id = FunctionId { name, arguments: value.id.arguments.clone() };
        if !self.catalog.functions.contains_key(&id) {
            self.created(ObjectRef {
                arguments: Some(id.arguments.clone()),
                ..ObjectRef::in_namespace(ObjectKind::Function, &id.name.namespace, &id.name.name)
            });
        }
        self.catalog.functions.insert(id.clone(), Function { id, ..value.clone() });
    }

    pub(super) fn create_trigger(&mut self, table: &Name, value: &Trigger) {
        let relation = self.relation(table);
        self.touch(&relation, LockMode::ShareRowExclusive);
        self.created(ObjectRef::of_relation(
            ObjectKind::Trigger,
            &relation.namespace,
            &relation.name,
            &value.name,
        ));
        if let Some(table) = self.catalog.table_mut(&relation) {
            table.triggers.retain(|trigger| trigger.name != value.name);
            table.triggers.push(value.clone());
        }
    }

    pub(super) fn create_policy(&mut self, table: &Name, value: &Policy) {
        let relation = self.relation(table);
        self.touch(&relation, LockMode::AccessExclusive);
        for text in [&value.using, &value.with_check].into_iter().flatten() {
            let tokens = scan::tokens(text);
            self.touch_known(&lower::relations_read(Cursor::new(text, &tokens)), LockMode::AccessShare);
        }
        self.created(ObjectRef::of_relation(
            ObjectKind::Policy,
            &relation.namespace,
            &relation.name,
            &value.name,
        ));
        if let Some(table) = self.catalog.table_mut(&relation) {
            table.policies.push(value.clone());
        }
    }

    pub(super) fn grant(
        &mut self,
        privileges: &[String],
        objects: &GrantObjects,
        roles: &[String],
        revoke: bool,
    ) {
        let maintain = self.version().major() >= 17;
        match objects {
            GrantObjects::Tables(names) => {
                let names: Vec<QName> = names.iter().map(|name| self.relation(name)).collect();
                for name in names {
                    // From 18 on the table is held while its privileges change.
                    if self.version().major() >= 18 && self.is_relation(&name) {
                        self.touch(&name, LockMode::AccessShare);
                    }
                    self.grant_on_table(&name, privileges, roles, revoke, maintain);
                }
            }
            GrantObjects::AllTables { schemas } => {
                let names: Vec<QName> = self
                    .catalog
                    .tables
                    .keys()
                    .filter(|name| schemas.contains(&name.namespace))
                    .cloned()
                    .collect();
                for name in names {
                    // From 18 on the table is held while its privileges change.
                    if self.version().major() >= 18 && self.is_relation(&name) {
                        self.touch(&name, LockMode::AccessShare);
                    }
                    self.grant_on_table(&name, privileges, roles, revoke, maintain);
                }
            }
            GrantObjects::Sequences(names) => {
                let names: Vec<QName> = names.iter().map(|name| self.relation(name)).collect();
                for name in names {
                    if let Some(sequence) = self.catalog.sequences.get_mut(&name) {
                        let privileges = expanded(privileges, &["USAGE", "SELECT", "UPDATE"]);
                        change_grants(&mut sequence.grants, &privileges, roles, revoke);
                    }
                }
            }
            GrantObjects::Functions(names) => {
                for name in names {
                    for (id, function) in &mut self.catalog.functions {
                        if id.name.name == name.name {
                            let privileges = expanded(privileges, &["EXECUTE"]);
                            change_grants(&mut function.grants, &privileges, roles, revoke);
                        }
                    }
                }
            }
            GrantObjects::Schemas(names) => {
                for name in names {
                    if let Some(namespace) = self.catalog.namespaces.get_mut(name) {
                        let privileges = expanded(privileges, &["USAGE", "CREATE"]);
                        change_grants(&mut namespace.grants, &privileges, roles, revoke);
                    }
                }
            }
            GrantObjects::Roles(_) | GrantObjects::Other(_) => {}
        }
    }

    fn grant_on_table(
        &mut self,
        name: &QName,
        privileges: &[String],
        roles: &[String],
        revoke: bool,
        maintain: bool,
    ) {
        let mut all = vec!["INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"];
        if maintain {
            all.push("MAINTAIN");
        }
        if let Some(view) = self.catalog.views.get_mut(name) {
            change_grants(&mut view.grants, &expanded(privileges, &all), roles, revoke);
            return;
        }
        let Some(table) = self.catalog.table_mut(name) else { return };
        // `SELECT (a, b)` grants on columns.
        let (on_columns, on_table): (Vec<String>, Vec<String>) =
            privileges.iter().cloned().partition(|privilege| privilege.contains('('));
        if !on_columns.is_empty() {
            // Names were folded with the privilege; which columns are meant is left to introspection.
            table.unknown = true;
        }
        change_grants(&mut table.grants, &expanded(&on_table, &all), roles, revoke);
    }

    pub(super) fn comment(
        &mut self,
        kind: Option<ObjectKind>,
        name: &Name,
        column: Option<&str>,
        text: Option<&str>,
    ) {
        let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
        match kind {
            Some(
                ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Column,
            ) => {
                let relation = self.relation(name);
                self.touch(&relation, LockMode::ShareUpdateExclusive);
                if let Some(view) = self.catalog.views.get_mut(&relation) {
                    if column.is_none() {
                        view.comment = text;
                    }
                } else if let Some(table) = self.catalog.table_mut(&relation) {
                    match column {
                        None => table.comment = text,
                        Some(column) => {
                            if let Some(column) = table.column_mut(column) {
                                column.comment = text;
                            }
                        }
                    }
                }
            }
            Some(ObjectKind::Index) => {
                let Some(owner) = self.index_owner(name) else { return };
                if let Some(table) = self.catalog.table_mut(&owner) {
                    for index in table.indexes.iter_mut().filter(|index| index.name == name.name) {
                        index.comment.clone_from(&text);
                    }
                }
            }
            Some(ObjectKind::CheckConstraint | ObjectKind::Trigger | ObjectKind::Policy) => {
                let relation = self.relation(name);
                let (Some(part), Some(table)) = (column, self.catalog.table_mut(&relation)) else { return };
                match kind {
                    Some(ObjectKind::Trigger) => {
                        for trigger in table.triggers.iter_mut().filter(|own| own.name == part) {
                            trigger.comment.clone_from(&text);
                        }
                    }
                    Some(ObjectKind::Policy) => {
                        for policy in table.policies.iter_mut().filter(|own| own.name == part) {
                            policy.comment.clone_from(&text);
                        }
                    }
                    _ => {
                        for constraint in table.constraints.iter_mut().filter(|own| own.name == part) {
                            constraint.comment.clone_from(&text);
                        }
                    }
                }
                self.touch(&relation, LockMode::AccessShare);
            }
            Some(ObjectKind::Enum) => {
                let ty = self.type_name(name);
                if let Some(found) = self.catalog.enums.get_mut(&ty) {
                    found.comment = text;
                }
            }
            Some(ObjectKind::Schema) => {
                if let Some(namespace) = self.catalog.namespaces.get_mut(&name.name) {
                    namespace.comment = text;
                }
            }
            Some(ObjectKind::Sequence) => {
                let sequence = self.relation(name);
                if let Some(found) = self.catalog.sequences.get_mut(&sequence) {
                    found.comment = text;
                }
            }
            Some(ObjectKind::Function) => {
                for (id, function) in &mut self.catalog.functions {
                    if id.name.name == name.name {
                        function.comment.clone_from(&text);
                    }
                }
            }
            _ => {}
        }
    }
}

/// `ALL [PRIVILEGES]` as the list that it stands for.
fn expanded(privileges: &[String], all: &[&str]) -> Vec<String> {
    if privileges.iter().any(|privilege| privilege == "ALL" || privilege == "ALL PRIVILEGES") {
        return all.iter().map(|privilege| (*privilege).to_owned()).collect();
    }
    privileges.to_vec()
}

fn change_grants(grants: &mut Vec<Grant>, privileges: &[String], roles: &[String], revoke: bool) {
    for role in roles {
        let grantee = if role == "public" { "" } else { role };
        for privilege in privileges {
            grants.retain(|grant| !(grant.grantee == grantee && grant.privilege == *privilege));
            if !revoke {
                grants.push(Grant {
                    grantee: grantee.to_owned(),
                    privilege: privilege.clone(),
                    grantable: false,
                });
            }
        }
    }
}
