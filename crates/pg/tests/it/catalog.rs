//! The kitchen sink, read back object by object.

use pgsteward_model::catalog::{
    Catalog, Column, ConstraintKind, Grant, Identity, Index, IndexKey, Persistence, PolicyCommand, QName,
    ReferentialAction, Table, TableKind, TriggerEvent, TypeClass, Volatility,
};
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_pg::{CatalogOptions, ReadError};

use crate::support::Server;

const KITCHEN_SINK: &str = include_str!("kitchen_sink.sql");

async fn kitchen_sink() -> Option<(Server, pgsteward_pg::LabSession)> {
    let server = Server::start(&[]).await?;
    let session = server.session("postgres", "postgres").await;
    session.simple(KITCHEN_SINK).await.unwrap();
    Some((server, session))
}

fn table<'a>(catalog: &'a Catalog, name: &str) -> &'a Table {
    catalog.table(&QName::public(name)).unwrap_or_else(|| panic!("no table {name}"))
}

fn column<'a>(table: &'a Table, name: &str) -> &'a Column {
    table.column(name).unwrap_or_else(|| panic!("no column {name}"))
}

fn index<'a>(table: &'a Table, name: &str) -> &'a Index {
    table.index(name).unwrap_or_else(|| panic!("no index {name}"))
}

fn grants(grants: &[Grant]) -> Vec<String> {
    let star = |grant: &Grant| if grant.grantable { "*" } else { "" };
    grants.iter().map(|grant| format!("{}:{}{}", grant.grantee, grant.privilege, star(grant))).collect()
}

#[tokio::test]
async fn every_kind_of_object_is_read() {
    let Some((_server, session)) = kitchen_sink().await else { return };
    let major = session.version().major();
    assert!((12..=18).contains(&major), "the expectations below are for 12 to 18");
    let (catalog, gaps) = session.catalog(&CatalogOptions::default()).await.unwrap();
    assert_eq!(gaps, []);
    assert_eq!(catalog.version, session.version());

    assert_eq!(catalog.namespaces.keys().collect::<Vec<_>>(), ["audit", "public"]);
    assert_eq!(catalog.namespaces["audit"].comment.as_deref(), Some("who did what"));
    assert_eq!(grants(&catalog.namespaces["audit"].grants), ["app:USAGE"]);
    assert_eq!(catalog.namespaces["public"].comment, None, "initdb's comment is nobody's");
    assert_eq!(catalog.extensions.len(), 0, "plpgsql comes with the server");
    let names: Vec<String> = catalog.tables.keys().map(QName::display).collect();
    assert_eq!(
        names,
        [
            "Order",
            "_prisma_migrations",
            "alarm",
            "counter",
            "reading",
            "reading_2026",
            "reading_rest",
            "special_vendor",
            "vendor"
        ]
    );

    types(&catalog);
    order(&catalog, major);
    indexes(&catalog);
    partitions(&catalog);
    functions(&catalog);
    views_and_sequences(&catalog);
    let privilege = &catalog.default_privileges[0];
    assert_eq!((privilege.namespace.as_deref(), privilege.objects.as_str()), (Some("audit"), "tables"));
    assert_eq!(grants(&privilege.grants), ["app:SELECT"]);

    let names: Vec<QName> = catalog.tables.keys().cloned().collect();
    for table in session.catalog_of(&names).await.unwrap() {
        assert_eq!(Some(&table), catalog.table(&table.name), "the short way reads the same");
    }
    let only = session.catalog_of(&[QName::public("alarm"), QName::public("missing")]).await.unwrap();
    assert_eq!(only.iter().collect::<Vec<_>>(), [table(&catalog, "alarm")]);
}

fn types(catalog: &Catalog) {
    let status = &catalog.enums[&QName::public("Status")];
    assert_eq!(status.values, ["draft", "held", "paid", "sent"]);
    assert_eq!(status.comment.as_deref(), Some("of an order"));
    let email = &catalog.domains[&QName::public("email")];
    assert_eq!(email.base.to_string(), "character varying(320)");
    assert!(email.not_null);
    assert!(email.default.as_deref().unwrap().contains("'x@y'"));
    let (name, definition, validated) = &email.checks[0];
    assert_eq!((name.as_str(), *validated), ("has_at", true));
    assert!(definition.starts_with("CHECK (((VALUE)::text ~~ '%@%'::text"), "{definition}");
    let amount = &catalog.composites[&QName::public("money_amount")];
    let attributes: Vec<String> = amount.attributes.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    assert_eq!(attributes, ["amount numeric(12,2)", "currency character(3)"]);
    assert_eq!(catalog.composites.len(), 1, "row types of tables are none");
}

