//! Materialized views that read a column whose type changes: each is made and filled beside the one that is there, over the
//! second column, and takes its name in the swap, so that nobody waits while it fills.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Index, QName, View};
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::statement::Statement;
use pgsteward_sql::{ddl, quote_ident, quote_qualified};

use super::change::Place;
use super::deck::Deck;
use super::exchange::{free, second};
use super::pieces::Piece;
use super::readers::Aside;
use super::swap::temporary;

/// A materialized view that the migration makes anew.
pub(super) struct Built {
    name: QName,
    /// Over the second columns, with other names for it and its indexes.
    meanwhile: View,
    /// Names of the indexes.
    indexes: Vec<String>,
}

impl Built {
    /// Those that a file brings back; an error says which cannot be made beforehand. `catalog` comes before the file.
    pub(super) fn all(
        deck: &Deck,
        catalog: &Catalog,
        file: &MigrationFile,
        aside: &Aside,
        wanted: &BTreeSet<Place>,
    ) -> Result<Vec<Built>, String> {
        let made = file.statements.iter().filter_map(|one| match &one.statement {
            Statement::CreateView { name, materialized: true, .. } => Some(name.qualified()),
            _ => None,
        });
        made.filter(|name| aside.has(name))
            .map(|name| Built::of(deck, catalog, aside, wanted, name))
            .collect()
    }

    fn of(
        deck: &Deck,
        catalog: &Catalog,
        aside: &Aside,
        wanted: &BTreeSet<Place>,
        name: QName,
    ) -> Result<Built, String> {
        let left = |why: &str| format!("the materialized view \"{}\" reads it, {why}", name.display());
        let has_second = |meanwhile: &&Catalog| {
            wanted.iter().all(|(table, column)| {
                let through = catalog.table(table).map(|table| second(table, column));
                let known = meanwhile.table(table);
                through.is_some_and(|through| known.is_some_and(|known| known.column(&through).is_some()))
            })
        };
        let meanwhile = deck.meanwhile.as_ref().filter(has_second);
        let view =
            meanwhile.and_then(|meanwhile| meanwhile.views.get(&name)).filter(|view| view.materialized);
        let view =
            view.ok_or_else(|| left("and the server does not say how it would read the new column"))?;
        // The server prints a row as a whole so, and nothing else; within a constant it is taken for one.
        if view.definition.contains(".*") {
            return Err(left("and takes a row as a whole, which has the column twice until the swap"));
        }
        if let Some(other) = view.reads.iter().find(|other| aside.has(other)) {
            let why = format!("and \"{}\", which is there anew only when the column is", other.display());
            return Err(left(&why));
        }
        let taken = |wanted: &str| {
            let wanted = QName::new(&name.namespace, wanted);
            catalog.tables.contains_key(&wanted) || catalog.views.contains_key(&wanted)
        };
        let other = QName::new(&name.namespace, free(&format!("{}_new", name.name), taken));
        let indexes = view.indexes.iter().map(|index| index.name.clone()).collect();
        let own = |index: &Index| Index { name: temporary(&index.name), comment: None, ..index.clone() };
        let meanwhile = View { name: other, indexes: view.indexes.iter().map(own).collect(), ..view.clone() };
        Ok(Built { name, meanwhile, indexes })
    }

    pub(super) fn is(&self, statement: &Statement) -> bool {
        matches!(statement, Statement::CreateView { name, .. } if name.qualified() == self.name)
    }

    pub(super) fn piece(&self) -> Piece {
        let mut sql = vec![ddl::view(&self.meanwhile)];
        let indexes = self.meanwhile.indexes.iter();
        sql.extend(indexes.map(|index| ddl::index(&self.meanwhile.name, index, false)));
        let why = if self.meanwhile.populated {
            "The materialized view over the new column. It reads what a REFRESH would, takes as long, and stops nobody. Its rows\n\
             -- are those of this moment, so deploy the next migration right behind it."
        } else {
            "The materialized view over the new column, without rows as the migration makes it."
        };
        Piece::settled(&format!("make_{}", self.name.name), why, &sql)
    }

    /// It and its indexes get the names of those that are gone.
    pub(super) fn in_place(&self) -> Vec<String> {
        let View { name: other, indexes, .. } = &self.meanwhile;
        let view = format!(
            "ALTER MATERIALIZED VIEW {} RENAME TO {}",
            quote_qualified(other),
            quote_ident(&self.name.name)
        );
        let index = |(index, name): (&Index, &String)| {
            let index = quote_qualified(&QName::new(&other.namespace, &index.name));
            format!("ALTER INDEX {index} RENAME TO {}", quote_ident(name))
        };
        std::iter::once(view).chain(indexes.iter().zip(&self.indexes).map(index)).collect()
    }
}
