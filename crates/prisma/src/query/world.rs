//! Models and relations as lowering asks for them: keys, tables, columns, the two ends of a relation.

use std::collections::HashMap;

use pgsteward_model::prisma::{Arity, Field, FieldType, Model, PrismaEnum, PrismaSchema, Scalar};

use super::sql::quoted;
use super::{ClientFeatures, Outcome, refuse};
use crate::schema::{ManyToMany, many_to_many};

/// A schema, indexed.
pub(super) struct World<'a> {
    pub(super) schema: &'a PrismaSchema,
    pub(super) features: ClientFeatures,
    models: HashMap<&'a str, &'a Model>,
    enums: HashMap<&'a str, &'a PrismaEnum>,
    many: Vec<ManyToMany<'a>>,
    /// Names of fields, and whether all fields of the name are of Json.
    json: HashMap<&'a str, bool>,
}

/// One end of a relation, seen from the model that has the field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Relation<'a> {
    pub(super) model: &'a Model,
    pub(super) field: &'a Field,
    pub(super) related: &'a Model,
    pub(super) back: &'a Field,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// The foreign key stands on the field's own model.
    Here,
    /// The foreign key stands on the related model.
    There,
    /// A table of its own: its name, the relation's, and the columns that point at this model and at the other.
    Many { table: String, name: String, own: &'static str, other: &'static str },
}

impl<'a> World<'a> {
    pub(super) fn new(schema: &'a PrismaSchema, features: ClientFeatures) -> World<'a> {
        let mut json = HashMap::new();
        for field in schema.models.iter().flat_map(|model| &model.fields) {
            let is = matches!(field.ty, FieldType::Scalar(Scalar::Json));
            json.entry(field.name.as_str()).and_modify(|all| *all &= is).or_insert(is);
        }
        World {
            json,
            schema,
            features,
            models: schema.models.iter().map(|model| (model.name.as_str(), model)).collect(),
            enums: schema.enums.iter().map(|one| (one.name.as_str(), one)).collect(),
            many: many_to_many(schema),
        }
    }

    /// Every field of this name is of Json.
    pub(super) fn json_alone(&self, name: &str) -> bool {
        self.json.get(name).copied().unwrap_or(false)
    }

    pub(super) fn model(&self, name: &str) -> Outcome<&'a Model> {
        self.models.get(name).copied().ok_or_else(|| refuse("the schema has no such model"))
    }