fn order(catalog: &Catalog, major: u32) {
    let order = table(catalog, "Order");
    let types: Vec<String> =
        order.columns.iter().map(|column| format!("{} {}", column.name, column.ty)).collect();
    assert_eq!(
        types,
        [
            "id uuid",
            "vendorId integer",
            "status Status",
            "history Status[]",
            "levels audit.level[]",
            "total numeric(65,30)",
            "created timestamp(3) without time zone",
            "seen timestamp with time zone",
            "price money_amount",
            "flag \"char\"",
            "valid span",
            "tax numeric",
            "during int4range"
        ]
    );
    let classes = ["history", "levels", "price", "valid", "total"].map(|name| column(order, name).ty.class);
    use TypeClass::{Base, Composite, Enum, Unknown};
    assert_eq!(classes, [Enum, Enum, Composite, Unknown, Base]);
    assert_eq!(column(order, "status").default.as_deref(), Some("'draft'::public.\"Status\""));
    assert_eq!(column(order, "status").ty.namespace.as_deref(), Some("public"));
    assert!(column(order, "id").not_null && !column(order, "seen").not_null);
    let tax = column(order, "tax");
    assert_eq!(tax.default, None);
    assert!(tax.generated.as_ref().unwrap().stored);
    assert_eq!(tax.generated.as_ref().unwrap().expression, "(total * 0.2)");
    assert_eq!(column(order, "total").comment.as_deref(), Some("net"));
    assert_eq!(grants(&column(order, "total").grants), ["app:UPDATE"]);
    assert_eq!(order.comment.as_deref(), Some("an order"));
    assert_eq!(
        grants(&order.grants),
        ["app:INSERT*", "app:SELECT*", "report \"er\":SELECT"],
        "the owner's own are left out"
    );
    assert_eq!(order.owner.as_deref(), Some("postgres"));
    assert_eq!(table(catalog, "counter").grants, [], "a GRANT that was revoked leaves no trace");
    assert_eq!(grants(&table(catalog, "vendor").grants), [":SELECT"]);

    let of_18: &[&str] = &[
        "Order_history_not_null",
        "Order_id_not_null",
        "Order_pkey",
        "Order_status_not_null",
        "Order_vendorId_fkey",
        "no_overlap",
        "order_unique",
        "total_positive",
    ];
    let named: Vec<&str> = order.constraints.iter().map(|constraint| constraint.name.as_str()).collect();
    let expected: Vec<&str> =
        of_18.iter().copied().filter(|name| major >= 18 || !name.ends_with("_not_null")).collect();
    assert_eq!(named, expected);
    assert_eq!(order.primary_key().unwrap().1, ["id"]);
    let (constraint, key) = order.foreign_keys().next().unwrap();
    assert!(!constraint.validated);
    assert_eq!(
        (key.columns.as_slice(), &key.references),
        (&["vendorId".to_owned()][..], &QName::public("vendor"))
    );
    assert_eq!(key.referenced_columns, ["id"]);
    assert_eq!((key.on_delete, key.on_update), (ReferentialAction::SetNull, ReferentialAction::Cascade));
    assert!(key.match_full);
    let unique = order.constraint("order_unique").unwrap();
    assert!(unique.deferrable && unique.initially_deferred && unique.validated);
    let columns = vec!["vendorId".to_owned(), "created".to_owned()];
    assert_eq!(unique.kind, ConstraintKind::Unique { columns, nulls_not_distinct: false });
    let check = order.constraint("total_positive").unwrap();
    assert_eq!(check.comment.as_deref(), Some("no refunds"));
    assert_eq!(
        check.kind,
        ConstraintKind::Check {
            expression: "(total > (0)::numeric)".into(),
            columns: vec!["total".into()],
            no_inherit: true
        }
    );
    assert_eq!(
        order.constraint("no_overlap").unwrap().kind,
        ConstraintKind::Exclusion { definition: "EXCLUDE USING gist (during WITH &&)".into() }
    );

    let [touch, truncated] = order.triggers.as_slice() else { panic!("two triggers") };
    assert!(touch.before && touch.row && touch.enabled);
    assert_eq!(touch.events, [TriggerEvent::Insert, TriggerEvent::Update]);
    assert_eq!(touch.function, Some(QName::new("audit", "touch")));
    assert_eq!(touch.comment.as_deref(), Some("stamps"));
    assert!(touch.definition.starts_with("CREATE TRIGGER order_touch BEFORE INSERT OR UPDATE OF status"));
    assert!(!truncated.before && !truncated.row && !truncated.enabled);
    assert_eq!(truncated.events, [TriggerEvent::Truncate]);

    assert!(order.row_security && order.force_row_security);
    let [everybody, own] = order.policies.as_slice() else { panic!("two policies") };
    assert!(!own.permissive && everybody.permissive);
    assert_eq!((own.command, everybody.command), (PolicyCommand::Update, PolicyCommand::All));
    assert_eq!(own.roles, ["app", "report \"er\""]);
    assert_eq!(everybody.roles, [""; 0]);
    assert_eq!(own.using.as_deref(), Some("(status = 'draft'::public.\"Status\")"));
    assert_eq!(own.with_check.as_deref(), Some("(total > (1)::numeric)"));
    assert_eq!((own.comment.as_deref(), everybody.using.as_deref()), (Some("drafts only"), Some("true")));
}

