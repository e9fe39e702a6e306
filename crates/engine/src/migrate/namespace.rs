//! `?schema=app` in a connection URL: to Prisma that namespace is the default one, which models without `@@schema`
//! live in and which its SQL does not name. Comparisons know one default, `public`; so the namespace of the URL is
//! read as that. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, ColumnType, ConstraintKind, QName, Table};

const DEFAULT: &str = "public";

/// The catalog with `namespace` in the place of `public`. Only what Prisma compares is kept: tables, enums,
/// domains, sequences, extensions.
pub(super) fn as_default(catalog: &Catalog, namespace: &str) -> Catalog {
    if namespace == DEFAULT {
        return catalog.clone();
    }
    let as_default = |name: &QName| -> Option<QName> {
        match name.namespace.as_str() {
            // What lies in the real `public` is another namespace's business.
            DEFAULT => None,
            own if own == namespace => Some(QName::new(DEFAULT, &name.name)),
            _ => Some(name.clone()),
        }
    };
    let prefix = format!("{}.", pgsteward_sql::quote_ident(namespace));
    let in_text = |text: &str| text.replace(&prefix, "public.");
    let mut out = Catalog::empty(catalog.version);
    out.namespaces = catalog.namespaces.clone();
    out.namespaces.remove(namespace);
    out.namespaces.entry(DEFAULT.to_owned()).or_default();
    out.extensions = catalog.extensions.clone();
    for table in catalog.tables.values() {
        let Some(name) = as_default(&table.name) else { continue };
        let mut table: Table = (**table).clone();
        table.name = name.clone();
        for column in &mut table.columns {
            in_type(&mut column.ty, namespace);
            column.default = column.default.as_deref().map(in_text);
        }
        for index in &mut table.indexes {
            index.predicate = index.predicate.as_deref().map(in_text);
        }
        for constraint in &mut table.constraints {
            if let ConstraintKind::ForeignKey(key) = &mut constraint.kind
                && key.references.namespace == namespace
            {
                DEFAULT.clone_into(&mut key.references.namespace);
            }
        }
        out.tables.insert(name, Arc::new(table));
    }
    out.enums = renamed(&catalog.enums, as_default, |one, name| one.name = name);
    out.domains = renamed(&catalog.domains, as_default, |one, name| {
        one.name = name;
        in_type(&mut one.base, namespace);
    });
    out.sequences = renamed(&catalog.sequences, as_default, |one, name| {
        one.name = name;
        if let Some((table, _)) = &mut one.owned_by
            && table.namespace == namespace
        {
            DEFAULT.clone_into(&mut table.namespace);
        }
    });
    out
}

/// SQL that was written for `public`, for the namespace that stands in its place: Prisma names it in few statements.
pub(super) fn in_sql(sql: &str, namespace: &str) -> String {
    match namespace {
        DEFAULT => sql.to_owned(),
        own => sql.replace("\"public\".", &format!("\"{}\".", own.replace('"', "\"\""))),
    }
}

fn renamed<T: Clone>(
    all: &BTreeMap<QName, T>,
    as_default: impl Fn(&QName) -> Option<QName>,
    set: impl Fn(&mut T, QName),
) -> BTreeMap<QName, T> {
    let pairs = all.iter().filter_map(|(name, one)| {
        let name = as_default(name)?;
        let mut one = one.clone();
        set(&mut one, name.clone());
        Some((name, one))
    });
    pairs.collect()
}

fn in_type(ty: &mut ColumnType, namespace: &str) {
    if ty.namespace.as_deref() == Some(namespace) {
        ty.namespace = Some(DEFAULT.to_owned());
    }
}
