//! What Prisma would refuse: names that no field has, relations without their other end, keys that are
//! missing. Only what is certain is said: a schema that Prisma accepts gets no error.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use pgsteward_model::prisma::{
    Arity, At, DefaultValue, Field, FieldType, Model, ModelKey, PrismaSchema, Relation, SchemaError,
};

use super::relations::end;

pub(super) fn check(schema: &mut PrismaSchema) {
    let mut checker = Checker::new(schema);
    for shape in checker.shapes.clone() {
        checker.keys(&shape);
        checker.columns(shape.model);
        for field in &shape.model.fields {
            checker.default(field);
            let Some((target, relation)) = end(field) else { continue };
            // Prisma leaves ignored models and fields unchecked.
            if let Some(target) = checker.by_name.get(target).copied()
                && !(shape.model.ignored || field.ignored || checker.shapes[target].model.ignored)
            {
                let target = checker.shapes[target].clone();
                checker.relation(&shape, field, relation, &target);
            }
        }
    }
    checker.tables();
    let errors = checker.errors;
    schema.errors.extend(errors);
}

/// A model with its fields by name and its unique keys as sets, so that a long schema is checked in one pass.
#[derive(Clone)]
struct Shape<'a> {
    model: &'a Model,
    fields: Rc<HashMap<&'a str, &'a Field>>,
    /// The fields of each unique key, sorted.
    uniques: Rc<HashSet<Vec<&'a str>>>,
}

struct Checker<'a> {
    shapes: Vec<Shape<'a>>,
    /// Position of each model; of the first where a name is defined twice.
    by_name: HashMap<&'a str, usize>,
    enums: HashMap<&'a str, HashSet<&'a str>>,
    /// How many relation fields lead from a model to another under a name.
    ends: HashMap<(&'a str, &'a str, Option<&'a str>), usize>,
    errors: Vec<SchemaError>,
}

impl<'a> Checker<'a> {
    fn new(schema: &'a PrismaSchema) -> Checker<'a> {
        let shapes: Vec<Shape<'a>> = schema.models.iter().map(shape).collect();
        let by_name = schema.models.iter().enumerate().rev().map(|(at, model)| (model.name.as_str(), at));
        let values = |definition: &'a pgsteward_model::prisma::PrismaEnum| {
            definition.values.iter().map(|value| value.name.as_str()).collect()
        };
        let mut ends = HashMap::new();
        for model in &schema.models {
            for (target, relation) in model.fields.iter().filter_map(end) {
                *ends.entry((model.name.as_str(), target, relation.name.as_deref())).or_default() += 1;
            }
        }
        Checker {
            by_name: by_name.collect(),
            enums: schema.enums.iter().map(|one| (one.name.as_str(), values(one))).collect(),
            ends,
            shapes,
            errors: Vec::new(),
        }
    }

    fn error(&mut self, at: &At, message: String) {
        self.errors.push(SchemaError { at: at.clone(), message });
    }

    fn keys(&mut self, shape: &Shape<'a>) {
        let model = shape.model;
        for key in model.primary_key.iter().chain(&model.uniques).chain(&model.indexes) {
            for part in &key.fields {
                // A path leads into a composite; its first part is a field of this model.
                let first = part.field.split('.').next().unwrap_or(&part.field);
                match shape.fields.get(first) {
                    None => self.error(&key.at, format!("model \"{}\" has no field \"{first}\"", model.name)),
                    Some(field) if end(field).is_some() => {
                        let message = format!("\"{first}\" is a relation; name its scalar fields in the key");
                        self.error(&key.at, message);
                    }
                    Some(_) => {}
                }
            }
        }
        // A row must be told from the others.
        let required = |key: &ModelKey| {
            key.fields.iter().all(|part| {
                shape.fields.get(part.field.as_str()).is_none_or(|field| field.arity == Arity::Required)
            })
        };
        let identifies = model.primary_key.is_some() || model.uniques.iter().any(required);
        if !model.view && !model.ignored && !identifies {
            let name = &model.name;
            let message =
                format!("model \"{name}\" needs a primary key or a unique key over required fields");
            self.error(&model.name_at, message);
        }
    }

    fn columns(&mut self, model: &Model) {
        let mut seen = HashSet::new();
        for field in model.fields.iter().filter(|field| field.is_column()) {
            if !seen.insert(field.db_name.as_str()) {
                let message =
                    format!("column \"{}\" is mapped by two fields of \"{}\"", field.db_name, model.name);
                self.error(&field.name_at, message);
            }
        }
    }

