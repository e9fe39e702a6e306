//! From a URL to a connection, and from every way that can fail to a sentence with a next step.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use pgsteward_model::migration::ServerError;
use pgsteward_model::version::ServerVersion;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls};

use crate::error::{server_error, with_sources};
use crate::fingerprint;
use crate::session::Heard;
use crate::tls;
use crate::url::{ServerUrl, SslMode};

/// Set from the first moment of a direct connection: whatever a later line of ours forgot, the server
/// itself refuses to write. Time limits and the search path are set by each transaction instead, because
/// set here they would hide the server's own settings from whoever reads those.
const SESSION_OPTIONS: &str = "-c default_transaction_read_only=on";

/// What a connection is for, which its options and its name on the server follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The server refuses to write from the first moment on.
    Read,
    /// Nothing is set but the name that `pg_stat_activity` shows.
    Write { application_name: &'static str },
}

/// A connection, the task that drives it, and what the server says beside its answers.
pub(crate) struct Line {
    pub(crate) client: Client,
    pub(crate) connection: JoinHandle<()>,
    pub(crate) heard: Heard,
}

const OLDEST: ServerVersion = ServerVersion(120_000);

/// Why there is no connection. Messages name the server, the user and the database, never a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    #[error("no server answers at {place}: the connection was refused")]
    Refused { place: String },
    #[error("no server socket at {place}")]
    NoSocket { place: String },
    #[error("no server answered at {place} within {seconds} s")]
    Timeout { place: String, seconds: u64 },
    #[error("the host name \"{host}\" is not known")]
    NameNotFound { host: String },
    /// SQLSTATE 28P01.
    #[error("the server at {place} does not accept the password of the user \"{user}\"")]
    WrongPassword { place: String, user: String },
    #[error("the server at {place} wants a password, and the connection URL has none")]
    PasswordMissing { place: String },
    /// SQLSTATE 28000: no line of `pg_hba.conf` fits, or the role may not log in or does not exist.
    #[error("the server at {place} does not let the user in: {message}")]
    NotAllowed { place: String, message: String },
    /// SQLSTATE 3D000.
    #[error("the server at {place} has no database \"{database}\"")]
    UnknownDatabase { place: String, database: String },
    /// SQLSTATE 53300.
    #[error("the server at {place} has no free connection: {message}")]
    TooManyConnections { place: String, message: String },
    /// SQLSTATE 57P03.
    #[error("the server at {place} does not accept connections yet: {message}")]
    StartingUp { place: String, message: String },
    #[error("no encrypted connection to {place}: {reason}")]
    Tls { place: String, reason: String },
    #[error("the server at {place} is PostgreSQL {version}, and the oldest supported version is 12")]
    TooOld { place: String, version: ServerVersion },
    #[error("the server at {place} is no PostgreSQL but {product}")]
    NotPostgres { place: String, product: String },
    /// Any other refusal of the server.
    #[error("the server at {place} refuses the connection: {} (SQLSTATE {})", error.message, error.sqlstate)]
    Server { place: String, error: ServerError },
    /// The connection broke before the server said anything.
    #[error("the connection to {place} failed: {reason}")]
    Broken { place: String, reason: String },
}

