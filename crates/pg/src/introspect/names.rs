//! Object ids to names: what all other readers look up.

use std::collections::{BTreeMap, HashMap};

use pgsteward_model::catalog::QName;
use tokio_postgres::{Error, Row};

use super::comment::Comments;
use super::relation::Relation;
use super::types::UserType;

pub(crate) struct Names {
    pub(crate) namespaces: HashMap<u32, String>,
    pub(crate) relations: BTreeMap<u32, Relation>,
    pub(super) types: HashMap<u32, UserType>,
    attributes: HashMap<(u32, i16), Attribute>,
    pub(super) comments: Comments,
}

struct Attribute {
    name: String,
    collation: u32,
}

impl Names {
    pub(super) fn read(
        namespaces: &[Row],
        relations: &[Row],
        types: &[Row],
        columns: &[Row],
        comments: &[Row],
    ) -> Result<Names, Error> {
        let namespaces = namespaces
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<HashMap<u32, String>, Error>>()?;
        let relations = super::relation::read(relations, &namespaces)?;
        let types = super::types::user_types(types, &namespaces)?;
        let attributes = columns
            .iter()
            .map(|row| {
                let key = (row.try_get(0)?, row.try_get(1)?);
                Ok((key, Attribute { name: row.try_get(2)?, collation: row.try_get(10)? }))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Names { namespaces, relations, types, attributes, comments: Comments::read(comments)? })
    }

    pub(super) fn qualified(&self, namespace: u32, name: String) -> Option<QName> {
        self.namespaces.get(&namespace).map(|namespace| QName::new(namespace.clone(), name))
    }

    pub(super) fn relation(&self, oid: u32) -> Option<&Relation> {
        self.relations.get(&oid)
    }

    /// Name of a column by its number; a number without a column is a column that was dropped meanwhile.
    pub(super) fn column(&self, relation: u32, number: i16) -> Option<String> {
        self.attributes.get(&(relation, number)).map(|column| column.name.clone())
    }

    pub(super) fn columns(&self, relation: u32, numbers: &[i16]) -> Vec<String> {
        numbers.iter().filter_map(|number| self.column(relation, *number)).collect()
    }

    pub(super) fn column_collation(&self, relation: u32, number: i16) -> Option<u32> {
        self.attributes.get(&(relation, number)).map(|column| column.collation)
    }
}