fn indexes(catalog: &Catalog) {
    let order = table(catalog, "Order");
    let plain = index(order, "order_plain");
    let key = |column: &str, descending, nulls_first| IndexKey {
        descending,
        nulls_first,
        ..IndexKey::column(column)
    };
    assert_eq!(
        plain.keys,
        [
            key("vendorId", false, false),
            key("created", true, true),
            key("seen", true, false),
            key("status", false, true)
        ]
    );
    assert_eq!(plain.include, ["total"]);
    assert_eq!((plain.method.as_str(), plain.comment.as_deref()), ("btree", Some("hot")));
    assert!(plain.valid && !plain.unique && plain.constraint.is_none());
    let expression = index(order, "order_expression");
    assert_eq!(expression.keys[0].column, None);
    assert_eq!(expression.keys[0].expression.as_deref(), Some("lower((id)::text)"));
    assert_eq!(expression.keys[0].opclass.as_deref(), Some("text_pattern_ops"));
    assert_eq!(expression.keys[1], IndexKey::column("total"));
    assert_eq!(expression.predicate.as_deref(), Some("(status = 'paid'::public.\"Status\")"));
    assert_eq!(index(order, "order_hash_like").options, ["fillfactor=60"]);
    assert!(index(order, "order_hash_like").unique);
    assert_eq!(index(order, "Order_pkey").constraint.as_deref(), Some("Order_pkey"));
    assert_eq!(index(order, "order_history").method, "gin");
    let collated = index(table(catalog, "vendor"), "vendor_collated");
    let collations: Vec<Option<&str>> = collated.keys.iter().map(|key| key.collation.as_deref()).collect();
    assert_eq!(collations, [None, Some("POSIX"), Some("default"), Some("C")]);
    assert_eq!(column(table(catalog, "vendor"), "name").collation.as_deref(), Some("C"));
    assert_eq!(column(table(catalog, "vendor"), "id").identity, Some(Identity::Always));
    let view = &catalog.views[&QName::public("vendor_total")];
    assert_eq!(view.indexes.len(), 1);
}

fn partitions(catalog: &Catalog) {
    let reading = table(catalog, "reading");
    assert_eq!(reading.kind, TableKind::Partitioned);
    assert_eq!(reading.partitioning.as_ref().unwrap().key, "RANGE (at)");
    let bound = |name: &str| table(catalog, name).partition_of.as_ref().unwrap();
    assert_eq!(bound("reading_2026").parent, reading.name);
    assert!(bound("reading_2026").bound.starts_with("FOR VALUES FROM ('2026-"));
    assert_eq!(bound("reading_rest").bound, "DEFAULT");
    let child = table(catalog, "special_vendor");
    assert_eq!((child.inherits.as_slice(), &child.partition_of), (&[QName::public("vendor")][..], &None));
    assert_eq!(table(catalog, "alarm").foreign_keys().count(), 1, "copies for partitions are left out");
    assert_eq!(table(catalog, "reading_2026").foreign_keys().count(), 1);
    let counter = table(catalog, "counter");
    assert_eq!(
        (counter.persistence, counter.options.as_slice()),
        (Persistence::Unlogged, &["fillfactor=70".to_owned()][..])
    );
    let types: Vec<String> = counter.columns.iter().skip(1).map(|column| column.ty.to_string()).collect();
    assert_eq!(
        types,
        ["character(3)", "bpchar", "bit(4)", "bit varying(7)", "interval(3)", "interval day to second(2)"]
    );
    assert_eq!(column(counter, "n").default.as_deref(), Some("nextval('public.counter_n_seq'::regclass)"));
}

