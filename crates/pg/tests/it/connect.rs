//! Every way a connection can fail, and that no message holds the password.

use pgsteward_pg::{ConnectError, LabSession, ReadSession, ServerUrl};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{PORT, Server};

const PASSWORD: &str = "s3cr3t-w0rd";

async fn failure(text: &str) -> ConnectError {
    let url = ServerUrl::parse(text).unwrap();
    let error = ReadSession::connect(&url).await.unwrap_err();
    let shown = format!("{error} {error:?} {} {url} {url:?}", error.hint());
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert!(!error.hint().is_empty());
    error
}

/// A server that answers every first message with `answer` and hangs up.
async fn fake_server(answer: Vec<u8>) -> u16 {
    fake_server_by(move |_| answer.clone()).await
}

/// The same, with an answer to what the message says.
async fn fake_server_by(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            if let Ok(length) = stream.read(&mut buffer).await {
                let _ = stream.write_all(&answer(&buffer[..length])).await;
            }
        }
    });
    port
}

/// An ErrorResponse message of the protocol.
fn refusal(sqlstate: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0");
    let mut bytes = vec![b'E'];
    bytes.extend(u32::try_from(fields.len() + 4).unwrap().to_be_bytes());
    bytes.extend(fields.bytes());
    bytes
}

#[tokio::test]
async fn a_place_without_a_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let place = format!("127.0.0.1:{port}");
    let error = failure(&format!("postgresql://u:{PASSWORD}@{place}/db")).await;
    assert_eq!(error, ConnectError::Refused { place });

    let error = failure(&format!("postgresql://u:{PASSWORD}@no-such-host.invalid/db")).await;
    assert_eq!(error, ConnectError::NameNotFound { host: "no-such-host.invalid".into() });

    let error = failure(&format!("postgresql://u:{PASSWORD}@localhost/db?host=/nonexistent")).await;
    assert_eq!(error, ConnectError::NoSocket { place: "/nonexistent/.s.PGSQL.5432".into() });
    let missing = std::path::Path::new("/nonexistent");
    let error = LabSession::connect_socket(missing, PORT, "u", "db").await.unwrap_err();
    assert_eq!(error, ConnectError::NoSocket { place: "/nonexistent/.s.PGSQL.5432".into() });
}

#[tokio::test]
async fn a_server_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let error = failure(&format!("postgresql://u:{PASSWORD}@{place}/db?connect_timeout=1")).await;
    assert_eq!(error, ConnectError::Timeout { place, seconds: 1 });
}

#[tokio::test]
async fn what_a_server_says_before_it_lets_anybody_in() {
    for (sqlstate, message) in
        [("57P03", "the database system is starting up"), ("53300", "sorry, too many clients already")]
    {
        let port = fake_server(refusal(sqlstate, message)).await;
        let place = format!("127.0.0.1:{port}");
        let error = failure(&format!("postgresql://u:{PASSWORD}@{place}/db?sslmode=disable")).await;
        let message = message.to_owned();
        let expected = match sqlstate {
            "57P03" => ConnectError::StartingUp { place, message },
            _ => ConnectError::TooManyConnections { place, message },
        };
        assert_eq!(error, expected);
    }
    let port = fake_server(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()).await;
    let error = failure(&format!("postgresql://u:{PASSWORD}@127.0.0.1:{port}/db?sslmode=disable")).await;
    assert!(matches!(error, ConnectError::Broken { .. }), "{error:?}");
    let port = fake_server(b"N".to_vec()).await;
    let error = failure(&format!("postgresql://u:{PASSWORD}@127.0.0.1:{port}/db?sslmode=require")).await;
    assert!(matches!(error, ConnectError::Tls { .. }), "{error:?}");
    assert!(error.hint().contains("turn on ssl"), "{}", error.hint());
    let error = failure("postgresql://u@127.0.0.1/db?sslmode=verify-full&sslrootcert=/nonexistent.crt").await;
    assert!(
        error.to_string().contains("cannot read the file \"/nonexistent.crt\" of sslrootcert"),
        "{error}"
    );
}

#[tokio::test]
async fn a_pooler_that_knows_no_options_is_asked_again_without() {
    let port = fake_server_by(|startup| {
        let asked = |words: &[u8]| startup.windows(words.len()).any(|window| window == words);
        match asked(b"default_transaction_read_only") {
            true => refusal("08P01", "unsupported startup parameter: options"),
            false => refusal("53300", "no more connections allowed"),
        }
    })
    .await;
    let error = failure(&format!("postgresql://u:{PASSWORD}@127.0.0.1:{port}/db?sslmode=disable")).await;
    assert!(matches!(error, ConnectError::TooManyConnections { .. }), "the second attempt's: {error:?}");
}

