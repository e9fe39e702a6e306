//! The order, the quoting and the completeness of the statements that make a catalog again.

use std::sync::Arc;

use pgsteward_model::catalog::{
    Catalog, Column, ColumnType, CompositeType, Constraint, ConstraintKind, Enum, Extension, ForeignKey,
    Function, FunctionId, FunctionKind, Identity, Index, IndexKey, Namespace, Policy, PolicyCommand, QName,
    ReferentialAction, Sequence, Table, TypeClass, View, Volatility,
};
use pgsteward_model::statement::Statement;
use pgsteward_model::version::ServerVersion;

use super::{create, diff, invalid_indexes, left_out, roles, settings};
use crate::{parse, quote_literal, quote_qualified};

/// Names that break a careless renderer: quotes of both kinds, spaces, capitals, reserved words, characters
/// beyond ASCII, comment and statement ends, dollar quotes, backslashes, digits first.
const HOSTILE: &[&str] = &[
    "a\"b",
    "it's",
    "two words",
    "Upper",
    "select",
    "user",
    "größe",
    "名前",
    "x;DROP TABLE y;--",
    "/*",
    "$$",
    "b\\n",
    "1st",
    "tab\tnew\nline",
    "a.b",
    "x)y(",
];

fn column(name: &str, ty: ColumnType) -> Column {
    Column {
        name: name.into(),
        ty,
        not_null: false,
        default: None,
        identity: None,
        generated: None,
        collation: None,
        comment: Some(format!("about {name}")),
        grants: Vec::new(),
        statistics: None,
    }
}

fn constraint(name: String, kind: ConstraintKind) -> Constraint {
    Constraint {
        name,
        kind,
        validated: true,
        deferrable: false,
        initially_deferred: false,
        comment: Some("o'clock".into()),
    }
}

/// One of everything, all of one name.
fn catalog(name: &str) -> Catalog {
    let mut catalog = Catalog::empty(ServerVersion::of_major(17));
    let named = QName::new(name, name);
    let other = |suffix: &str| QName::new(name, format!("{name}{suffix}"));
    let comment = Some(format!("a \\ comment of {name} with ' and $$"));
    catalog.namespaces.insert(name.into(), Namespace { comment: comment.clone(), ..Namespace::default() });
    let extension = Extension { name: name.into(), version: "1".into(), namespace: name.into() };
    catalog.extensions.insert(name.into(), extension);
    let label =
        Enum { name: other("_e"), values: vec![name.into(), "b'\\".into()], comment: comment.clone() };
    catalog.enums.insert(label.name.clone(), label);
    let user_type = ColumnType {
        namespace: Some(name.into()),
        class: TypeClass::Enum,
        ..ColumnType::builtin(&format!("{name}_e"), &[])
    };
    let composite = CompositeType {
        name: other("_c"),
        attributes: vec![(name.into(), user_type.clone())],
        comment: comment.clone(),
    };
    catalog.composites.insert(composite.name.clone(), composite);
    let sequence = Sequence {
        name: other("_s"),
        ty: "integer".into(),
        start: 1,
        increment: 1,
        min: 1,
        max: 9,
        cycle: false,
        owned_by: Some((named.clone(), format!("{name}2"))),
        last_value: None,
        grants: Vec::new(),
        comment: comment.clone(),
    };
    catalog.sequences.insert(sequence.name.clone(), sequence);
    let mut table = Table::new(named.clone());
    table.comment.clone_from(&comment);
    table.columns.push(column(name, user_type));
    let default = format!("nextval({}::regclass)", quote_literal(&quote_qualified(&other("_s"))));
    table.columns.push(Column {
        default: Some(default),
        ..column(&format!("{name}2"), ColumnType::builtin("integer", &[]))
    });
    table.columns.push(Column {
        identity: Some(Identity::Always),
        not_null: true,
        ..column(&format!("{name}3"), ColumnType::builtin("bigint", &[]))
    });
    table.options.push(format!("{name}={name}"));
    let columns = vec![name.to_owned()];
    table.constraints.push(constraint(
        format!("{name}_key"),
        ConstraintKind::Unique { columns: columns.clone(), nulls_not_distinct: true },
    ));
    table.constraints.push(constraint(
        format!("{name}_fkey"),
        ConstraintKind::ForeignKey(ForeignKey {
            columns: columns.clone(),
            references: named.clone(),
            referenced_columns: columns.clone(),
            on_delete: ReferentialAction::Cascade,
            on_update: ReferentialAction::NoAction,
            match_full: false,
        }),
    ));
    table.indexes.push(Index {
        name: format!("{name}_idx"),
        method: "btree".into(),
        keys: vec![IndexKey {
            opclass: Some(name.into()),
            collation: Some(name.into()),
            ..IndexKey::column(name)
        }],
        include: vec![format!("{name}2")],
        unique: true,
        nulls_not_distinct: false,
        predicate: None,
        valid: false,
        constraint: None,
        options: vec![format!("{name}={name}")],
        comment: comment.clone(),
        statistics: None,
    });
    table.policies.push(Policy {
        name: name.into(),
        permissive: true,
        command: PolicyCommand::Select,
        roles: vec![name.into()],
        using: Some("true".into()),
        with_check: None,
        comment: comment.clone(),
    });
    catalog.tables.insert(named, Arc::new(table));
    let id = FunctionId { name: other("_f"), arguments: String::new() };
    let function = Function {
        id: id.clone(),
        kind: FunctionKind::Aggregate,
        returns: "integer".into(),
        language: "internal".into(),
        body: "SFUNC = int4pl, STYPE = integer".into(),
        definition: None,
        security_definer: false,
        leakproof: false,
        volatility: Volatility::Immutable,
        settings: Vec::new(),
        owner: None,
        grants: Vec::new(),
        comment: comment.clone(),
    };
    catalog.functions.insert(id, function);
    let view = View {
        name: other("_v"),
        materialized: true,
        definition: " SELECT 1 AS a;".into(),
        columns: Vec::new(),
        reads: Vec::new(),
        options: Vec::new(),
        indexes: Vec::new(),
        populated: false,
        owner: None,
        grants: Vec::new(),
        comment,
    };
    catalog.views.insert(view.name.clone(), view);
    catalog
}