    fn default(&mut self, field: &Field) {
        let (Some(default), FieldType::Enum(name)) = (&field.default, &field.ty) else { return };
        let Some(known) = self.enums.get(name.as_str()) else { return };
        let values = match &default.value {
            DefaultValue::List(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        let unknown: Vec<&String> = values
            .iter()
            .filter_map(|value| match value {
                DefaultValue::EnumValue(value) if !known.contains(value.as_str()) => Some(value),
                _ => None,
            })
            .collect();
        for value in unknown {
            self.error(&default.at, format!("enum \"{name}\" has no value \"{value}\""));
        }
    }

    fn relation(&mut self, shape: &Shape<'a>, field: &Field, relation: &Relation, target: &Shape<'a>) {
        let model = shape.model;
        let at = &relation.at;
        let who = format!("relation field \"{}\" of \"{}\"", field.name, model.name);
        for (names, owner) in [(&relation.fields, shape), (&relation.references, target)] {
            for name in names.iter().filter(|name| !owner.fields.contains_key(name.as_str())) {
                self.error(at, format!("model \"{}\" has no field \"{name}\"", owner.model.name));
            }
        }
        if relation.fields.is_empty() != relation.references.is_empty() {
            self.error(at, format!("{who} needs both \"fields\" and \"references\", or neither"));
            return;
        }
        if relation.fields.len() != relation.references.len() {
            self.error(at, format!("{who} names a different number of fields and references"));
        }
        for action in relation.on_delete.iter().chain(&relation.on_update) {
            if !matches!(action.as_str(), "Cascade" | "Restrict" | "NoAction" | "SetNull" | "SetDefault") {
                self.error(at, format!("unknown referential action \"{action}\""));
            }
        }
        if field.arity == Arity::List && !relation.fields.is_empty() {
            self.error(at, format!("{who} is a list and cannot hold the foreign key"));
        }
        let Some((_, opposite)) = &relation.opposite else {
            let back = (target.model.name.as_str(), model.name.as_str(), relation.name.as_deref());
            // A relation of a model to itself counts the field itself.
            let itself = usize::from(target.model.name == model.name);
            let other = &target.model.name;
            let message = match self.ends.get(&back).copied().unwrap_or(0).saturating_sub(itself) {
                0 => format!("{who} has no opposite field on \"{other}\""),
                _ => format!("{who} has more than one opposite on \"{other}\"; give the relation a name"),
            };
            self.error(at, message);
            return;
        };
        let opposite = target.fields.get(opposite.as_str());
        let Some((opposite, other)) = opposite.and_then(|field| Some((*field, field.relation.as_ref()?)))
        else {
            return;
        };
        let list = |field: &Field| field.arity == Arity::List;
        if relation.fields.is_empty() && other.fields.is_empty() && !list(field) {
            self.error(at, format!("{who} needs \"fields\" and \"references\", here or on the other side"));
        }
        if !relation.fields.is_empty() && !other.fields.is_empty() {
            self.error(at, format!("{who} and its opposite both name fields; one side holds the key"));
        }
        let one_to_one = !list(field) && !list(opposite);
        if one_to_one && !relation.fields.is_empty() {
            let mut names: Vec<&str> = relation.fields.iter().map(String::as_str).collect();
            names.sort_unstable();
            if !shape.uniques.contains(&names) {
                self.error(at, format!("{who} is one-to-one, so its fields need a unique key"));
            }
        }
    }

    fn tables(&mut self) {
        let mut seen = HashSet::new();
        let mut names = HashSet::new();
        for model in self.shapes.iter().map(|shape| shape.model).collect::<Vec<_>>() {
            // A model that is defined twice was reported already.
            let first = names.insert(&model.name);
            if !seen.insert((&model.namespace, &model.db_name)) && first {
                let message = format!("table \"{}\" is mapped by two models", model.db_name);
                self.error(&model.name_at, message);
            }
        }
    }
}

fn shape(model: &Model) -> Shape<'_> {
    let fields = model.fields.iter().map(|field| (field.name.as_str(), field)).collect();
    let uniques = model.primary_key.iter().chain(&model.uniques).map(|key| {
        let mut names: Vec<&str> = key.fields.iter().map(|part| part.field.as_str()).collect();
        names.sort_unstable();
        names
    });
    Shape { model, fields: Rc::new(fields), uniques: Rc::new(uniques.collect()) }
}