#[tokio::test]
async fn passwords_roles_and_databases() {
    let Some(server) = Server::start(&[]).await else { return };
    let admin = server.session("postgres", "postgres").await;
    admin
        .simple(&format!(
            "CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE groupie NOLOGIN; \
             CREATE ROLE single LOGIN CONNECTION LIMIT 0"
        ))
        .await
        .unwrap();
    let url = |user: &str, database: &str| {
        format!("postgresql://{user}@localhost:{PORT}/{database}?host={}", server.socket().display())
    };
    let place = format!("{}/.s.PGSQL.{PORT}", server.socket().display());
    let database = "nowhere".to_owned();
    let error = failure(&url("reader", "nowhere")).await;
    assert_eq!(error, ConnectError::UnknownDatabase { place: place.clone(), database });
    let error = failure(&url("groupie", "postgres")).await;
    assert!(
        matches!(&error, ConnectError::NotAllowed { message, .. } if message.contains("log in")),
        "{error:?}"
    );
    let error = failure(&url("nobody", "postgres")).await;
    assert!(matches!(&error, ConnectError::NotAllowed { message, .. } if message.contains("does not exist")));
    let error = failure(&url("single", "postgres")).await;
    assert!(matches!(error, ConnectError::TooManyConnections { .. }), "{error:?}");

    server.reload_hba(&admin, "local all postgres trust\nlocal all all scram-sha-256\n").await;
    admin
        .simple(&format!(
            "SET password_encryption = 'scram-sha-256'; ALTER ROLE reader PASSWORD '{PASSWORD}'"
        ))
        .await
        .unwrap();
    let error = failure(&url(&format!("reader:{PASSWORD}X"), "postgres")).await;
    let user = "reader".to_owned();
    assert_eq!(error, ConnectError::WrongPassword { place: place.clone(), user });
    let error = failure(&url("reader", "postgres")).await;
    assert_eq!(error, ConnectError::PasswordMissing { place });
    let right = ServerUrl::parse(&url(&format!("reader:{PASSWORD}"), "postgres")).unwrap();
    let session = ReadSession::connect(&right).await.unwrap();
    assert_eq!(session.cluster().await.unwrap().0.current_role.as_deref(), Some("reader"));

    server.reload_hba(&admin, "local all postgres trust\n").await;
    let error = failure(&url(&format!("reader:{PASSWORD}"), "postgres")).await;
    assert!(error.hint().contains("pg_hba.conf"), "{error:?}");
}

#[tokio::test]
async fn encryption_follows_sslmode() {
    let Some(certificates) = Certificates::make() else { return };
    let port = free_port().await;
    let settings = [
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={}", certificates.path("server.crt")),
        format!("ssl_key_file={}", certificates.path("server.key")),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let Some(server) = Server::start(&settings).await else { return };
    let authority = certificates.path("ca.crt");
    let url = |host: &str, parameters: &str| {
        format!("postgresql://postgres:{PASSWORD}@{host}:{port}/postgres?{parameters}")
    };
    let encrypted = async |text: &str| {
        let session = ReadSession::connect(&ServerUrl::parse(text).unwrap()).await.unwrap();
        session.cluster().await.unwrap().0.encrypted
    };
    for (parameters, expected) in [
        ("", true),
        ("sslmode=disable", false),
        ("sslmode=allow", false),
        ("sslmode=prefer", true),
        ("sslmode=require", true),
        ("sslmode=require&pgbouncer=true", true),
        (&format!("sslmode=verify-ca&sslrootcert={authority}"), true),
    ] {
        assert_eq!(encrypted(&url("127.0.0.1", parameters)).await, Some(expected), "{parameters}");
    }
    assert_eq!(
        encrypted(&url("localhost", &format!("sslmode=verify-full&sslrootcert={authority}"))).await,
        Some(true)
    );
    assert_eq!(
        encrypted(&url("localhost", &format!("sslmode=require&sslaccept=strict&sslcert={authority}"))).await,
        Some(true),
        "Prisma's words"
    );
    let error = failure(&url("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={authority}"))).await;
    assert!(
        matches!(&error, ConnectError::Tls { reason, .. } if reason.contains("not valid for name")),
        "{error:?}"
    );
    let error = failure(&url("localhost", "sslmode=verify-full")).await;
    assert!(matches!(&error, ConnectError::Tls { .. }), "an authority of nobody's: {error:?}");

    let admin = ReadSession::connect(&ServerUrl::parse(&url("127.0.0.1", "")).unwrap()).await.unwrap();
    admin.close().await;
    let admin = LabSession::connect_socket(server.socket(), port, "postgres", "postgres").await.unwrap();
    server.reload_hba(&admin, "local all all trust\nhostssl all all all trust\n").await;
    let error = failure(&url("127.0.0.1", "sslmode=disable")).await;
    assert_eq!(error.hint(), "add sslmode=require to the connection URL");
    assert_eq!(encrypted(&url("127.0.0.1", "sslmode=allow")).await, Some(true));
    server.reload_hba(&admin, "local all all trust\nhostnossl all all all trust\n").await;
    assert_eq!(encrypted(&url("127.0.0.1", "sslmode=prefer")).await, Some(false));
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// An authority and the certificate of a server named localhost, made by the openssl command.
struct Certificates(tempfile::TempDir);

impl Certificates {
    fn make() -> Option<Certificates> {
        let made = Certificates(tempfile::tempdir().unwrap());
        let directory = made.0.path();
        std::fs::write(directory.join("san"), "subjectAltName=DNS:localhost\n").unwrap();
        let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
            -subj '/CN=test authority' -keyout ca.key -out ca.crt && \
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
            -keyout server.key -out server.csr && \
            openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -set_serial 1 -days 30 -extfile san \
            -out server.crt";
        let output = std::process::Command::new("sh").args(["-c", script]).current_dir(directory).output();
        match output {
            Ok(output) if output.status.success() => {
                crate::support::give_to_server(directory);
                Some(made)
            }
            other => {
                eprintln!("not tested: the openssl command cannot make certificates here: {other:?}");
                None
            }
        }
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}