    pub(super) fn enumeration(&self, name: &str) -> Option<&'a PrismaEnum> {
        self.enums.get(name).copied()
    }

    pub(super) fn relation(&self, model: &'a Model, field: &'a Field) -> Outcome<Relation<'a>> {
        let FieldType::Model(target) = &field.ty else {
            return Err(refuse("a column stands for a relation"));
        };
        let related = self.model(target)?;
        let relation = field.relation.as_ref();
        let back = relation
            .and_then(|relation| relation.opposite.as_ref())
            .and_then(|(_, name)| related.field(name))
            .ok_or_else(|| refuse("a relation of the schema has one end only"))?;
        let many = self.many.iter().find_map(|many| {
            let table = || format!("_{}", many.name);
            if std::ptr::eq(many.a_field, field) {
                Some(Kind::Many { table: table(), name: many.name.clone(), own: "A", other: "B" })
            } else if std::ptr::eq(many.b_field, field) {
                Some(Kind::Many { table: table(), name: many.name.clone(), own: "B", other: "A" })
            } else {
                None
            }
        });
        let here = relation.is_some_and(|relation| !relation.fields.is_empty());
        let kind = many.unwrap_or(if here { Kind::Here } else { Kind::There });
        Ok(Relation { model, field, related, back, kind })
    }

    /// The scalar fields of a model, in the order of the text.
    pub(super) fn scalars(model: &'a Model) -> impl Iterator<Item = &'a Field> {
        model.fields.iter().filter(|field| {
            field.is_column() && !field.ignored && !matches!(field.ty, FieldType::Unsupported(_))
        })
    }

    /// The fields that identify a row: the primary key, else the first unique key of required fields.
    pub(super) fn identifier(model: &'a Model) -> Outcome<Vec<&'a Field>> {
        let required = |names: &Vec<&'a Field>| names.iter().all(|field| field.arity == Arity::Required);
        let fields = |key: &'a pgsteward_model::prisma::ModelKey| -> Vec<&'a Field> {
            key.fields.iter().filter_map(|part| model.field(&part.field)).collect()
        };
        if let Some(key) = &model.primary_key {
            return Ok(fields(key));
        }
        let single = model.uniques.iter().filter(|key| key.on_field).map(fields).find(required);
        single
            .or_else(|| model.uniques.iter().filter(|key| !key.on_field).map(fields).find(required))
            .ok_or_else(|| refuse("the model has no key"))
    }
}

impl<'a> Relation<'a> {
    pub(super) fn list(&self) -> bool {
        self.field.arity == Arity::List
    }

    /// The fields of this model that the other end is found by.
    pub(super) fn own_fields(&self) -> Outcome<Vec<&'a Field>> {
        match self.kind {
            Kind::Here => Ok(named(self.model, self.field, |relation| &relation.fields)),
            Kind::There => Ok(named(self.model, self.back, |relation| &relation.references)),
            Kind::Many { .. } => World::identifier(self.model),
        }
    }

    /// The fields of the related model that answer to [`Relation::own_fields`].
    pub(super) fn related_fields(&self) -> Outcome<Vec<&'a Field>> {
        match self.kind {
            Kind::Here => Ok(named(self.related, self.field, |relation| &relation.references)),
            Kind::There => Ok(named(self.related, self.back, |relation| &relation.fields)),
            Kind::Many { .. } => World::identifier(self.related),
        }
    }

    /// The namespace of the table between, which is that of the model in its column `A`.
    pub(super) fn between_namespace(&self) -> &'a str {
        match &self.kind {
            Kind::Many { own, .. } if *own == "B" => namespace(self.related),
            _ => namespace(self.model),
        }
    }

    /// The same relation from the other end.
    pub(super) fn reversed(&self) -> Relation<'a> {
        Relation {
            model: self.related,
            field: self.back,
            related: self.model,
            back: self.field,
            kind: match &self.kind {
                Kind::Here => Kind::There,
                Kind::There => Kind::Here,
                Kind::Many { table, name, own, other } => {
                    Kind::Many { table: table.clone(), name: name.clone(), own: other, other: own }
                }
            },
        }
    }
}

fn named<'a>(
    model: &'a Model,
    field: &'a Field,
    names: impl Fn(&'a pgsteward_model::prisma::Relation) -> &'a Vec<String>,
) -> Vec<&'a Field> {
    field.relation.iter().flat_map(names).filter_map(|name| model.field(name)).collect()
}

pub(super) fn namespace(model: &Model) -> &str {
    model.namespace.as_deref().unwrap_or("public")
}

/// `"public"."User"`
pub(super) fn table(model: &Model) -> String {
    format!("{}.{}", quoted(namespace(model)), quoted(&model.db_name))
}

/// A unique key that some of these fields make up.
pub(super) fn unique_among(model: &Model, fields: &[&str]) -> bool {
    let keys = model.primary_key.iter().chain(&model.uniques);
    keys.filter(|key| key.predicate.is_none())
        .any(|key| key.fields.iter().all(|part| fields.contains(&part.field.as_str())))
}

/// The fields of a compound key by the name that the client gives it: `org_code`, `orgId_code`.
pub(super) fn compound_key<'a>(model: &'a Model, name: &str) -> Option<Vec<&'a Field>> {
    let keys = model.primary_key.iter().chain(&model.uniques).filter(|key| !key.on_field);
    let key = keys.into_iter().find(|key| {
        let written = || key.fields.iter().map(|part| part.field.as_str()).collect::<Vec<_>>().join("_");
        key.fields.len() > 1 && key.name.clone().unwrap_or_else(written) == name
    })?;
    key.fields.iter().map(|part| model.field(&part.field)).collect()
}
