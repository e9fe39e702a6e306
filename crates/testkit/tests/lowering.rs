//! Every statement that a call of Prisma Client is lowered to must be one that PostgreSQL plans on the tables of the
//! schema: `EXPLAIN (GENERIC_PLAN)`, for calls of every kind on every model.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgsteward_model::code::{Lowered, Node, Object, Operation, Property, Value};
use pgsteward_model::prisma::{Arity, Field, FieldType, Model, PrismaSchema, Scalar};
use pgsteward_model::source::SourceFile;
use pgsteward_model::version::ServerVersion;
use pgsteward_prisma::query::{ClientFeatures, Lowerer};
use pgsteward_testkit::labs::{MAJORS, lab, runtime};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema(path: &Path) -> PrismaSchema {
    let text = std::fs::read_to_string(path).unwrap();
    pgsteward_prisma::parse(&[Arc::new(SourceFile::new(path.display().to_string(), text))])
}

#[test]
fn statements_are_planned_by_the_server() {
    let lab = match lab(MAJORS[0]) {
        Ok(lab) => lab,
        Err(why) => return eprintln!("not tested: {why}"),
    };
    let mut schemas = vec![
        root().join("examples/marketplace/prisma/schema.prisma"),
        root().join("crates/prisma/tests/it/query/schema.prisma"),
    ];
    match pgsteward_testkit::corpus::folder() {
        Some(folder) => schemas.push(folder.join("saas-starter-kit/prisma/schema.prisma")),
        None => eprintln!("the corpus is not here: not tested on it"),
    }
    runtime().block_on(async {
        for path in schemas {
            let schema = schema(&path);
            let database = lab.create_database().await.unwrap();
            let session = database.session().await.unwrap();
            let catalog = pgsteward_prisma::calculate(&schema, ServerVersion::of_major(MAJORS[0]));
            let uses_citext = std::fs::read_to_string(&path).unwrap().contains("@db.Citext");
            if uses_citext {
                session.simple("CREATE EXTENSION citext").await.unwrap();
            }
            for statement in pgsteward_sql::ddl::create(&catalog) {
                session.simple(&statement).await.unwrap_or_else(|error| panic!("{error:?}\n{statement}"));
            }
            let (mut planned, mut failed) = (0, Vec::new());
            for (call, sql) in statements(&schema) {
                planned += 1;
                if let Err(error) = session.simple(&format!("EXPLAIN (GENERIC_PLAN) {sql}")).await {
                    failed.push(format!("{call}\n  {sql}\n  {}", error.message));
                }
            }
            assert!(failed.is_empty(), "{} of {planned}:\n{}", failed.len(), failed.join("\n"));
            assert!(planned > 200, "{planned} statements of {}", path.display());
            session.close().await;
            lab.drop_database(database).await.unwrap();
        }
    });
}

/// All statements of all calls that are tried.
fn statements(schema: &PrismaSchema) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for features in [vec![], vec!["relationJoins".to_owned(), "nativeDistinct".to_owned()]] {
        let client = ClientFeatures { preview_features: features };
        let lowerer = Lowerer::new(schema, client);
        for model in schema.models.iter().filter(|model| !model.ignored && key(model).is_some()) {
            for (operation, arguments) in calls(schema, model) {
                let name = format!("{}.{}", model.name, operation.name());
                match lowerer.lower_operation(&model.name, operation, &arguments) {
                    Lowered::Understood(variants) => {
                        let queries = variants.iter().flat_map(|variant| &variant.queries);
                        all.extend(queries.map(|query| (name.clone(), query.sql.to_string())));
                    }
                    Lowered::NotUnderstood { reason } => panic!("{name}: {reason}\n{arguments:?}"),
                }
            }
        }
    }
    all
}

fn calls(schema: &PrismaSchema, model: &Model) -> Vec<(Operation, Node)> {
    let mut all = vec![(Operation::Count, object([])), (Operation::DeleteMany, object([]))];
    let unique = || key(model).unwrap_or_else(unknown);
    for field in columns(model) {
        let name = field.name.as_str();
        for test in tests(field) {
            let filter = object([("where", object([(name, test)])), ("take", number("5"))]);
            all.push((Operation::FindMany, filter));
        }
        if json(field) || field.arity == Arity::List {
            continue;
        }
        let order = object([(name, text("desc"))]);
        let page = [("orderBy", order.clone()), ("cursor", unique()), ("take", number("3"))];
        all.push((Operation::FindMany, object(page)));
        all.push((Operation::FindMany, object([("distinct", list([text(name)])), ("take", number("2"))])));
        let by = [("by", list([text(name)])), ("_count", yes()), ("orderBy", order)];
        all.push((Operation::GroupBy, object(by)));
        // PostgreSQL has no average of money; Prisma asks for it all the same.
        let money = field.native.as_ref().is_some_and(|native| native.name == "Money");
        if !money
            && matches!(
                field.ty,
                FieldType::Scalar(Scalar::Int | Scalar::Float | Scalar::Decimal | Scalar::BigInt)
            )
        {
            let picked = || object([(name, yes())]);
            let functions = [("_sum", picked()), ("_avg", picked()), ("_max", picked())];
            all.push((Operation::Aggregate, object(functions)));
            let data = object([(name, object([("increment", unknown())]))]);
            all.push((Operation::Update, object([("where", unique()), ("data", data)])));
        }
    }
    let required =
        |field: &&Field| field.arity == Arity::Required && field.default.is_none() && !field.updated_at;
    let row = || object(columns(model).filter(required).map(|field| (field.name.as_str(), unknown())));
    all.push((Operation::FindUnique, object([("where", unique())])));
    all.push((Operation::Create, object([("data", row())])));
    all.push((Operation::CreateMany, object([("data", list([row(), row()])), ("skipDuplicates", yes())])));
    all.push((Operation::Delete, object([("where", unique())])));
    if let Some(field) = columns(model).find(|field| !field.is_id && !field.is_unique) {
        let data = || object([(field.name.as_str(), unknown())]);
        let upsert = [("where", unique()), ("create", row()), ("update", data())];
        all.push((Operation::Upsert, object(upsert)));
        all.push((
            Operation::UpdateMany,
            object([("where", unique_parts(model)), ("data", data()), ("limit", number("9"))]),
        ));
    }
    for field in model.fields.iter().filter(|field| !field.is_column()) {
        all.extend(relation_calls(schema, model, field));
    }
    all
}

