//! Enums on both sides: created, dropped, and those whose values differ.

use pgsteward_model::catalog::{Column, Enum, QName, Table, TypeClass};

use super::order::Steps;
use super::{AlterEnum, Differ, EnumColumn, EnumDefault, SchemaStep, View};

impl Differ<'_> {
    pub(super) fn enums(&self, steps: &mut Steps) {
        let View { before, after, options } = self.view;
        let (from, to) = (before.catalog, after.catalog);
        let compared = |name: &QName| options.namespaces.contains(&name.namespace);
        for one in to.enums.values().filter(|one| compared(&one.name) && !from.enums.contains_key(&one.name))
        {
            let (name, values) = (one.name.clone(), one.values.clone());
            steps.push([after.enum_position(&name), 0, 0], SchemaStep::CreateEnum { name, values });
        }
        for one in from.enums.values().filter(|one| compared(&one.name)) {
            let place = [before.enum_position(&one.name), 0, 0];
            let Some(next) = to.enums.get(&one.name) else {
                steps.push(place, SchemaStep::DropEnum { name: one.name.clone() });
                continue;
            };
            let missing = |here: &Enum, there: &Enum| -> Vec<String> {
                here.values.iter().filter(|value| !there.values.contains(value)).cloned().collect()
            };
            let (added, dropped) = (missing(next, one), missing(one, next));
            if !(added.is_empty() && dropped.is_empty()) {
                steps.push(place, SchemaStep::AlterEnum(self.alter_enum(next, added, dropped)));
            }
        }
    }

    fn alter_enum(&self, after: &Enum, added: Vec<String>, dropped: Vec<String>) -> AlterEnum {
        let of_enum = |column: &&Column| {
            column.ty.class == TypeClass::Enum
                && column.ty.name == after.name.name
                && column.ty.namespace.as_deref() == Some(after.name.namespace.as_str())
        };
        let with_default = |column: &&Column| of_enum(column) && column.default.is_some();
        let mut defaults = Vec::new();
        let mut push = |table: &Table, column: &Column, next: Option<String>| {
            let (table, column) = (table.name.clone(), column.name.clone());
            defaults.push(EnumDefault { table, column, next });
        };
        for table in &self.dropped {
            for column in table.columns.iter().filter(with_default) {
                push(table, column, None);
            }
        }
        let mut pairs: Vec<_> = self.pairs.iter().collect();
        pairs.sort_by_key(|pair| self.view.before.position(&pair.before.name));
        for pair in pairs {
            let mut columns: Vec<&Column> = pair.before.columns.iter().filter(with_default).collect();
            columns.sort_by_key(|column| (pair.after.column(&column.name).is_some(), &column.name));
            for column in columns {
                let next = pair.after.column(&column.name).filter(with_default);
                push(pair.before, column, next.and_then(|next| self.view.default_sql(pair.after, next)));
            }
        }
        let mut tables: Vec<&Table> = self.created.clone();
        tables.extend(self.pairs.iter().map(|pair| pair.after));
        tables.sort_by_key(|table| self.view.after.position(&table.name));
        let columns = tables
            .into_iter()
            .flat_map(|table| table.columns.iter().filter(of_enum).map(move |column| (table, column)))
            .map(|(table, column)| EnumColumn {
                table: table.name.clone(),
                column: column.name.clone(),
                list: column.ty.array > 0,
            })
            .collect();
        AlterEnum {
            name: after.name.clone(),
            added,
            dropped,
            values: after.values.clone(),
            columns,
            defaults,
            from_database: self.view.options.before.is_none(),
        }
    }
}