#[test]
fn hostile_names_stay_names() {
    for name in HOSTILE {
        let catalog = catalog(name);
        let statements = create(&catalog);
        assert_eq!(statements[0], settings(&catalog));
        for sql in &statements[1..] {
            let parsed = parse(sql);
            assert_eq!(parsed.errors, [], "{name:?}: {sql}");
            assert_eq!(parsed.statements.len(), 1, "{name:?}: {sql}");
        }
        let read = |wanted: fn(&Statement) -> Option<QName>| {
            statements
                .iter()
                .flat_map(|sql| parse(sql).statements)
                .find_map(|one| wanted(&one.statement))
                .unwrap_or_else(|| panic!("{name:?}: a statement is missing in {statements:#?}"))
        };
        let table = read(|one| match one {
            Statement::CreateTable(create) => Some(create.table.name.clone()),
            _ => None,
        });
        assert_eq!(table, QName::new(*name, *name));
        let index = read(|one| match one {
            Statement::CreateIndex(create) => {
                Some(QName::new(create.table.namespace.clone()?, create.index.name.clone()))
            }
            _ => None,
        });
        assert_eq!(index, QName::new(*name, format!("{name}_idx")));
        let at = |part: &str| statements.iter().position(|sql| sql.starts_with(part)).unwrap();
        assert!(at("CREATE TYPE") < at("CREATE TABLE"), "{statements:#?}");
        assert!(at("CREATE SEQUENCE") < at("CREATE TABLE"), "{statements:#?}");
        assert!(roles(&catalog).contains(name));
        assert_eq!(left_out(&catalog), []);
        assert_eq!(invalid_indexes(&catalog), [QName::new(*name, format!("{name}_idx"))]);
    }
}

#[test]
fn types_are_written_so_that_they_read_the_same() {
    let written = |name: &str, modifiers: &[i32], namespace: Option<&str>, array: u32, class: TypeClass| {
        super::column_type::column_type(&ColumnType {
            namespace: namespace.map(str::to_owned),
            name: name.into(),
            modifiers: modifiers.to_vec(),
            array,
            class,
        })
    };
    let base = TypeClass::Base;
    assert_eq!(written("bit", &[], None, 1, base), "\"bit\"[]");
    assert_eq!(written("bit", &[4], None, 0, base), "bit(4)");
    assert_eq!(written("timestamp without time zone", &[3], None, 0, base), "timestamp(3) without time zone");
    assert_eq!(written("character varying", &[9], None, 1, base), "character varying(9)[]");
    let unknown = TypeClass::Unknown;
    assert_eq!(written("vector", &[3], Some("public"), 0, unknown), "public.vector(3)");
    assert_eq!(written("geometry(Point,4326)", &[], Some("Gis"), 0, unknown), "\"Gis\".geometry(Point,4326)");
    assert_eq!(written("we(ird)", &[], Some("public"), 0, TypeClass::Enum), "public.\"we(ird)\"");
}