fn functions(catalog: &Catalog) {
    let function =
        |name: &str| catalog.functions.values().find(|function| function.id.name.name == name).unwrap();
    let touch = function("touch");
    assert!(touch.security_definer && !touch.leakproof);
    assert_eq!(touch.settings, ["search_path=pg_catalog, pg_temp"]);
    assert_eq!((touch.returns.as_str(), touch.language.as_str()), ("trigger", "plpgsql"));
    assert_eq!(grants(&touch.grants), [":EXECUTE"], "what everybody may do by default");
    let add = function("add");
    assert_eq!(add.id.arguments, "a integer, b integer");
    assert_eq!((add.volatility, add.body.as_str()), (Volatility::Immutable, "SELECT a + b"));
    assert_eq!(add.grants, []);
    assert_eq!(add.comment.as_deref(), Some("adds"));
    assert_eq!(function("cleanup").returns, "");
    assert_eq!(function("total").body, "SFUNC = int4pl, STYPE = integer, INITCOND = '0'");
    let names: Vec<&str> = catalog.functions.keys().map(|id| id.name.name.as_str()).collect();
    assert_eq!(names, ["touch", "add", "cleanup", "total"], "the constructors of a range type are its own");
}

fn views_and_sequences(catalog: &Catalog) {
    let open = &catalog.views[&QName::public("open_order")];
    assert!(open.definition.contains("public.\"Order\" o"), "{}", open.definition);
    assert_eq!(open.reads, [QName::public("Order"), QName::public("vendor")]);
    assert_eq!(open.options, ["security_barrier=true"]);
    assert_eq!(open.comment.as_deref(), Some("to do"));
    let columns: Vec<String> = open.columns.iter().map(|(name, ty)| format!("{name} {ty}")).collect();
    assert_eq!(columns, ["id uuid", "total numeric(65,30)", "name text"]);
    let total = &catalog.views[&QName::public("vendor_total")];
    assert!(total.materialized && !total.populated && !open.materialized);
    let invoice = &catalog.sequences[&QName::public("invoice")];
    assert_eq!(
        (invoice.ty.as_str(), invoice.start, invoice.increment, invoice.min, invoice.max, invoice.cycle),
        ("smallint", 10, 5, 5, 1000, true)
    );
    assert_eq!(grants(&invoice.grants), ["app:USAGE"]);
    assert_eq!(
        (invoice.last_value, invoice.comment.as_deref()),
        (None, Some("numbers")),
        "values only when asked"
    );
    let owned = &catalog.sequences[&QName::public("counter_n_seq")];
    assert_eq!(owned.owned_by, Some((QName::public("counter"), "n".into())));
    let identity = &catalog.sequences[&QName::public("vendor_id_seq")];
    assert_eq!(identity.owned_by, Some((QName::public("vendor"), "id".into())));
}

#[tokio::test]
async fn newer_servers_have_newer_objects() {
    let Some(server) = Server::start(&[]).await else { return };
    let session = server.session("postgres", "postgres").await;
    let major = session.version().major();
    if major < 15 {
        eprintln!("not tested: NULLS NOT DISTINCT came with 15, the server is {major}");
        return;
    }
    session
        .simple(
            "CREATE TABLE t (a int, CONSTRAINT one_null UNIQUE NULLS NOT DISTINCT (a)); \
             CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1",
        )
        .await
        .unwrap();
    let (catalog, _) = session.catalog(&CatalogOptions::default()).await.unwrap();
    let t = table(&catalog, "t");
    assert!(index(t, "one_null").nulls_not_distinct);
    assert!(matches!(
        t.constraint("one_null").unwrap().kind,
        ConstraintKind::Unique { nulls_not_distinct: true, .. }
    ));
    assert_eq!(catalog.functions.values().next().unwrap().body, "RETURN 1");
    if major >= 18 {
        session
            .simple(
                "CREATE TABLE v (a int CONSTRAINT named NOT NULL, b int GENERATED ALWAYS AS (a + 1) VIRTUAL)",
            )
            .await
            .unwrap();
        let v = &session.catalog_of(&[QName::public("v")]).await.unwrap()[0];
        assert!(!column(v, "b").generated.as_ref().unwrap().stored);
        assert_eq!(v.constraint("named").unwrap().kind, ConstraintKind::NotNull { column: "a".into() });
    }
}

