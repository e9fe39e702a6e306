//! The URL dialect, as a table.

use std::sync::Arc;

use pgsteward_model::project::UrlOrigin;
use pgsteward_model::source::Span;
use pgsteward_pg::{ServerUrl, UrlError};

fn parse(text: &str) -> ServerUrl {
    ServerUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_urls_say() {
    for (text, shown, host, port, user, database, schema) in [
        (
            "postgresql://u:p@db.example.com:6432/shop?schema=app",
            "postgresql://u:***@db.example.com:6432/shop",
            "db.example.com",
            6432,
            Some("u"),
            Some("shop"),
            "app",
        ),
        ("postgres://u@h/shop", "postgres://u@h/shop", "h", 5432, Some("u"), Some("shop"), "public"),
        ("  \"POSTGRESQL://h\"  ", "postgresql://h", "h", 5432, None, None, "public"),
        ("postgresql://", "postgresql://localhost", "localhost", 5432, None, None, "public"),
        (
            "postgresql://us%40er:p%3A%2F%40%23@h/a%20b?schema=my+schema",
            "postgresql://us@er:***@h/a b",
            "h",
            5432,
            Some("us@er"),
            Some("a b"),
            "my schema",
        ),
        ("postgresql://u:p@ss@h/db", "postgresql://u:***@h/db", "h", 5432, Some("u"), Some("db"), "public"),
        (
            "postgresql://u:p@[::1]:5433/db",
            "postgresql://u:***@[::1]:5433/db",
            "::1",
            5433,
            Some("u"),
            Some("db"),
            "public",
        ),
        (
            "postgresql://u@localhost/db?host=/var/run/postgresql",
            "postgresql://u@%2Fvar%2Frun%2Fpostgresql/db",
            "/var/run/postgresql",
            5432,
            Some("u"),
            Some("db"),
            "public",
        ),
        (
            "postgresql://u@%2Ftmp/db",
            "postgresql://u@%2Ftmp/db",
            "/tmp",
            5432,
            Some("u"),
            Some("db"),
            "public",
        ),
        (
            "postgresql:///db?user=u&password=p&port=7000",
            "postgresql://u:***@localhost:7000/db",
            "localhost",
            7000,
            Some("u"),
            Some("db"),
            "public",
        ),
    ] {
        let url = parse(text);
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), format!("ServerUrl({shown})"));
        assert_eq!(
            (url.host(), url.port(), url.user(), url.database(), url.schema()),
            (host, port, user, database, schema)
        );
    }
}

#[test]
fn what_is_no_url_of_a_postgresql_server() {
    for (text, words) in [
        ("", "is empty"),
        ("shop", "does not begin with postgresql://"),
        ("u:secret@h/db", "does not begin with postgresql://"),
        ("postgresql:u:secret@h", "does not begin with postgresql://"),
        ("mysql://u:secret@h/db", "a MySQL database"),
        ("mongodb+srv://u:secret@h/db", "a MongoDB database"),
        ("file:./dev.db", "a SQLite database"),
        ("sqlserver://h:1433;password=secret", "a SQL Server database"),
        ("cockroachdb://u:secret@h/db", "a CockroachDB database"),
        ("prisma://accelerate.prisma-data.net/?api_key=secret", "Prisma's own proxy"),
        ("prisma+postgres://localhost:51213/?api_key=secret", "Prisma's own proxy"),
        ("https://u:secret@h", "https:// is no scheme"),
        ("postgresql://u:secret/x@h/db", "port"),
        ("postgresql://u:secret@h:0/db", "port"),
        ("postgresql://u:secret@h:99999/db", "port"),
        ("postgresql://u:sec%ret@h/db", "the password in the connection URL is not percent-encoded"),
        ("postgresql://u:secret%ff@h/db", "the password"),
        ("postgresql://u:secret@h/d%00b", "the database name"),
        ("postgresql://u:secret@h1,h2/db", "several hosts"),
        ("postgresql://u:secret@h/db?host=h1,h2", "several hosts"),
        ("postgresql://u:secret@h/db?sslmode=secret", "sslmode of the connection URL must be disable"),
        (
            "postgresql://u:secret@h/db?connect_timeout=secret",
            "connect_timeout of the connection URL must be a number",
        ),
        ("postgresql://u:secret@h/db?sslidentity=secret.p12", "PKCS#12"),
    ] {
        let error = ServerUrl::parse(text).unwrap_err();
        let message = format!("{error}; {}; {error:?}", error.hint());
        assert!(message.contains(words), "{text}: {message}");
        assert!(!message.contains("secret"), "{text}: {message}");
    }
    assert_eq!(ServerUrl::parse("postgresql://u:a#b@h/db").unwrap_err(), UrlError::Port);
}

#[test]
fn parameters_are_kept_and_secrets_are_not() {
    let text = "postgresql://u:s3cret@h/db?pgbouncer=true&connection_limit=1&sslmode=require&options=-c%20geqo%3Doff\
                &password=s3cret&sslpassword=s3cret&new_one=x";
    let url = parse(text);
    assert_eq!(url.parameter("options"), Some("-c geqo=off"));
    let configured =
        url.to_configured("DATABASE_URL", UrlOrigin::CommandLine, Some(Arc::from(".env")), Span::new(3, 9));
    let names: Vec<&str> = configured.parameters.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["pgbouncer", "connection_limit", "sslmode", "options", "password", "sslpassword", "new_one"]
    );
    assert_eq!(configured.parameter("connection_limit"), Some("1"));
    assert_eq!(configured.password.as_ref().unwrap().expose(), "s3cret");
    assert_eq!(
        (configured.scheme.as_str(), configured.host.as_deref(), configured.span),
        ("postgresql", Some("h"), Span::new(3, 9))
    );
    for shown in [format!("{url} {url:?}"), format!("{configured:?}")] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
