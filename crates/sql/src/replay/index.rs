//! `CREATE INDEX`: with the names that PostgreSQL chooses, and the indexes that partitions get of their parent's.

use std::sync::Arc;

use pgsteward_model::catalog::{Index, QName, Table, TableKind};
use pgsteward_model::lock::LockMode;
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::statement::CreateIndex;

use super::Replay;
use crate::lower;
use crate::naming;

impl Replay<'_> {
    pub(super) fn create_index(&mut self, create: &CreateIndex) {
        if self.is_temporary(&create.table) {
            return;
        }
        self.effect.needs_no_transaction = create.concurrently;
        let relation = self.relation(&create.table);
        let lock = if create.concurrently { LockMode::ShareUpdateExclusive } else { LockMode::Share };
        // The table is locked before the name is looked at.
        self.touch(&relation, lock);
        if create.if_not_exists && self.is_taken(&relation.namespace, &create.index.name) {
            return;
        }
        let partitioned = self.table(&relation).is_some_and(|table| table.kind == TableKind::Partitioned);
        // The parent itself holds no rows.
        self.touch(&relation, lock).builds_index = !(partitioned && create.only);
        let mut index = create.index.clone();
        let parts: Vec<String> = index.keys.iter().filter_map(|key| key.column.clone()).collect();
        if index.name == naming::object_name(&relation.name, &naming::joined(&parts), "idx") {
            index.name = naming::choose(&relation.name, &naming::joined(&parts), "idx", |name| {
                self.is_taken(&relation.namespace, name)
            });
        }
        if let Some(table) = self.table(&relation) {
            for key in &mut index.keys {
                let column = key.column.as_ref().and_then(|column| table.column(column));
                let default = |opclass: &String| {
                    column.is_some_and(|column| is_default_opclass(&index.method, &column.ty.name, opclass))
                };
                key.opclass = key.opclass.take().filter(|opclass| !default(opclass));
            }
        }
        let object = |index: &str| {
            ObjectRef::of_relation(ObjectKind::Index, &relation.namespace, &relation.name, index)
        };
        self.effect.created.push(object(&index.name));
        if let Some(view) = self.catalog.views.get_mut(&relation) {
            view.indexes.push(index);
            return;
        }
        if partitioned && create.only {
            // Valid only once an index of every partition is attached.
            index.valid = self.descendants(&relation).is_empty();
        } else if partitioned {
            for child in self.descendants(&relation) {
                self.touch(&child, lock).builds_index = true;
                let Some(made) = self.catalog.tables.get(&child).map(Arc::clone) else { continue };
                let name = self.partition_index_name(&child, &index, &made);
                if let Some(child) = self.catalog.table_mut(&child) {
                    child.indexes.push(Index { name, ..index.clone() });
                }
            }
        }
        if let Some(table) = self.catalog.table_mut(&relation) {
            table.indexes.push(index);
        }
    }

    /// The name that a partition's index gets where its parent has the index.
    pub(super) fn partition_index_name(&self, table: &QName, index: &Index, made: &Table) -> String {
        let parts: Vec<String> =
            index.keys.iter().map(lower::key_name).chain(index.include.iter().cloned()).collect();
        naming::choose(&table.name, &naming::joined(&parts), "idx", |name| {
            made.index(name).is_some() || self.is_taken(&table.namespace, name)
        })
    }
}

/// Operator classes that are the default of a type, so that the catalog does not show them.
/// Source: `pg_opclass.opcdefault`.
fn is_default_opclass(method: &str, ty: &str, opclass: &str) -> bool {
    match (method, opclass) {
        ("gin", "jsonb_ops") => ty == "jsonb",
        ("gin", "tsvector_ops") | ("gist", "tsvector_ops") => ty == "tsvector",
        ("gin", "array_ops") => true,
        ("btree" | "hash", "text_ops") => matches!(ty, "text" | "character varying"),
        ("btree" | "hash", "varchar_ops") => ty == "character varying",
        ("btree" | "hash", "int2_ops") => ty == "smallint",
        ("btree" | "hash", "int4_ops") => ty == "integer",
        ("btree" | "hash", "int8_ops") => ty == "bigint",
        ("btree" | "hash", "bool_ops") => ty == "boolean",
        ("btree" | "hash", "timestamp_ops") => ty == "timestamp without time zone",
        ("btree" | "hash", "timestamptz_ops") => ty == "timestamp with time zone",
        ("btree" | "hash", "uuid_ops" | "numeric_ops" | "date_ops" | "jsonb_ops" | "inet_ops") => {
            opclass.strip_suffix("_ops") == Some(ty)
        }
        _ => false,
    }
}