impl ConnectError {
    /// The next step.
    pub fn hint(&self) -> String {
        match self {
            ConnectError::Refused { .. } => {
                "start the server, or correct host and port in the connection URL".into()
            }
            ConnectError::NoSocket { .. } => {
                "start the server, or give host=/directory of its socket (unix_socket_directories)".into()
            }
            ConnectError::Timeout { .. } => {
                "see whether a firewall or an allowlist of addresses stands between, or raise connect_timeout in the \
                 connection URL"
                    .into()
            }
            ConnectError::NameNotFound { .. } => "correct the host in the connection URL".into(),
            ConnectError::WrongPassword { .. } => {
                "correct user and password in the connection URL, with special characters percent-encoded".into()
            }
            ConnectError::PasswordMissing { .. } => {
                "write the password into the URL, best in an environment variable: --url env".into()
            }
            // "SSL off" up to 13. Sockets ("[local]") are never encrypted, and the message says so as well.
            ConnectError::NotAllowed { message, .. }
                if (message.contains("no encryption") || message.contains("SSL off"))
                    && !message.contains("\"[local]\"") =>
            {
                "add sslmode=require to the connection URL".into()
            }
            ConnectError::NotAllowed { message, .. } if message.contains("pg_hba.conf") => {
                "let this address in with a line in the server's pg_hba.conf, or connect from a host that it names"
                    .into()
            }
            ConnectError::NotAllowed { .. } => "name a role that exists and has the LOGIN attribute".into(),
            ConnectError::UnknownDatabase { .. } => "correct the database in the connection URL".into(),
            ConnectError::TooManyConnections { .. } => {
                "close idle connections, raise max_connections or the role's CONNECTION LIMIT, or connect through a \
                 pooler"
                    .into()
            }
            ConnectError::StartingUp { .. } => "wait until the server has started or recovered, and try again".into(),
            ConnectError::Tls { reason, .. } if reason.contains("does not support TLS") => {
                "turn on ssl in the server's configuration, or set sslmode=disable for a network you trust".into()
            }
            ConnectError::Tls { .. } => {
                "give the server's authority with sslrootcert=FILE, or set sslmode=require to encrypt without \
                 checking who answers"
                    .into()
            }
            ConnectError::TooOld { .. } => "upgrade the server to a supported version".into(),
            ConnectError::NotPostgres { .. } => "give the URL of a PostgreSQL server".into(),
            ConnectError::Server { error, .. } => {
                error.hint.clone().unwrap_or_else(|| "see the server's log for the reason".into())
            }
            ConnectError::Broken { .. } => {
                "see whether a PostgreSQL server listens at that place, and read its log".into()
            }
        }
    }
}

/// Connects and asks for the version, all within the URL's time limit.
pub(crate) async fn open(
    url: &ServerUrl,
    access: Access,
) -> Result<(Line, ServerVersion, i32), ConnectError> {
    let connected = async {
        let line = attempts(url, access).await?;
        fingerprint::opened(url);
        let (version, backend_pid) = identify(&line.client, &url.place()).await?;
        Ok((line, version, backend_pid))
    };
    let seconds = url.connect_timeout();
    if seconds == 0 {
        return connected.await;
    }
    match tokio::time::timeout(Duration::from_secs(seconds), connected).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ConnectError::Timeout { place: url.place(), seconds }),
    }
}

/// `prefer` and `allow` are two attempts each, as in libpq.
async fn attempts(url: &ServerUrl, access: Access) -> Result<Line, ConnectError> {
    if !url.is_socket() && tokio::net::lookup_host((url.host(), url.port())).await.is_err() {
        return Err(ConnectError::NameNotFound { host: url.host().to_owned() });
    }
    match url.ssl_mode() {
        _ if url.is_socket() => plain(url, access).await,
        SslMode::Disable => plain(url, access).await,
        SslMode::Allow => match plain(url, access).await {
            Err(ConnectError::NotAllowed { .. }) => encrypted(url, access, true).await,
            other => other,
        },
        SslMode::Prefer => match encrypted(url, access, false).await {
            Err(refused @ (ConnectError::Tls { .. } | ConnectError::NotAllowed { .. })) => {
                plain(url, access).await.map_err(|_| refused)
            }
            other => other,
        },
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => encrypted(url, access, true).await,
    }
}

async fn plain(url: &ServerUrl, access: Access) -> Result<Line, ConnectError> {
    let failed = |error: Error| classify(&error, &url.place(), Some(url));
    let mut config = config(url, access);
    config.ssl_mode(tokio_postgres::config::SslMode::Disable);
    match config.connect(NoTls).await {
        Err(error) if is_pooler_complaint(&error) => {
            let config = without_options(url, config);
            config.connect(NoTls).await.map(driven).map_err(failed)
        }
        other => other.map(driven).map_err(failed),
    }
}

async fn encrypted(url: &ServerUrl, access: Access, required: bool) -> Result<Line, ConnectError> {
    let failed = |error: Error| classify(&error, &url.place(), Some(url));
    let connector = tls::connector(url).map_err(|reason| ConnectError::Tls { place: url.place(), reason })?;
    let mut config = config(url, access);
    config.ssl_mode(match required {
        true => tokio_postgres::config::SslMode::Require,
        false => tokio_postgres::config::SslMode::Prefer,
    });
    match config.connect(connector.clone()).await {
        Err(error) if is_pooler_complaint(&error) => {
            let config = without_options(url, config);
            config.connect(connector).await.map(driven).map_err(failed)
        }
        other => other.map(driven).map_err(failed),
    }
}