#[test]
fn objects_come_after_what_they_name() {
    let mut catalog = Catalog::empty(ServerVersion::of_major(17));
    let function = |name: &str, definition: &str| {
        let id = FunctionId { name: QName::public(name), arguments: String::new() };
        let function = Function {
            id: id.clone(),
            kind: FunctionKind::Function,
            returns: String::new(),
            language: "sql".into(),
            body: String::new(),
            definition: Some(definition.into()),
            security_definer: false,
            leakproof: false,
            volatility: Volatility::Stable,
            settings: Vec::new(),
            owner: None,
            grants: Vec::new(),
            comment: None,
        };
        (id, function)
    };
    catalog.functions.extend([
        function("early", "CREATE OR REPLACE FUNCTION public.early()\n RETURNS integer\nAS $f$SELECT * FROM public.t$f$\n"),
        function("late", "CREATE OR REPLACE FUNCTION public.late()\n RETURNS SETOF public.t\nAS $f$SELECT 1$f$\n"),
        function("parsed", "CREATE OR REPLACE FUNCTION public.parsed()\n RETURNS integer\nBEGIN ATOMIC\n SELECT public.t.a FROM public.t;\nEND\n"),
    ]);
    let mut table = Table::new(QName::public("t"));
    table.columns.push(Column {
        default: Some("public.early()".into()),
        ..column("a", ColumnType::builtin("integer", &[]))
    });
    table
        .constraints
        .push(constraint("t_pkey".into(), ConstraintKind::PrimaryKey { columns: vec!["a".into()] }));
    catalog.tables.insert(table.name.clone(), Arc::new(table));
    for (name, reads) in [("a_view", "z_view"), ("z_view", "t")] {
        let view = View {
            name: QName::public(name),
            materialized: false,
            definition: format!(" SELECT a FROM public.{reads} GROUP BY a;"),
            columns: Vec::new(),
            reads: vec![QName::public(reads)],
            options: vec!["security_barrier=true".into()],
            indexes: Vec::new(),
            populated: true,
            owner: None,
            grants: Vec::new(),
            comment: None,
        };
        catalog.views.insert(view.name.clone(), view);
    }
    let statements = create(&catalog);
    let order: Vec<usize> =
        ["public.early", "TABLE public.t (", "t_pkey", "z_view WITH (security_barrier=true)", "a_view"]
            .iter()
            .map(|part| statements.iter().position(|sql| sql.contains(part)).unwrap())
            .collect();
    assert!(order.is_sorted(), "{statements:#?}");
    let at = |part: &str| statements.iter().position(|sql| sql.contains(part)).unwrap();
    assert!(at("public.late()") > at("TABLE public.t ("), "{statements:#?}");
    assert!(at("public.parsed()") > at("t_pkey"), "{statements:#?}");
}

#[test]
fn a_view_that_holds_what_goes_gives_way() {
    let view = |definition: &str| View {
        name: QName::public("v"),
        materialized: false,
        definition: definition.into(),
        columns: vec![("a".into(), ColumnType::builtin("integer", &[]))],
        reads: vec![QName::public("t")],
        options: Vec::new(),
        indexes: Vec::new(),
        populated: true,
        owner: None,
        grants: Vec::new(),
        comment: None,
    };
    let catalog = |definition: &str, with_type: bool, with_key: bool| {
        let mut catalog = Catalog::empty(ServerVersion::of_major(17));
        let mut table = Table::new(QName::public("t"));
        table.columns.push(Column { not_null: true, ..column("a", ColumnType::builtin("integer", &[])) });
        if with_key {
            let key = ConstraintKind::PrimaryKey { columns: vec!["a".into()] };
            table.constraints.push(constraint("t_pkey".into(), key));
        }
        catalog.tables.insert(table.name.clone(), Arc::new(table));
        if with_type {
            let mood = Enum { name: QName::public("mood"), values: vec!["sad".into()], comment: None };
            catalog.enums.insert(mood.name.clone(), mood);
        }
        let view = view(definition);
        catalog.views.insert(view.name.clone(), view);
        catalog
    };
    let to_typed = " SELECT a FROM public.t WHERE 'sad'::public.mood IS NOT NULL;";
    let (plain, other) = (" SELECT a FROM public.t;", " SELECT a FROM public.t WHERE a > 1;");
    let ways = |from: &Catalog, to: &Catalog| {
        let statements = diff(from, to).statements;
        let at = |part: &str| statements.iter().position(|sql| sql.contains(part));
        (at("DROP VIEW"), at("DROP TYPE").or(at("DROP CONSTRAINT")), at("CREATE OR REPLACE VIEW"))
    };
    let (view, dropped, replaced) = ways(&catalog(to_typed, true, true), &catalog(plain, false, true));
    assert!(view.is_some() && view < dropped && replaced.is_none(), "{view:?} {dropped:?} {replaced:?}");
    let (view, dropped, replaced) = ways(&catalog(plain, true, true), &catalog(other, true, false));
    assert!(view.is_some() && view < dropped && replaced.is_none(), "{view:?} {dropped:?} {replaced:?}");
    let (view, dropped, replaced) = ways(&catalog(plain, true, true), &catalog(other, false, true));
    assert!(view.is_none() && dropped.is_some() && replaced.is_some(), "{view:?} {dropped:?} {replaced:?}");
}
