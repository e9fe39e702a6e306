//! What rules about connection URLs share: which URL the client uses, what a host is, and how a URL may be
//! shown. A password never leaves this module.

use pgsteward_model::facts::Facts;
use pgsteward_model::place::Place;
use pgsteward_model::prisma::UrlValue;
use pgsteward_model::project::{ConfiguredUrl, UrlOrigin};

/// Where a URL is written. None for one that no file holds.
pub(super) fn place(facts: &Facts, url: &ConfiguredUrl) -> Option<Place> {
    url.file.as_ref().map(|file| Place::file(facts.sources.range(file, url.span)))
}

/// The URL without user, password and parameters.
pub(super) fn shown(url: &ConfiguredUrl) -> String {
    let port = url.port.map_or_else(String::new, |port| format!(":{port}"));
    format!(
        "{}://{}{port}/{}",
        url.scheme,
        url.host.as_deref().unwrap_or(""),
        url.database.as_deref().unwrap_or("")
    )
}

/// URLs that the client of Prisma 5 and 6 connects with: those that the datasource's `url` names or is. Since
/// version 7 a driver adapter connects, and what it is given is not known.
pub(super) fn client_urls(facts: &Facts) -> Vec<&ConfiguredUrl> {
    if facts.project.prisma_version.is_some_and(|(major, _)| major >= 7) {
        return Vec::new();
    }
    let datasource = facts.prisma.as_ref().and_then(|schema| schema.datasource.as_ref());
    let Some(value) = datasource.and_then(|datasource| datasource.url.as_ref()) else { return Vec::new() };
    let urls = facts.project.urls.iter();
    match value {
        UrlValue::Env { name, .. } => urls
            .filter(|url| {
                url.name == *name && !matches!(url.origin, UrlOrigin::CommandLine | UrlOrigin::Schema)
            })
            .collect(),
        UrlValue::Literal { at, .. } => urls
            .filter(|url| {
                let overlaps = url.span.start < at.span.end && at.span.start < url.span.end;
                url.origin == UrlOrigin::Schema && url.file.as_ref() == Some(&at.file) && overlaps
            })
            .collect(),
    }
}

/// How a URL shows that it leads to a pooler that gives a connection out for one transaction at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pooler {
    /// `pgbouncer=true` says so.
    Flag,
    /// Port 6543 of Supabase.
    Supabase,
    /// `-pooler` in the first label of a Neon host.
    Neon,
    /// Port 6543 of another host.
    Port,
}

impl Pooler {
    pub(super) fn of(url: &ConfiguredUrl) -> Option<Pooler> {
        let host = url.host.as_deref().unwrap_or("").to_ascii_lowercase();
        let supabase = host.ends_with(".supabase.com") || host.ends_with(".supabase.co");
        let first_label = host.split('.').next().unwrap_or("");
        if url.parameter("pgbouncer") == Some("true") {
            Some(Pooler::Flag)
        } else if supabase {
            // Port 5432 of the same pooler keeps one connection for the whole session.
            (url.port == Some(6543)).then_some(Pooler::Supabase)
        } else if host.ends_with(".neon.tech") && first_label.ends_with("-pooler") {
            Some(Pooler::Neon)
        } else {
            (url.port == Some(6543)).then_some(Pooler::Port)
        }
    }

    pub(super) fn because(self) -> &'static str {
        match self {
            Pooler::Flag => "pgbouncer=true says so",
            Pooler::Supabase => "port 6543 is Supabase's pooler in transaction mode",
            Pooler::Neon => "a Neon host whose name ends in -pooler is PgBouncer in transaction mode",
            Pooler::Port => "port 6543 is the usual port of a pooler in transaction mode",
        }
    }
}

/// A host in a network of one's own: a private address, or a name that no public server resolves.
pub(super) fn is_private(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let octets: Vec<Option<u8>> = host.split('.').map(|part| part.parse().ok()).collect();
    let address = match octets.as_slice() {
        [Some(10), Some(_), Some(_), Some(_)] | [Some(192), Some(168), Some(_), Some(_)] => true,
        [Some(172), Some(second), Some(_), Some(_)] => (16..=31).contains(second),
        _ => false,
    };
    let suffixes = [".internal", ".local", ".localhost", ".lan", ".svc", ".test", ".home.arpa"];
    address || suffixes.iter().any(|suffix| host.ends_with(suffix))
}