#[tokio::test]
async fn what_belongs_to_an_extension_is_left_out() {
    let Some(server) = Server::start(&[]).await else { return };
    let session = server.session("postgres", "postgres").await;
    let sql = "SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'";
    if session.rows(sql).await.unwrap().is_empty() {
        eprintln!("not tested: the server has no pg_stat_statements");
        return;
    }
    let (before, _) = session.catalog(&CatalogOptions::default()).await.unwrap();
    session
        .simple(
            "CREATE EXTENSION pg_stat_statements; CREATE EXTENSION hstore; \
             CREATE TABLE t (tags hstore, all_tags hstore[]); CREATE INDEX t_tags ON t USING gist (tags)",
        )
        .await
        .unwrap();
    let (after, _) = session.catalog(&CatalogOptions::default()).await.unwrap();
    assert_eq!(after.extensions.keys().collect::<Vec<_>>(), ["hstore", "pg_stat_statements"]);
    assert_eq!(after.extensions["hstore"].namespace, "public");
    let t = table(&after, "t");
    assert_eq!(column(t, "tags").ty.to_string(), "hstore");
    assert_eq!(column(t, "all_tags").ty.to_string(), "hstore[]");
    assert_eq!(column(t, "tags").ty.class, TypeClass::Unknown);
    let found: Vec<String> = differences(&before, &after, ColumnOrder::Matters)
        .into_iter()
        .map(|difference| difference.object)
        .collect();
    assert_eq!(found, ["extension hstore", "extension pg_stat_statements", "table public.t"]);
}

#[tokio::test]
async fn a_hostile_search_path_changes_nothing() {
    let Some(server) = Server::start(&[]).await else { return };
    let admin = server.session("postgres", "postgres").await;
    admin
        .simple(
            "CREATE TABLE called (what text); CREATE SCHEMA evil; \
             CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS \
                 $$ BEGIN INSERT INTO public.called VALUES ('set_config'); RETURN $2; END $$; \
             CREATE FUNCTION evil.equal(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS \
                 $$ BEGIN INSERT INTO public.called VALUES ('='); RETURN true; END $$; \
             CREATE OPERATOR evil.= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = evil.equal); \
             CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE false; \
             ALTER DATABASE postgres SET search_path = evil, pg_catalog",
        )
        .await
        .unwrap();
    let session = server.session("postgres", "postgres").await;
    let (catalog, _) = session.catalog(&CatalogOptions::default()).await.unwrap();
    assert!(catalog.table(&QName::public("called")).is_some());
    assert_eq!(session.catalog_of(&[QName::public("called")]).await.unwrap().len(), 1);
    let reader = pgsteward_pg::ReadSession::connect(&server.url("postgres", "postgres")).await.unwrap();
    assert!(reader.catalog(&CatalogOptions::default()).await.unwrap().0 == catalog);
    assert_eq!(reader.cluster().await.unwrap().0.settings["search_path"].value, "evil, pg_catalog");
    assert_eq!(admin.rows("SELECT what FROM called").await.unwrap().len(), 0, "nothing of evil's was called");
}