fn config(url: &ServerUrl, access: Access) -> Config {
    let mut config = Config::new();
    let (application_name, own_options) = match access {
        Access::Read => ("pgsteward", SESSION_OPTIONS),
        Access::Write { application_name } => (application_name, ""),
    };
    config.port(url.port()).application_name(application_name);
    match url.is_socket() {
        true => config.host_path(url.host()),
        false => config.host(url.host()),
    };
    if let Some(user) = url.user() {
        config.user(user);
    }
    if let Some(password) = url.password() {
        config.password(password.expose());
    }
    if let Some(database) = url.database() {
        config.dbname(database);
    }
    let of_user = url.parameter("options").unwrap_or("");
    match url.is_pooled() {
        // What the user wrote may be what routes the connection; ours a pooler would refuse.
        true if !of_user.is_empty() => config.options(of_user),
        true => &mut config,
        // Ours come last, so they win.
        false => config.options(format!("{of_user} {own_options}").trim()),
    };
    config
}

/// The same connection without the options that a pooler does not know.
fn without_options(url: &ServerUrl, mut config: Config) -> Config {
    config.options(url.parameter("options").unwrap_or(""));
    config
}

/// PgBouncer, Neon's pooler and others refuse startup parameters that they cannot keep per client (08P01):
/// "unsupported startup parameter: options", "unsupported startup parameter in options: …".
fn is_pooler_complaint(error: &Error) -> bool {
    error.as_db_error().is_some_and(|sent| sent.message().contains("startup parameter"))
}

fn driven<S, T>((client, mut connection): (Client, Connection<S, T>)) -> Line
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let heard = Heard::default();
    let all = heard.clone();
    let task = tokio::spawn(async move {
        // The end of a connection shows in the error of whatever was asked last.
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notice(said) = message {
                all.push(&said);
            }
        }
    });
    Line { client, connection: task, heard }
}

/// Version and process id of the server; refuses what is too old or no PostgreSQL.
pub(crate) async fn identify(client: &Client, place: &str) -> Result<(ServerVersion, i32), ConnectError> {
    let sql = "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4, \
               pg_catalog.pg_backend_pid(), pg_catalog.version()";
    let read = async {
        let row = client.query_typed_one(sql, &[]).await?;
        let number: i32 = row.try_get(0)?;
        Ok((ServerVersion(number.unsigned_abs()), row.try_get(1)?, row.try_get(2)?))
    };
    let (version, pid, name): (ServerVersion, i32, String) =
        read.await.map_err(|error: Error| classify(&error, place, None))?;
    if let Some(product) = ["CockroachDB", "Materialize"].into_iter().find(|product| name.contains(product)) {
        return Err(ConnectError::NotPostgres { place: place.into(), product: product.into() });
    }
    if version < OLDEST {
        return Err(ConnectError::TooOld { place: place.into(), version });
    }
    Ok((version, pid))
}

/// The error that a failed connection attempt stands for.
pub(crate) fn classify(error: &Error, place: &str, url: Option<&ServerUrl>) -> ConnectError {
    let place = place.to_owned();
    if error.as_db_error().is_some() {
        let user = url.and_then(ServerUrl::user).unwrap_or_default().to_owned();
        let database = url.and_then(ServerUrl::database).unwrap_or(&user).to_owned();
        let error = server_error(error);
        let message = error.message.clone();
        return match error.sqlstate.as_str() {
            "28P01" => ConnectError::WrongPassword { place, user },
            "28000" => ConnectError::NotAllowed { place, message },
            "3D000" => ConnectError::UnknownDatabase { place, database },
            "53300" => ConnectError::TooManyConnections { place, message },
            "57P03" => ConnectError::StartingUp { place, message },
            _ => ConnectError::Server { place, error },
        };
    }
    let reason = with_sources(error);
    if reason.contains("password missing") {
        return ConnectError::PasswordMissing { place };
    }
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if cause.is::<rustls::Error>() {
            return ConnectError::Tls { place, reason: cause.to_string() };
        }
        if let Some(cause) = cause.downcast_ref::<io::Error>() {
            if let Some(inner) = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return ConnectError::Tls { place, reason: inner.to_string() };
            }
            match cause.kind() {
                io::ErrorKind::ConnectionRefused => return ConnectError::Refused { place },
                io::ErrorKind::NotFound => return ConnectError::NoSocket { place },
                io::ErrorKind::TimedOut => {
                    let seconds = url.map(ServerUrl::connect_timeout).unwrap_or_default();
                    return ConnectError::Timeout { place, seconds };
                }
                _ => {}
            }
        }
        source = cause.source();
    }
    if reason.contains("TLS") {
        return ConnectError::Tls { place, reason };
    }
    ConnectError::Broken { place, reason }
}
