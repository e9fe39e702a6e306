//! The schema before: what introspection keeps of it, found by the names that the database has.

use std::collections::HashMap;
use std::sync::Arc;

use pgsteward_model::prisma::{Field, Model, ModelKey, PrismaEnum, PrismaSchema};
use pgsteward_model::source::{SourceFile, Span};

use super::names::Named;
use crate::calculate::names as constraint_names;
use crate::schema::ast::{Attribute, Block, BlockKind, Document, Member};
use crate::schema::parser::parse_text;

/// Where a block stood: the number of its file and its place there.
pub(super) type Position = (usize, usize);

pub(super) struct Previous {
    pub(super) schema: PrismaSchema,
    /// The trees of the files, which say what was written and what only follows from it.
    pub(super) documents: Vec<(Arc<SourceFile>, Document)>,
    blocks: HashMap<(Arc<str>, Span), (usize, usize)>,
}

impl Previous {
    /// With `configuration_only`, models and enums are forgotten.
    pub(super) fn new(files: &[Arc<SourceFile>], configuration_only: bool) -> Previous {
        let mut schema = crate::schema::parse(files);
        if configuration_only {
            schema.models.clear();
            schema.enums.clear();
        }
        let documents: Vec<_> = files.iter().map(|file| (file.clone(), parse_text(&file.text))).collect();
        let mut blocks = HashMap::new();
        for (file, (source, document)) in documents.iter().enumerate() {
            for (at, block) in document.blocks.iter().enumerate() {
                blocks.insert((source.path.clone(), block.span), (file, at));
            }
        }
        Previous { schema, documents, blocks }
    }

    fn block(&self, at: &pgsteward_model::prisma::At) -> Option<(Position, &Block)> {
        let (file, block) = *self.blocks.get(&(at.file.clone(), at.span))?;
        let block = self.documents.get(file)?.1.blocks.get(block)?;
        Some(((file, block.span.start), block))
    }

    pub(super) fn models(&self) -> impl Iterator<Item = OldModel<'_>> {
        self.schema.models.iter().filter_map(|model| {
            let (position, block) = self.block(&model.at)?;
            Some(OldModel { model, block, position })
        })
    }

    pub(super) fn enums(&self) -> impl Iterator<Item = OldEnum<'_>> {
        self.schema.enums.iter().filter_map(|one| {
            let (position, block) = self.block(&one.at)?;
            Some(OldEnum { definition: one, block, position })
        })
    }

    /// Blocks of configuration with the number of their file.
    pub(super) fn configuration(&self, kind: BlockKind) -> impl Iterator<Item = (usize, &Block)> {
        self.documents.iter().enumerate().flat_map(move |(file, (_, document))| {
            document.blocks.iter().filter(move |block| block.kind == kind).map(move |block| (file, block))
        })
    }
}

#[derive(Clone, Copy)]
pub(super) struct OldModel<'a> {
    pub(super) model: &'a Model,
    block: &'a Block,
    pub(super) position: Position,
}

#[derive(Clone, Copy)]
pub(super) struct OldEnum<'a> {
    pub(super) definition: &'a PrismaEnum,
    block: &'a Block,
    pub(super) position: Position,
}

#[derive(Clone, Copy)]
pub(super) struct OldField<'a> {
    pub(super) field: &'a Field,
    member: &'a Member,
}

impl<'a> OldModel<'a> {
    pub(super) fn named(&self) -> Named {
        Named { name: self.model.name.clone(), map: mapped(&self.block.attributes) }
    }

    pub(super) fn documentation(&self) -> Option<String> {
        self.block.documentation.clone()
    }

    fn old_field(self, field: &'a Field) -> Option<OldField<'a>> {
        let member = self.block.members.iter().find(|member| member.name.span == field.name_at.span)?;
        Some(OldField { field, member })
    }

    pub(super) fn field(&self, name: &str) -> Option<OldField<'a>> {
        self.model.field(name).and_then(|field| self.old_field(field))
    }

    pub(super) fn column(&self, column: &str) -> Option<OldField<'a>> {
        self.model.field_of_column(column).and_then(|field| self.old_field(field))
    }

    pub(super) fn relation_fields(self) -> impl Iterator<Item = OldField<'a>> {
        self.model
            .fields
            .iter()
            .filter(|field| !field.is_column())
            .filter_map(move |field| self.old_field(field))
    }

    fn columns(&self, fields: &[String]) -> Vec<String> {
        let column = |name: &String| {
            self.model.field(name).map_or_else(|| name.clone(), |field| field.db_name.clone())
        };
        fields.iter().map(column).collect()
    }

    /// The relation field that holds a foreign key over these columns.
    pub(super) fn forward(&self, columns: &[&str]) -> Option<OldField<'a>> {
        self.relation_fields().find(|old| {
            let fields = old.field.relation.as_ref().map(|relation| relation.fields.as_slice());
            let found = fields.filter(|fields| !fields.is_empty()).map(|fields| self.columns(fields));
            found.is_some_and(|found| found == columns)
        })
    }

    /// The block attribute that made an index of this name.
    pub(super) fn key(&self, index: &str) -> Option<&'a ModelKey> {
        let table = &self.model.db_name;
        let named = |key: &&ModelKey, default: fn(&str, &[String]) -> String| {
            if key.map.is_none() && key.name.as_deref() == Some(index) {
                return true;
            }
            let fields: Vec<String> = key.fields.iter().map(|part| part.field.clone()).collect();
            let name = key.map.clone().unwrap_or_else(|| default(table, &self.columns(&fields)));
            name == index
        };
        let unique = self.model.uniques.iter().find(|key| named(key, constraint_names::unique));
        unique.or_else(|| self.model.indexes.iter().find(|key| named(key, constraint_names::index)))
    }
}

impl<'a> OldEnum<'a> {
    pub(super) fn named(&self) -> Named {
        Named { name: self.definition.name.clone(), map: mapped(&self.block.attributes) }
    }

    pub(super) fn documentation(&self) -> Option<String> {
        self.block.documentation.clone()
    }

    /// The value that stands for this one of the database.
    pub(super) fn value(&self, value: &str) -> Option<(Named, Option<String>)> {
        let old = self.definition.values.iter().find(|one| one.db_name == value)?;
        let member = self.block.members.iter().find(|member| member.name.text == old.name)?;
        let named = Named { name: old.name.clone(), map: mapped(&member.attributes) };
        Some((named, member.documentation.clone()))
    }
}

impl OldField<'_> {
    pub(super) fn named(&self) -> Named {
        Named { name: self.field.name.clone(), map: mapped(&self.member.attributes) }
    }

    pub(super) fn documentation(&self) -> Option<String> {
        self.member.documentation.clone()
    }

    pub(super) fn has_relation_attribute(&self) -> bool {
        self.member.attributes.iter().any(|attribute| attribute.name.text == "relation")
    }
}

fn mapped(attributes: &[Attribute]) -> Option<String> {
    let map = attributes.iter().find(|attribute| attribute.name.text == "map")?;
    map.argument("name", true)?.as_string().map(str::to_owned)
}