fn relation_calls(schema: &PrismaSchema, model: &Model, field: &Field) -> Vec<(Operation, Node)> {
    let FieldType::Model(target) = &field.ty else { return Vec::new() };
    let related = schema.model(target).unwrap();
    let name = field.name.as_str();
    let filter = || {
        let column = columns(related).find(|field| !json(field) && field.arity != Arity::List);
        object(column.map(|field| (field.name.as_str(), unknown())))
    };
    let included = |inner: Node| object([("include", object([(name, inner)])), ("take", number("2"))]);
    let mut all = vec![
        (Operation::FindMany, included(yes())),
        (Operation::FindMany, included(object([("where", filter())]))),
    ];
    let filters = if field.arity == Arity::List {
        all.push((Operation::FindMany, included(object([("take", number("3")), ("skip", number("1"))]))));
        all.push((Operation::FindMany, object([("include", object([("_count", yes())]))])));
        let order = object([(name, object([("_count", text("asc"))]))]);
        all.push((Operation::FindMany, object([("orderBy", order)])));
        vec!["some", "none", "every"]
    } else {
        vec!["is", "isNot"]
    };
    for quantifier in filters {
        let filter = || object([("where", object([(name, object([(quantifier, filter())]))]))]);
        all.push((Operation::FindMany, filter()));
        all.push((Operation::DeleteMany, filter()));
    }
    if let (Some(own), Some(other)) = (key(model), key(related)) {
        let data = object([(name, object([("connect", other)]))]);
        all.push((Operation::Update, object([("where", own), ("data", data)])));
    }
    all
}

fn tests(field: &Field) -> Vec<Node> {
    let with = |name: &str| object([(name, unknown())]);
    let listed = |name: &str| object([(name, list([unknown()]))]);
    if field.arity == Arity::List {
        return vec![with("has"), listed("hasSome"), listed("hasEvery"), object([("isEmpty", yes())])];
    }
    if json(field) {
        let path = || ("path", list([text("a")]));
        let inside = |name: &str| object([path(), (name, unknown())]);
        return vec![
            with("equals"),
            inside("equals"),
            inside("string_contains"),
            inside("array_contains"),
            inside("gt"),
        ];
    }
    let mut all = vec![with("equals"), with("not"), listed("in"), listed("notIn"), object([("not", null())])];
    let ordered = |scalar: &Scalar| !matches!(scalar, Scalar::Boolean | Scalar::Bytes);
    if matches!(&field.ty, FieldType::Scalar(scalar) if ordered(scalar)) {
        all.extend([with("lt"), with("gte")]);
    }
    let uuid = field.native.as_ref().is_some_and(|native| native.name == "Uuid");
    if matches!(field.ty, FieldType::Scalar(Scalar::String)) && !uuid {
        all.extend(["contains", "startsWith", "endsWith"].map(with));
        let insensitive = |name: &str| object([(name, unknown()), ("mode", text("insensitive"))]);
        all.extend(["equals", "contains", "lt"].map(insensitive));
    }
    all
}

fn columns(model: &Model) -> impl Iterator<Item = &Field> {
    let known =
        |field: &&Field| matches!(field.ty, FieldType::Scalar(_) | FieldType::Enum(_)) && !field.ignored;
    model.fields.iter().filter(known)
}

fn json(field: &Field) -> bool {
    matches!(field.ty, FieldType::Scalar(Scalar::Json))
}

/// A `where` of one row.
fn key(model: &Model) -> Option<Node> {
    if let Some(field) = model.fields.iter().find(|field| field.is_id || field.is_unique) {
        return Some(object([(field.name.as_str(), unknown())]));
    }
    let key = model.primary_key.iter().chain(&model.uniques).find(|key| key.fields.len() > 1)?;
    let names: Vec<&str> = key.fields.iter().map(|part| part.field.as_str()).collect();
    let name = key.name.clone().unwrap_or_else(|| names.join("_"));
    Some(object([(name.as_str(), object(names.into_iter().map(|name| (name, unknown()))))]))
}

/// The same columns for any number of rows.
fn unique_parts(model: &Model) -> Node {
    object(
        columns(model)
            .filter(|field| field.is_id || field.is_unique)
            .map(|field| (field.name.as_str(), unknown())),
    )
}

fn object<'a>(entries: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
    let properties = entries.into_iter().map(|(name, value)| Property::new(name, Default::default(), value));
    wrap(Value::Object(Object { properties: properties.collect(), open: false }))
}

fn list(items: impl IntoIterator<Item = Node>) -> Node {
    wrap(Value::List(items.into_iter().collect()))
}

fn unknown() -> Node {
    wrap(Value::Expression { text: "value".into(), sources: Vec::new(), undefined: None })
}

fn text(text: &str) -> Node {
    wrap(Value::Text(text.to_owned()))
}

fn number(digits: &str) -> Node {
    wrap(Value::Number(digits.to_owned()))
}

fn yes() -> Node {
    wrap(Value::Bool(true))
}

fn null() -> Node {
    wrap(Value::Null)
}

fn wrap(value: Value) -> Node {
    Node { span: Default::default(), value }
}
