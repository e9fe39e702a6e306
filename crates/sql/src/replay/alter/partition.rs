//! Partitions that `ALTER TABLE` attaches and detaches.

use pgsteward_model::catalog::{ConstraintKind, QName};
use pgsteward_model::lock::LockMode;
use pgsteward_model::statement::Name;

use crate::cursor::Cursor;
use crate::replay::Replay;
use crate::scan;

impl Replay<'_> {
    pub(super) fn attach(&mut self, parent: &QName, child: &Name, bound: &str) {
        let child = self.relation(child);
        self.touch(&child, LockMode::AccessExclusive);
        let key: Vec<String> = self
            .table(parent)
            .and_then(|table| table.partitioning.as_ref())
            .map(|partitioning| {
                let tokens = scan::tokens(&partitioning.key);
                let mut cursor = Cursor::new(&partitioning.key, &tokens);
                cursor.advance();
                crate::lower::columns_in(cursor)
            })
            .unwrap_or_default();
        // Whether a check implies the bounds takes a prover; one that speaks about the key is taken for it.
        let proven = self.table(&child).is_some_and(|table| {
            table.constraints.iter().any(|constraint| {
                constraint.validated
                    && matches!(&constraint.kind, ConstraintKind::Check { columns, .. }
                        if !key.is_empty() && key.iter().all(|column| columns.contains(column)))
            })
        });
        if !proven {
            self.scans(&child, "every row is checked against the bounds of the partition");
        }
        self.touch_default_partition(parent, &child);
        let parent = parent.clone();
        let bound = bound.to_owned();
        self.change(&child, |table| {
            table.partition_of = Some(pgsteward_model::catalog::PartitionOf { parent, bound });
        });
    }

    pub(super) fn touch_default_partition(&mut self, parent: &QName, except: &QName) {
        let default = self.catalog.tables.values().find(|table| {
            table.name != *except
                && table
                    .partition_of
                    .as_ref()
                    .is_some_and(|of| of.parent == *parent && of.bound.eq_ignore_ascii_case("default"))
        });
        if let Some(default) = default.map(|table| table.name.clone()) {
            self.touch(&default, LockMode::AccessExclusive);
        }
    }

    pub(super) fn detach(&mut self, parent: &QName, child: &Name, concurrently: bool) {
        let child = self.relation(child);
        self.effect.needs_no_transaction = concurrently;
        // Concurrently, the child is locked fully only in the second of two transactions.
        // Before 14 a weaker lock was enough (tablecmds.c, `ATExecDetachPartition`).
        let weak = self.version().major() < 14;
        self.touch(&child, if weak { LockMode::ShareUpdateExclusive } else { LockMode::AccessExclusive });
        self.touch_default_partition(parent, &child);
        self.change(&child, |table| table.partition_of = None);
    }
}