#[tokio::test]
async fn statistics_come_when_asked_and_never_differ() {
    let Some((_server, session)) = kitchen_sink().await else { return };
    let options = CatalogOptions { statistics: true, namespaces: None, values: false };
    let (with, gaps) = session.catalog(&options).await.unwrap();
    assert_eq!(gaps, []);
    let (without, _) = session.catalog(&CatalogOptions::default()).await.unwrap();
    assert_eq!(differences(&without, &with, ColumnOrder::Matters), []);
    assert_eq!(table(&without, "vendor").statistics, None);

    let vendor = table(&with, "vendor");
    let statistics = vendor.statistics.as_ref().unwrap();
    assert_eq!(statistics.rows, Some(100.0));
    assert!(statistics.bytes >= 8192 && statistics.total_bytes > statistics.bytes);
    let name = column(vendor, "name").statistics.as_ref().unwrap();
    assert_eq!((name.null_fraction, name.top_frequency), (0.0, Some(0.25)));
    assert_eq!(column(vendor, "parent_id").statistics.as_ref().unwrap().null_fraction, 1.0);
    assert!(index(vendor, "vendor_pkey").statistics.as_ref().unwrap().bytes >= 8192);
    assert_eq!(table(&with, "alarm").statistics.as_ref().unwrap().rows, None, "never analyzed");
    assert_eq!(with.sequences[&QName::public("invoice")].last_value, Some(15));
    assert_eq!(with.sequences[&QName::public("counter_n_seq")].last_value, None, "never used");
    assert!(with.statistics_age_seconds.unwrap() >= 0.0);
    assert!(with.views[&QName::public("vendor_total")].indexes[0].statistics.is_some());
}

#[tokio::test]
async fn namespaces_limit_what_is_read() {
    let Some((_server, session)) = kitchen_sink().await else { return };
    session
        .simple("CREATE TABLE audit.entry (id int PRIMARY KEY, vendor_id int REFERENCES public.vendor, level audit.level)")
        .await
        .unwrap();
    let options = CatalogOptions { namespaces: Some(vec!["audit".into()]), statistics: true, values: false };
    let (catalog, _) = session.catalog(&options).await.unwrap();
    assert_eq!(catalog.tables.keys().map(QName::to_string).collect::<Vec<_>>(), ["audit.entry"]);
    assert_eq!(catalog.namespaces.keys().collect::<Vec<_>>(), ["audit"]);
    assert_eq!((catalog.views.len(), catalog.sequences.len(), catalog.enums.len()), (0, 0, 1));
    assert_eq!(catalog.functions.len(), 1);
    let entry = catalog.tables.values().next().unwrap();
    let (_, key) = entry.foreign_keys().next().unwrap();
    assert_eq!(
        (&key.references, key.referenced_columns.as_slice()),
        (&QName::public("vendor"), &["id".to_owned()][..])
    );
    let nothing = CatalogOptions { namespaces: Some(vec!["missing".into()]), ..CatalogOptions::default() };
    assert_eq!(session.catalog(&nothing).await.unwrap().0.tables.len(), 0);
}

#[tokio::test]
async fn the_lab_session_sends_one_message_and_reports_where_it_failed() {
    let Some(server) = Server::start(&[]).await else { return };
    let session = server.session("postgres", "postgres").await;
    let error = session.simple("CREATE TABLE a (i int); CREATE TABLE b (i nothing)").await.unwrap_err();
    assert_eq!((error.sqlstate.as_str(), error.position), ("42704", Some(43)));
    assert_eq!(error.message, "type \"nothing\" does not exist");
    let rows = session.rows("SELECT to_regclass('a')::text, 1; SELECT 'x', NULL").await.unwrap();
    let text = |value: &str| Some(value.to_owned());
    assert_eq!(rows, [[None, text("1")], [text("x"), None]], "the whole message was rolled back");
    assert_eq!(
        session.rows("SELECT pg_backend_pid()").await.unwrap()[0][0],
        Some(session.backend_pid().to_string())
    );

    session.simple("BEGIN; CREATE TABLE a (i int)").await.unwrap();
    let refused = session.catalog(&CatalogOptions::default()).await.unwrap_err();
    assert_eq!(refused, ReadError::OpenTransaction, "its COMMIT would commit what the caller began");
    session.simple("SELECT 1/0").await.unwrap_err();
    assert_eq!(session.catalog_of(&[QName::public("a")]).await.unwrap_err(), ReadError::OpenTransaction);
    session.simple("ROLLBACK").await.unwrap();
    assert_eq!(session.catalog_of(&[QName::public("a")]).await.unwrap(), []);

    let pid = session.backend_pid();
    session.close().await;
    let other = server.session("postgres", "postgres").await;
    // The server process ends a moment after its connection.
    for _ in 0..1000 {
        let alive = other.rows(&format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid}")).await.unwrap();
        if alive.is_empty() {
            return;
        }
    }
    panic!("the closed session is still there");
}
