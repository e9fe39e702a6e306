//! The acceptance test of the parser: what it reads is what Prisma's own parser reads.

use pgsteward_model::prisma::{
    Arity, DefaultValue, Field, FieldType, Model, ModelKey, PrismaEnum, PrismaSchema, Scalar,
};
use pgsteward_prisma::{parse, relation_name};
use serde_json::{Value, json};

use crate::corpus;

#[test]
fn reads_every_corpus_schema_as_prisma_does() {
    for name in corpus::PROJECTS {
        let Some(folder) = corpus::project(name) else { continue };
        let schema = parse(&[corpus::schema_file(&folder)]);
        assert_eq!(schema.errors, [], "{name}");
        let expected = std::fs::read_to_string(folder.join("expected/dmmf-datamodel.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let mut expected = expected["datamodel"].clone();
        drop_what_is_no_fact(&mut expected);
        let models: Vec<Value> =
            schema.models.iter().filter(|model| !model.ignored).map(model_value).collect();
        same(name, "models", &models, &expected["models"]);
        let enums: Vec<Value> = schema.enums.iter().map(enum_value).collect();
        same(name, "enums", &enums, &expected["enums"]);
        let mut indexes: Vec<Value> = index_values(&schema);
        indexes.sort_by_key(Value::to_string);
        let mut wanted = expected["indexes"].as_array().unwrap().clone();
        wanted.sort_by_key(Value::to_string);
        same(name, "indexes", &indexes, &Value::Array(wanted));
        assert_eq!(expected["types"], json!([]));
    }
}

/// Prisma's output tells a database name that was written though it is the object's own; the fact is the
/// name. It also has the comments of enum values, which are no fact.
fn drop_what_is_no_fact(expected: &mut Value) {
    for definition in expected["enums"].as_array_mut().unwrap() {
        if definition["dbName"] == definition["name"] {
            definition["dbName"] = Value::Null;
        }
        for value in definition["values"].as_array_mut().unwrap() {
            value.as_object_mut().unwrap().remove("documentation");
        }
    }
    for model in expected["models"].as_array_mut().unwrap() {
        for field in model["fields"].as_array_mut().unwrap() {
            if field.get("dbName") == Some(&field["name"]) {
                field.as_object_mut().unwrap().remove("dbName");
            }
        }
    }
}

fn same(project: &str, what: &str, got: &[Value], wanted: &Value) {
    let wanted = wanted.as_array().unwrap();
    for (got, wanted) in got.iter().zip(wanted) {
        if got == wanted {
            continue;
        }
        if let (Some(fields), Some(wanted_fields)) = (got["fields"].as_array(), wanted["fields"].as_array()) {
            for (field, wanted) in fields.iter().zip(wanted_fields) {
                assert_eq!(field, wanted, "{project}: {what} {}", got["name"]);
            }
        }
        assert_eq!(got, wanted, "{project}: {what}");
    }
    assert_eq!(got.len(), wanted.len(), "{project}: number of {what}");
}

fn model_value(model: &Model) -> Value {
    let on_block = |key: &&ModelKey| !key.on_field;
    let fields = |key: &ModelKey| -> Vec<Value> { key.fields.iter().map(|part| json!(part.field)).collect() };
    let named = |key: &ModelKey| json!({ "name": key.name, "fields": fields(key) });
    let mut value = json!({
        "name": model.name,
        "dbName": (model.db_name != model.name).then_some(&model.db_name),
        "schema": model.namespace,
        "fields": model.fields.iter()
            .filter(|field| !field.ignored && !matches!(field.ty, FieldType::Unsupported(_)))
            .map(|field| field_value(model, field))
            .collect::<Vec<_>>(),
        "primaryKey": model.primary_key.as_ref().filter(on_block).map(named),
        "uniqueFields": model.uniques.iter().filter(on_block).map(fields).collect::<Vec<_>>(),
        "uniqueIndexes": model.uniques.iter().filter(on_block).map(named).collect::<Vec<_>>(),
        "isGenerated": false,
    });
    if let Some(text) = &model.documentation {
        value["documentation"] = json!(text);
    }
    value
}

fn field_value(model: &Model, field: &Field) -> Value {
    let (kind, ty) = match &field.ty {
        FieldType::Scalar(scalar) => ("scalar", format!("{scalar:?}")),
        FieldType::Enum(name) => ("enum", name.clone()),
        FieldType::Model(name) => ("object", name.clone()),
        other => panic!("{other:?} is not in the corpus"),
    };
    let alone = |key: &ModelKey| key.fields.len() == 1 && key.fields[0].field == field.name;
    let is_id = model.primary_key.as_ref().is_some_and(alone);
    let read_only = model
        .fields
        .iter()
        .filter_map(|other| other.relation.as_ref())
        .any(|relation| relation.fields.contains(&field.name));
    let mut value = json!({
        "name": field.name,
        "kind": kind,
        "isList": field.arity == Arity::List,
        "isRequired": field.arity != Arity::Optional,
        "isUnique": !is_id && model.uniques.iter().any(alone),
        "isId": is_id,
        "isReadOnly": read_only,
        "hasDefaultValue": field.default.is_some(),
        "type": ty,
        "nativeType": Value::Null,
        "isGenerated": false,
        "isUpdatedAt": field.updated_at,
    });
    if field.db_name != field.name {
        value["dbName"] = json!(field.db_name);
    }
    if let Some(native) = &field.native {
        value["nativeType"] = json!([native.name, native.arguments]);
    }
    if let Some(default) = &field.default {
        value["default"] = default_value(&default.value, &field.ty);
    }
    if let Some(relation) = &field.relation {
        value["relationName"] = json!(relation_name(model, field));
        value["relationFromFields"] = json!(relation.fields);
        value["relationToFields"] = json!(relation.references);
        if let Some(action) = &relation.on_delete {
            value["relationOnDelete"] = json!(action);
        }
        if let Some(action) = &relation.on_update {
            value["relationOnUpdate"] = json!(action);
        }
    }
    if let Some(text) = &field.documentation {
        value["documentation"] = json!(text);
    }
    value
}

fn default_value(value: &DefaultValue, ty: &FieldType) -> Value {
    // Prisma prints numbers as JSON does: 2.00 is 2.
    let number = |digits: &str| match digits.trim_end_matches('0').strip_suffix('.') {
        Some(whole) => serde_json::from_str(whole).unwrap(),
        None => serde_json::from_str(digits).unwrap(),
    };
    match value {
        DefaultValue::String(digits) if *ty == FieldType::Scalar(Scalar::Decimal) => number(digits),
        DefaultValue::String(text) | DefaultValue::EnumValue(text) => json!(text),
        DefaultValue::Boolean(value) => json!(value),
        DefaultValue::Number(digits) => match ty {
            FieldType::Scalar(Scalar::BigInt) => json!(digits),
            _ => number(digits),
        },
        DefaultValue::List(values) => values.iter().map(|value| default_value(value, ty)).collect(),
        DefaultValue::Now => json!({ "name": "now", "args": [] }),
        DefaultValue::Autoincrement => json!({ "name": "autoincrement", "args": [] }),
        DefaultValue::DbGenerated(text) => {
            json!({ "name": "dbgenerated", "args": text.iter().collect::<Vec<_>>() })
        }
        DefaultValue::Client { function, arguments } => {
            let mut args: Vec<Value> =
                arguments.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            // Prisma fills in the version that a bare call means.
            match function.as_str() {
                "cuid" if args.is_empty() => args.push(json!(1)),
                "uuid" if args.is_empty() => args.push(json!(4)),
                _ => {}
            }
            json!({ "name": function, "args": args })
        }
    }
}

fn enum_value(definition: &PrismaEnum) -> Value {
    let mapped = |name: &str, db_name: &str| (name != db_name).then(|| db_name.to_owned());
    let mut value = json!({
        "name": definition.name,
        "values": definition.values.iter()
            .map(|value| json!({ "name": value.name, "dbName": mapped(&value.name, &value.db_name) }))
            .collect::<Vec<_>>(),
        "dbName": mapped(&definition.name, &definition.db_name),
    });
    if let Some(text) = &definition.documentation {
        value["documentation"] = json!(text);
    }
    value
}

fn index_values(schema: &PrismaSchema) -> Vec<Value> {
    let mut values = Vec::new();
    for model in schema.models.iter().filter(|model| !model.ignored) {
        let id = model.primary_key.iter().map(|key| ("id", key));
        let uniques = model.uniques.iter().map(|key| ("unique", key));
        let indexes = model.indexes.iter().map(|key| ("normal", key));
        for (kind, key) in id.chain(uniques).chain(indexes) {
            let fields: Vec<Value> = key
                .fields
                .iter()
                .map(|part| {
                    let mut value = json!({ "name": part.field });
                    if part.descending {
                        value["sortOrder"] = json!("desc");
                    }
                    if let Some(ops) = &part.ops {
                        value["operatorClass"] = json!(schema_spelling(ops));
                    }
                    value
                })
                .collect();
            let mut value = json!({
                "model": model.name, "type": kind, "isDefinedOnField": key.on_field, "fields": fields,
            });
            if let Some(map) = &key.map {
                value["dbName"] = json!(map);
            }
            if let Some(name) = &key.name {
                value["name"] = json!(name);
            }
            if let Some(method) = &key.method {
                value["algorithm"] = json!(method);
            }
            values.push(value);
        }
    }
    values
}

/// The fact keeps SQL's name of an operator class; Prisma prints what was written.
fn schema_spelling(ops: &str) -> &str {
    match ops {
        "jsonb_ops" => "JsonbOps",
        "array_ops" => "ArrayOps",
        other => other,
    }
}
