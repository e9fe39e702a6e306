//! Connection URLs as Prisma and libpq write them. Nothing here prints a password, not even the part of a
//! broken URL in which one might stand.

use std::fmt;
use std::sync::Arc;

use pgsteward_model::prisma::Secret;
use pgsteward_model::project::{ConfiguredUrl, UrlOrigin};
use pgsteward_model::source::Span;

/// Prisma waits five seconds for a connection unless the URL says otherwise.
const DEFAULT_CONNECT_TIMEOUT: u64 = 5;

/// A URL that names one PostgreSQL server. `Display` and `Debug` show `***` for the password.
#[derive(Clone, PartialEq)]
pub struct ServerUrl {
    scheme: String,
    user: Option<String>,
    password: Option<Secret>,
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    /// In order, decoded; the values of `password` and `sslpassword` are replaced by `***`.
    parameters: Vec<(String, String)>,
    ssl_mode: SslMode,
    connect_timeout: u64,
}

/// `sslmode`, as libpq defines the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Why a text is no URL that can be connected to. [`UrlError::hint`] names the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("the connection URL is empty")]
    Empty,
    #[error("the text is no connection URL: it does not begin with postgresql:// or postgres://")]
    NoScheme,
    #[error("{scheme}:// is the URL of a {database} database, and pgsteward knows PostgreSQL only")]
    OtherDatabase { scheme: String, database: &'static str },
    #[error("{scheme}:// leads to Prisma's own proxy, which speaks no PostgreSQL protocol")]
    PrismaProxy { scheme: String },
    #[error("{scheme}:// is no scheme of a PostgreSQL URL")]
    UnknownScheme { scheme: String },
    #[error("the port in the connection URL is no number from 1 to 65535")]
    Port,
    #[error("the {part} in the connection URL is not percent-encoded correctly")]
    Encoding { part: &'static str },
    #[error("the connection URL names several hosts")]
    SeveralHosts,
    #[error("the parameter {name} of the connection URL must be {expected}")]
    Parameter { name: &'static str, expected: &'static str },
    #[error("the parameter {name} of the connection URL is not supported: {why}")]
    Unsupported { name: &'static str, why: &'static str },
}

impl UrlError {
    /// The next step.
    pub fn hint(&self) -> String {
        match self {
            UrlError::Empty | UrlError::NoScheme | UrlError::UnknownScheme { .. } => {
                "write postgresql://user:password@host:5432/database".into()
            }
            UrlError::OtherDatabase { .. } => "give the URL of a PostgreSQL server".into(),
            UrlError::PrismaProxy { .. } => {
                "give the direct postgresql:// URL of the database behind it, often named DIRECT_URL or \
                 DIRECT_DATABASE_URL"
                    .into()
            }
            UrlError::Port | UrlError::Encoding { .. } => {
                "percent-encode special characters in user and password: @ is %40, : is %3A, / is %2F, # is \
                 %23, ? is %3F, % is %25"
                    .into()
            }
            UrlError::SeveralHosts => "name one host, the one to be reviewed".into(),
            UrlError::Parameter { name, expected } => format!("set {name} to {expected}, or leave it out"),
            UrlError::Unsupported { .. } => {
                "give certificate and key as PEM files: sslcert=client.crt&sslkey=client.key, with \
                 sslrootcert=ca.crt for the server's authority"
                    .into()
            }
        }
    }
}

impl ServerUrl {
    /// Reads `text`; surrounding white space and one pair of quotes are ignored.
    pub fn parse(text: &str) -> Result<ServerUrl, UrlError> {
        let text = unquoted(text.trim());
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        let (scheme, rest) = split_scheme(text)?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user_info, address) = match authority.rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info), address),
            None => (None, authority),
        };
        let (user, password) = match user_info.map(|info| info.split_once(':').unwrap_or((info, ""))) {
            Some((user, password)) => (decoded(user, "user")?, decoded(password, "password")?),
            None => (None, None),
        };
        let (host, port) = address_parts(address)?;
        let mut url = ServerUrl {
            scheme,
            user,
            password: password.map(Secret::new),
            host,
            port,
            database: decoded(path, "database name")?,
            parameters: Vec::new(),
            ssl_mode: SslMode::Prefer,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name, "name of a parameter")?.unwrap_or_default();
            let value = decoded(&value.replace('+', " "), "value of a parameter")?.unwrap_or_default();
            url.take_parameter(name, value)?;
        }
        if url.parameter("sslaccept") == Some("strict")
            && matches!(url.ssl_mode, SslMode::Prefer | SslMode::Require)
        {
            // Prisma's own word for checking the certificate.
            url.ssl_mode = SslMode::VerifyFull;
        }
        if url.ssl_mode == SslMode::Require && url.parameter("sslrootcert").is_some() {
            // As libpq does: whoever names an authority wants it checked.
            url.ssl_mode = SslMode::VerifyCa;
        }
        Ok(url)
    }

    fn take_parameter(&mut self, name: String, value: String) -> Result<(), UrlError> {
        let mut shown = value.clone();
        match name.as_str() {
            "sslmode" => {
                self.ssl_mode = match value.as_str() {
                    "disable" => SslMode::Disable,
                    "allow" => SslMode::Allow,
                    "prefer" => SslMode::Prefer,
                    "require" => SslMode::Require,
                    "verify-ca" => SslMode::VerifyCa,
                    "verify-full" => SslMode::VerifyFull,
                    _ => {
                        return Err(UrlError::Parameter {
                            name: "sslmode",
                            expected: "disable, allow, prefer, require, verify-ca or verify-full",
                        });
                    }
                };
            }
            "connect_timeout" => {
                let expected = "a number of seconds";
                self.connect_timeout =
                    value.parse().map_err(|_| UrlError::Parameter { name: "connect_timeout", expected })?;
            }
            "sslidentity" => {
                return Err(UrlError::Unsupported {
                    name: "sslidentity",
                    why: "client certificates in PKCS#12 files cannot be read",
                });
            }
            "host" if value.contains(',') => return Err(UrlError::SeveralHosts),
            "host" if !value.is_empty() => self.host = Some(value),
            "port" => self.port = Some(value.parse().map_err(|_| UrlError::Port)?),
            "user" => self.user = Some(value),
            "dbname" => self.database = Some(value),
            "password" => {
                shown = "***".into();
                self.password = Some(Secret::new(value));
            }
            "sslpassword" => shown = "***".into(),
            // Prisma's pool settings and whatever else drivers know change nothing about one connection.
            _ => {}
        }
        self.parameters.push((name, shown));
        Ok(())
    }

    /// The URL as a fact about the project: where it was found and what it says.
    pub fn to_configured(
        &self,
        name: &str,
        origin: UrlOrigin,
        file: Option<Arc<str>>,
        span: Span,
    ) -> ConfiguredUrl {
        ConfiguredUrl {
            name: name.to_owned(),
            origin,
            file,
            span,
            scheme: self.scheme.clone(),
            host: self.host.clone(),
            port: self.port,
            user: self.user.clone(),
            password: self.password.clone(),
            database: self.database.clone(),
            parameters: self.parameters.clone(),
        }
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The namespace that Prisma works in: `schema`, by default `public`.
    pub fn schema(&self) -> &str {
        self.parameter("schema").filter(|schema| !schema.is_empty()).unwrap_or("public")
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(&self, database: &str) -> ServerUrl {
        ServerUrl { database: Some(database.to_owned()), ..self.clone() }
    }

    /// The same server and database at another host name.
    #[must_use]
    pub fn with_host(&self, host: &str) -> ServerUrl {
        ServerUrl { host: Some(host.to_owned()), ..self.clone() }
    }

    /// Host name, address or directory of the socket.
    pub fn host(&self) -> &str {
        self.host.as_deref().unwrap_or("localhost")
    }

    pub fn port(&self) -> u16 {
        self.port.unwrap_or(5432)
    }

    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The database; where the URL names none the server takes the one named like the user.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    pub(crate) fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    pub(crate) fn ssl_mode(&self) -> SslMode {
        self.ssl_mode
    }

    /// Seconds to wait for a connection; 0 is no limit.
    pub(crate) fn connect_timeout(&self) -> u64 {
        self.connect_timeout
    }

    /// The URL says itself that it leads to a pooler in transaction mode.
    pub fn is_pooled(&self) -> bool {
        self.parameter("pgbouncer") == Some("true")
    }

    pub(crate) fn is_socket(&self) -> bool {
        self.host().starts_with('/') || self.host().starts_with('@')
    }

    /// `host:port`, or the path of the socket: what errors call the server.
    pub fn place(&self) -> String {
        match self.host() {
            host if self.is_socket() => format!("{host}/.s.PGSQL.{}", self.port()),
            host if host.contains(':') => format!("[{host}]:{}", self.port()),
            host => format!("{host}:{}", self.port()),
        }
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://", self.scheme)?;
        if let Some(user) = &self.user {
            let password = if self.password.is_some() { ":***" } else { "" };
            write!(out, "{user}{password}@")?;
        }
        match self.host() {
            host if host.contains(':') => write!(out, "[{host}]")?,
            host if self.is_socket() => out.write_str(&host.replace('/', "%2F"))?,
            host => out.write_str(host)?,
        }
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        if let Some(database) = &self.database {
            write!(out, "/{database}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ServerUrl({self})")
    }
}

fn unquoted(text: &str) -> &str {
    ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(text)
}

/// Scheme in lower case and what follows `://`.
fn split_scheme(text: &str) -> Result<(String, &str), UrlError> {
    let Some((scheme, rest)) = text.split_once(':') else { return Err(UrlError::NoScheme) };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    if !is_scheme {
        return Err(UrlError::NoScheme);
    }
    let scheme = scheme.to_ascii_lowercase();
    let other = |database| Err(UrlError::OtherDatabase { scheme: scheme.clone(), database });
    match scheme.as_str() {
        "postgresql" | "postgres" => match rest.strip_prefix("//") {
            Some(rest) => Ok((scheme, rest)),
            None => Err(UrlError::NoScheme),
        },
        "prisma" | "prisma+postgres" => Err(UrlError::PrismaProxy { scheme }),
        "mysql" => other("MySQL"),
        "mariadb" => other("MariaDB"),
        "mongodb" | "mongodb+srv" => other("MongoDB"),
        "file" | "sqlite" | "libsql" => other("SQLite"),
        "sqlserver" | "mssql" => other("SQL Server"),
        "cockroachdb" | "cockroach" => other("CockroachDB"),
        _ if rest.starts_with("//") => Err(UrlError::UnknownScheme { scheme }),
        // `user:password@host` without a scheme.
        _ => Err(UrlError::NoScheme),
    }
}

fn address_parts(address: &str) -> Result<(Option<String>, Option<u16>), UrlError> {
    if address.contains(',') {
        return Err(UrlError::SeveralHosts);
    }
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(UrlError::Port),
            Ok(port) => Some(port),
        },
        None => None,
    };
    Ok((decoded(host, "host")?, port))
}

/// The text without its percent-encoding; nothing for the empty text.
fn decoded(text: &str, part: &'static str) -> Result<Option<String>, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
            _ => return Err(UrlError::Encoding { part }),
        }
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.is_empty() => Ok(None),
        // The protocol ends its strings with a NUL.
        Ok(text) if !text.contains('\0') => Ok(Some(text)),
        _ => Err(UrlError::Encoding { part }),
    }
}