/// A word that stands for something to be filled in: `<password>`, `${DB_PASSWORD}`, `changeme`.
pub(super) fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let bare: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    let fills_in = ["$", "<", "[", "{", "%("].iter().any(|mark| lower.starts_with(mark))
        || lower.contains("${")
        || lower.contains("{{");
    let words = [
        "",
        "password",
        "pass",
        "pwd",
        "pw",
        "changeme",
        "secret",
        "placeholder",
        "example",
        "redacted",
        "randompassword",
        "yourpassword",
        "mypassword",
        "dbpassword",
        "user",
        "username",
        "todo",
    ];
    fills_in
        || words.contains(&bare.as_str())
        || bare.starts_with("your")
        || bare.starts_with("changethis")
        || bare.chars().all(|character| character == 'x')
}

/// A host of an example: `host`, `example.com`, `db.example.org`, `<host>`.
pub(super) fn is_example_host(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let reserved = ["example.com", "example.org", "example.net"];
    is_placeholder(&host)
        || host.ends_with(".example")
        || reserved.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")))
}

/// A setting of the server, as `pg_settings` shows it.
pub(super) fn setting<'a>(facts: &'a Facts, name: &str) -> Option<&'a str> {
    Some(facts.cluster.as_ref()?.settings.get(name)?.value.as_str())
}

#[cfg(test)]
pub(super) mod tests {
    use pgsteward_model::source::Span;

    use super::*;

    pub(in crate::config) fn url(
        host: &str,
        port: Option<u16>,
        parameters: &[(&str, &str)],
    ) -> ConfiguredUrl {
        ConfiguredUrl {
            name: "DATABASE_URL".into(),
            origin: UrlOrigin::CommittedEnvironment,
            file: Some(".env".into()),
            span: Span::new(13, 60),
            scheme: "postgresql".into(),
            host: Some(host.into()),
            port,
            user: Some("app".into()),
            password: None,
            database: Some("shop".into()),
            parameters: parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        }
    }

    #[test]
    fn poolers_are_known_by_flag_port_and_host() {
        assert_eq!(Pooler::of(&url("db.shop.io", None, &[("pgbouncer", "true")])), Some(Pooler::Flag));
        let supabase = "aws-0-eu-central-1.pooler.supabase.com";
        assert_eq!(Pooler::of(&url(supabase, Some(6543), &[])), Some(Pooler::Supabase));
        assert_eq!(Pooler::of(&url(supabase, Some(5432), &[])), None, "session mode");
        let neon = "ep-cool-rain-123456-pooler.eu-central-1.aws.neon.tech";
        assert_eq!(Pooler::of(&url(neon, None, &[])), Some(Pooler::Neon));
        assert_eq!(Pooler::of(&url("ep-cool-rain-123456.eu-central-1.aws.neon.tech", None, &[])), None);
        assert_eq!(Pooler::of(&url("db.shop.io", Some(6543), &[])), Some(Pooler::Port));
        assert_eq!(Pooler::of(&url("db.shop.io", Some(5432), &[("pgbouncer", "false")])), None);
    }

    #[test]
    fn private_hosts_and_placeholders() {
        for host in ["10.0.0.5", "192.168.1.4", "172.20.1.1", "db.prod.internal", "pg.default.svc"] {
            assert!(is_private(host), "{host}");
        }
        for host in ["11.0.0.5", "172.32.1.1", "db.shop.io", "10.shop.io"] {
            assert!(!is_private(host), "{host}");
        }
        for text in ["<password>", "${DB_PASSWORD}", "changeme", "your-password", "[YOUR-PASSWORD]", "xxxx"] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in ["postgres", "hunter2", "s3cr3t-9f", "pa55"] {
            assert!(!is_placeholder(text), "{text}");
        }
        assert!(
            is_example_host("db.example.com") && is_example_host("HOST".replace("HOST", "<host>").as_str())
        );
    }

    #[test]
    fn a_shown_url_has_neither_user_nor_password_nor_parameters() {
        let url = url("db.shop.io", Some(5432), &[("sslpassword", "x")]);
        assert_eq!(shown(&url), "postgresql://db.shop.io:5432/shop");
    }
}
