//! Types: what a written type means in the catalog at hand, and the statements about enums, domains and
//! composite types. Renaming a type renames it in every column; dropping one with `CASCADE` drops columns.

use std::sync::Arc;

use pgsteward_model::catalog::{ColumnType, CompositeType, Domain, Enum, QName, TypeClass};
use pgsteward_model::effect::Work;
use pgsteward_model::lock::LockMode;
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::statement::{AlterDomain, AlterEnum, Name};

use super::Replay;
use crate::lower;

impl Replay<'_> {
    fn type_class(&self, name: &QName) -> Option<TypeClass> {
        if self.catalog.enums.contains_key(name) {
            Some(TypeClass::Enum)
        } else if self.catalog.domains.contains_key(name) {
            Some(TypeClass::Domain)
        } else if self.catalog.composites.contains_key(name) || self.catalog.tables.contains_key(name) {
            Some(TypeClass::Composite)
        } else {
            None
        }
    }

    pub(super) fn resolves_type(&self, name: &QName) -> bool {
        self.type_class(name).is_some()
    }

    /// The type with its namespace and class filled in. A type that nothing defines stays unknown.
    pub(super) fn resolved(&self, ty: &ColumnType) -> ColumnType {
        let mut ty = ty.clone();
        // PostgreSQL keeps no number of dimensions.
        ty.array = ty.array.min(1);
        if ty.class == TypeClass::Base {
            return ty;
        }
        let name = self.type_name(&Name { namespace: ty.namespace.clone(), name: ty.name.clone() });
        ty.class = self.type_class(&name).unwrap_or(TypeClass::Unknown);
        ty.namespace = Some(name.namespace);
        ty
    }

    pub(super) fn type_name(&self, name: &Name) -> QName {
        self.in_path(name, |candidate| self.type_class(candidate).is_some())
    }

    pub(super) fn create_enum(&mut self, name: &Name, value: &Enum) {
        let name = self.new_name(name);
        self.created(ObjectRef::in_namespace(ObjectKind::Enum, &name.namespace, &name.name));
        self.catalog.enums.insert(name.clone(), Enum { name, ..value.clone() });
    }

    pub(super) fn alter_enum(&mut self, written: &Name, action: &AlterEnum) {
        let name = self.type_name(written);
        match action {
            AlterEnum::AddValue { value, before, after, .. } => {
                self.effect.needs_no_transaction = self.version().major() < 12;
                let Some(found) = self.catalog.enums.get_mut(&name) else { return };
                if found.values.contains(value) {
                    return;
                }
                let place = |other: &Option<String>| {
                    other.as_ref().and_then(|other| found.values.iter().position(|value| value == other))
                };
                let at =
                    place(before).or_else(|| place(after).map(|at| at + 1)).unwrap_or(found.values.len());
                found.values.insert(at, value.clone());
            }
            AlterEnum::RenameValue { from, to } => {
                let found = self.catalog.enums.get_mut(&name);
                let value = found.and_then(|found| found.values.iter_mut().find(|value| *value == from));
                if let Some(value) = value {
                    value.clone_from(to);
                }
            }
            AlterEnum::Rename { to } => self.rename_type(&name, &QName::new(name.namespace.clone(), to)),
            AlterEnum::SetSchema { to } => self.rename_type(&name, &QName::new(to, name.name.clone())),
            AlterEnum::Owner => {}
        }
    }

    /// Moves a type to another name, in the catalog and in every column, attribute and domain that has it.
    pub(super) fn rename_type(&mut self, from: &QName, to: &QName) {
        let mut kind = None;
        if let Some(found) = self.catalog.enums.remove(from) {
            self.catalog.enums.insert(to.clone(), Enum { name: to.clone(), ..found });
            kind = Some(ObjectKind::Enum);
        }
        if let Some(found) = self.catalog.domains.remove(from) {
            self.catalog.domains.insert(to.clone(), Domain { name: to.clone(), ..found });
            kind = Some(ObjectKind::Domain);
        }
        if let Some(found) = self.catalog.composites.remove(from) {
            self.catalog.composites.insert(to.clone(), CompositeType { name: to.clone(), ..found });
            kind = Some(ObjectKind::CompositeType);
        }
        let Some(kind) = kind else { return };
        self.effect.renamed.push((
            ObjectRef::in_namespace(kind, &from.namespace, &from.name),
            ObjectRef::in_namespace(kind, &to.namespace, &to.name),
        ));
        self.retype(from, to);
    }

    /// Names the type anew wherever it is used.
    pub(super) fn retype(&mut self, from: &QName, to: &QName) {
        let change = |ty: &mut ColumnType| {
            if is_type(ty, from) {
                ty.namespace = Some(to.namespace.clone());
                ty.name.clone_from(&to.name);
            }
        };
        for table in self.catalog.tables.values_mut() {
            if table.columns.iter().any(|column| is_type(&column.ty, from)) {
                Arc::make_mut(table).columns.iter_mut().for_each(|column| change(&mut column.ty));
            }
        }
        for composite in self.catalog.composites.values_mut() {
            composite.attributes.iter_mut().for_each(|(_, ty)| change(ty));
        }
        self.catalog.domains.values_mut().for_each(|domain| change(&mut domain.base));
    }

    /// Tables and columns of a type.
    pub(super) fn columns_of_type(&self, ty: &QName) -> Vec<(QName, String)> {
        self.catalog
            .tables
            .values()
            .flat_map(|table| table.columns.iter().map(move |column| (table, column)))
            .filter(|(_, column)| is_type(&column.ty, ty))
            .map(|(table, column)| (table.name.clone(), column.name.clone()))
            .collect()
    }

    pub(super) fn create_domain(
        &mut self,
        name: &Name,
        base: &ColumnType,
        not_null: bool,
        default: Option<&str>,
        checks: &[(Option<String>, String)],
    ) {
        let name = self.new_name(name);
        let mut named: Vec<(String, String, bool)> = Vec::new();
        for (written, expression) in checks {
            let taken = |wanted: &str| named.iter().any(|(name, _, _)| name == wanted);
            let chosen = written.clone().unwrap_or_else(|| lower::domain_check_name(&name.name, taken));
            named.push((chosen, expression.clone(), true));
        }
        let domain = Domain {
            name: name.clone(),
            base: self.resolved(base),
            not_null,
            default: default.map(str::to_owned),
            checks: named,
            comment: None,
        };
        self.created(ObjectRef::in_namespace(ObjectKind::Domain, &name.namespace, &name.name));
        self.catalog.domains.insert(name, domain);
    }

    pub(super) fn alter_domain(&mut self, written: &Name, action: &AlterDomain) {
        let name = self.type_name(written);
        let Some(domain) = self.catalog.domains.get_mut(&name) else {
            self.effect.unknown = true;
            return;
        };
        let mut scans = None;
        match action {
            AlterDomain::AddConstraint { name: written, expression, not_valid } => {
                let taken = |wanted: &str| domain.checks.iter().any(|(name, _, _)| name == wanted);
                let chosen = written.clone().unwrap_or_else(|| lower::domain_check_name(&name.name, taken));
                domain.checks.push((chosen, expression.clone(), !not_valid));
                scans = (!not_valid).then_some("a new check of its domain is validated");
            }
            AlterDomain::DropConstraint { name } => domain.checks.retain(|(other, _, _)| other != name),
            AlterDomain::ValidateConstraint { name } => {
                for (other, _, validated) in &mut domain.checks {
                    *validated |= other == name;
                }
                scans = Some("a check of its domain is validated");
            }
            AlterDomain::SetNotNull => {
                domain.not_null = true;
                scans = Some("its domain becomes not null");
            }
            AlterDomain::DropNotNull => domain.not_null = false,
            AlterDomain::Other => self.effect.unknown = true,
        }
        if let Some(why) = scans {
            for (table, column) in self.columns_of_type(&name) {
                let why = format!("{why} for every row (column \"{column}\")");
                self.touch(&table, LockMode::Share).scan = Some(Work { why });
            }
        }
    }

    pub(super) fn create_composite(&mut self, name: &Name, attributes: &[(String, ColumnType)]) {
        let name = self.new_name(name);
        let attributes =
            attributes.iter().map(|(attribute, ty)| (attribute.clone(), self.resolved(ty))).collect();
        self.created(ObjectRef::in_namespace(ObjectKind::CompositeType, &name.namespace, &name.name));
        self.catalog.composites.insert(name.clone(), CompositeType { name, attributes, comment: None });
    }
}

fn is_type(ty: &ColumnType, name: &QName) -> bool {
    ty.name == name.name && ty.namespace.as_deref() == Some(name.namespace.as_str())
}
