//! What a migration says for the plan, where that is more than its text: columns that it drops and adds again keep their values.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, ColumnType};
use pgsteward_sql::ddl::column_type;
use pgsteward_sql::{quote_literal, quote_qualified};

use super::change::Place;
use super::forgotten::Forgotten;

/// What a migration says for the plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    /// The migration with changes of types; none where it is read as it is written.
    pub(super) text: Option<String>,
    /// Columns that it drops and adds again, which keep their values.
    pub(super) kept: BTreeMap<Place, Kept>,
    /// Such columns whose values are lost.
    pub(super) lost: BTreeSet<Place>,
    /// What takes away what the kept ones have beside their definitions.
    pub(super) forgotten: Forgotten,
    pub(super) notes: Vec<String>,
}

/// Such a column.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// The rows whose value reads otherwise in the new type, where there may be some.
    pub(super) doubt: Option<String>,
    pub(super) ty: ColumnType,
    /// It must have a value from now on.
    pub(super) demands: bool,
}

impl Read {
    /// What the rows are to be afterwards, over rows that nobody chose: it fails where one of them would be named.
    pub(super) fn over_rows(&self, script: &str) -> String {
        let doubts = self.kept.iter().filter_map(|((table, column), kept)| {
            let doubt = kept.doubt.as_deref()?;
            Some(format!(
                "DO $doubt$\n#variable_conflict use_column\nBEGIN\n  IF EXISTS (SELECT FROM {} WHERE {doubt}) THEN\n    RAISE EXCEPTION {};\n  \
                 END IF;\nEND\n$doubt$;\n",
                quote_qualified(table),
                quote_literal(&format!("values of {column} read otherwise as {}", column_type(&kept.ty))),
            ))
        });
        doubts.chain([self.text.clone().unwrap_or_else(|| script.to_owned())]).collect()
    }

    /// Columns that would be kept while a foreign key joins them with one whose values are lost, and why that is no gain.
    pub(super) fn parted(&self, catalog: &Catalog) -> BTreeMap<Place, String> {
        let mut parted = BTreeMap::new();
        for table in catalog.tables.values() {
            for (constraint, key) in table.foreign_keys() {
                for (own, other) in key.columns.iter().zip(&key.referenced_columns) {
                    let (own, other) =
                        ((table.name.clone(), own.clone()), (key.references.clone(), other.clone()));
                    for (one, far) in [(&own, &other), (&other, &own)] {
                        if self.kept.contains_key(one) && self.lost.contains(far) {
                            let reason = format!(
                                "the foreign key \"{}\" joins it with {}.{}, whose values are lost",
                                constraint.name,
                                far.0.display(),
                                far.1
                            );
                            parted.insert(one.clone(), reason);
                        }
                    }
                }
            }
        }
        parted
    }
}
