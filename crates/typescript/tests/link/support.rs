//! Projects in memory: files, a schema of a few models, what linking makes of them.

use std::sync::Arc;

use pgsteward_model::code::{Call, Code, Function};
use pgsteward_model::prisma::{
    Arity, At, Datasource, Field, FieldType, Model, ModelKey, PrismaSchema, Scalar,
};
use pgsteward_typescript::{
    ClientProject, Modules, Package, PathAliases, Targets, Unit, World, link, scan, scan_fully, wanted,
};

pub(crate) const DB: (&str, &str) = (
    "src/db.ts",
    "import { PrismaClient } from '@prisma/client'\nexport const prisma = new PrismaClient()\n",
);

/// A schema of models with string fields: `User(id, email) Post(id, userId, title)`.
pub(crate) fn schema(text: &str) -> PrismaSchema {
    let models = text.split(')').filter_map(|part| part.trim().split_once('(')).map(|(name, fields)| Model {
        name: name.to_owned(),
        name_at: At::default(),
        at: At::default(),
        view: false,
        db_name: name.to_owned(),
        namespace: None,
        fields: fields.split(',').map(|name| field(name.trim())).collect(),
        primary_key: None,
        uniques: Vec::<ModelKey>::new(),
        indexes: Vec::new(),
        ignored: false,
        documentation: None,
    });
    PrismaSchema {
        files: vec!["prisma/schema.prisma".into()],
        datasource: Some(Datasource {
            name: "db".into(),
            at: At { file: "prisma/schema.prisma".into(), ..At::default() },
            provider: Some("postgresql".into()),
            url: None,
            direct_url: None,
            shadow_database_url: None,
            relation_mode: None,
            schemas: Vec::new(),
            extensions: Vec::new(),
            extension_options: Vec::new(),
        }),
        models: models.collect(),
        ..PrismaSchema::default()
    }
}

fn field(name: &str) -> Field {
    Field {
        name: name.to_owned(),
        name_at: At::default(),
        at: At::default(),
        ty: FieldType::Scalar(Scalar::String),
        type_at: At::default(),
        arity: Arity::Required,
        db_name: name.to_owned(),
        default: None,
        updated_at: false,
        is_id: name == "id",
        is_unique: false,
        ignored: false,
        native: None,
        relation: None,
        documentation: None,
    }
}

/// One project whose client is that of `@prisma/client`.
pub(crate) fn world() -> World {
    let schema = schema("User(id, email, name, teamId) Post(id, userId, title) Order(id, userId, status)");
    World {
        projects: vec![ClientProject {
            folder: String::new(),
            schema: Some(Arc::new(schema)),
            outputs: Vec::new(),
            modules: vec!["@prisma/client".into()],
        }],
        ..World::default()
    }
}

pub(crate) fn alias(folder: &str, pattern: &str, target: &str) -> PathAliases {
    PathAliases { folder: folder.into(), base_url: None, paths: vec![(pattern.into(), vec![target.into()])] }
}

pub(crate) fn package(name: &str, folder: &str, exports: &[(&str, &str)], dependencies: &[&str]) -> Package {
    Package {
        name: name.into(),
        folder: folder.into(),
        exports: exports
            .iter()
            .map(|(name, target)| ((*name).to_owned(), vec![(*target).to_owned()]))
            .collect(),
        dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        ..Package::default()
    }
}

/// Reads files as a review does: what is asked for by linking is read fully.
pub(crate) fn units(files: &[(&str, &str)], world: &World) -> Vec<Unit> {
    let mut files = files.to_vec();
    files.sort();
    let mut units: Vec<Unit> = files.iter().map(|(path, text)| scan(path, text)).collect();
    let names: Vec<Arc<str>> = units.iter().map(|unit| unit.file.clone()).collect();
    let modules = Modules::new(&names, world);
    let mut targets = Targets::default();
    for _ in 0..4 {
        for index in wanted(&units, &modules, &mut targets) {
            units[index] = scan_fully(files[index].0, files[index].1);
        }
    }
    units
}

pub(crate) fn linked(files: &[(&str, &str)]) -> Code {
    linked_in(files, &world())
}

pub(crate) fn linked_in(files: &[(&str, &str)], world: &World) -> Code {
    link(&units(files, world), world)
}

/// `src/a.ts User.findMany Resolved`, in the order of the code.
pub(crate) fn calls(code: &Code) -> Vec<String> {
    let of = |call: &Call| {
        let tx = if call.on_transaction { " tx" } else { "" };
        format!("{} {}.{} {:?}{tx}", call.site.at.file, call.model, call.operation.name(), call.confidence)
    };
    code.calls.iter().map(of).collect()
}

pub(crate) fn function<'c>(code: &'c Code, name: &str) -> &'c Function {
    let found = code.functions.iter().find(|function| function.name == name);
    found.unwrap_or_else(|| panic!("no function {name} among {:?}", names(code)))
}

pub(crate) fn names(code: &Code) -> Vec<&str> {
    code.functions.iter().map(|function| function.name.as_str()).collect()
}

/// The names of the functions that call a function.
pub(crate) fn callers<'c>(code: &'c Code, name: &str) -> Vec<&'c str> {
    let callers = function(code, name).callers.iter();
    callers.map(|index| code.function(&code.invocations[*index].site).name.as_str()).collect()
}
