//! A throw-away cluster for the tests of this crate. (The lab does this for the product, and depends on
//! this crate.)

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pgsteward_pg::LabSession;

pub(crate) const PORT: u16 = 5432;

pub(crate) struct Server {
    process: Child,
    directory: tempfile::TempDir,
}

impl Server {
    /// Starts a cluster with these lines in `postgresql.conf`. None, and the reason on stderr, where no
    /// server is installed.
    pub(crate) async fn start(settings: &[&str]) -> Option<Server> {
        let Some(binaries) = find_binaries() else {
            eprintln!("not tested: no initdb and postgres in PGSTEWARD_PG_BIN, /usr/lib/postgresql or PATH");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let owner = unprivileged_user();
        let data = directory.path().join("data");
        match prepared_directory(&binaries) {
            Some(prepared) if prepared.is_dir() => copy(&prepared, &data),
            prepared => {
                initialize(&binaries, directory.path(), &data, owner);
                if let Some(prepared) = prepared {
                    let unfinished = prepared.with_extension(directory.path().file_name().unwrap());
                    copy(&data, &unfinished);
                    // Where another test was faster this one's copy is not needed.
                    if std::fs::rename(&unfinished, &prepared).is_err() {
                        std::fs::remove_dir_all(&unfinished).unwrap();
                    }
                }
            }
        }
        give_to_server(directory.path());
        let mut postgres = Command::new(binaries.join("postgres"));
        postgres.arg("-D").arg(&data).arg("-k").arg(directory.path()).args(["-c", "fsync=off"]);
        let listens = settings.iter().any(|setting| setting.starts_with("listen_addresses="));
        for setting in settings.iter().copied().chain((!listens).then_some("listen_addresses=")) {
            postgres.args(["-c", setting]);
        }
        if !settings.iter().any(|setting| setting.starts_with("port=")) {
            postgres.args(["-c", &format!("port={PORT}")]);
        }
        let log = std::fs::File::create(directory.path().join("log")).unwrap();
        let process = as_user(postgres.stdout(Stdio::null()).stderr(log), owner).spawn().unwrap();
        let mut server = Server { process, directory };
        server.wait_until_ready().await;
        Some(server)
    }

    async fn wait_until_ready(&mut self) {
        for _ in 0..1000 {
            let status = self.process.try_wait().unwrap();
            assert!(status.is_none(), "the server ended: {}", self.log());
            // The last line of the file says "ready" once the server takes connections.
            let pid_file = std::fs::read_to_string(self.directory.path().join("data/postmaster.pid"));
            if pid_file.is_ok_and(|text| text.trim_end().ends_with("ready")) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the server did not start: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Directory of the socket.
    pub(crate) fn socket(&self) -> &Path {
        self.directory.path()
    }

    /// Replaces `pg_hba.conf` and waits until the server goes by it.
    pub(crate) async fn reload_hba(&self, admin: &LabSession, text: &str) {
        let loaded = async || admin.rows("SELECT pg_conf_load_time()").await.unwrap();
        let before = loaded().await;
        std::fs::write(self.directory.path().join("data/pg_hba.conf"), text).unwrap();
        admin.rows("SELECT pg_reload_conf()").await.unwrap();
        // A server process hears of it while the postmaster, which reads the file, lets nobody in.
        while loaded().await == before {}
    }

    pub(crate) async fn session(&self, user: &str, database: &str) -> LabSession {
        LabSession::connect_socket(self.socket(), PORT, user, database).await.unwrap()
    }

    /// The URL of a role and database, through the socket.
    pub(crate) fn url(&self, user: &str, database: &str) -> pgsteward_pg::ServerUrl {
        pgsteward_pg::ServerUrl::parse(&self.url_text(user, database)).unwrap()
    }

    pub(crate) fn url_text(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@localhost:{PORT}/{database}?host={}", self.socket().display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An immediate shutdown: after SIGKILL the segments of shared memory in /dev/shm would stay for good.
        let asked = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

fn as_user(command: &mut Command, owner: Option<(u32, u32)>) -> &mut Command {
    match owner {
        Some((user, group)) => command.uid(user).gid(group).current_dir("/"),
        None => command,
    }
}

fn initialize(binaries: &Path, directory: &Path, data: &Path, owner: Option<(u32, u32)>) {
    give_to_server(directory);
    let mut initdb = Command::new(binaries.join("initdb"));
    initdb.args([
        "--no-sync",
        "--wal-segsize=1",
        "--username=postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "-D",
    ]);
    let output = as_user(initdb.arg(data), owner).output().unwrap();
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
}

/// Where the build keeps an initialised data directory of this version: copying it is ten times as fast as
/// `initdb`. Unit tests have no such folder.
fn prepared_directory(binaries: &Path) -> Option<PathBuf> {
    let output = Command::new(binaries.join("postgres")).arg("--version").output().unwrap();
    let version = String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .replace(|letter: char| !letter.is_alphanumeric(), "_");
    Some(Path::new(option_env!("CARGO_TARGET_TMPDIR")?).join(format!("data_{version}")))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Makes files, and all below a folder, readable for the server's user and for nobody else.
pub(crate) fn give_to_server(path: &Path) {
    let directory = path.is_dir();
    if directory {
        for entry in std::fs::read_dir(path).unwrap() {
            give_to_server(&entry.unwrap().path());
        }
    }
    let mode = if directory { 0o700 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    if let Some((user, group)) = unprivileged_user() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// PostgreSQL refuses to run as root, and `initdb` wants a user with a passwd entry.
fn unprivileged_user() -> Option<(u32, u32)> {
    let root = std::fs::metadata("/proc/self").is_ok_and(|this| {
        use std::os::unix::fs::MetadataExt;
        this.uid() == 0
    });
    if !root {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
        Some((numbers.next()?, numbers.next()?))
    };
    let user = find("postgres").or_else(|| find("nobody"));
    assert!(user.is_some(), "PostgreSQL refuses to run as root, and no other user is here");
    user
}

fn find_binaries() -> Option<PathBuf> {
    let named = std::env::var_os("PGSTEWARD_PG_BIN").map(PathBuf::from);
    let mut installed: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    installed.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    named
        .into_iter()
        .chain(installed)
        .chain(on_path)
        .find(|directory| ["initdb", "postgres"].iter().all(|name| directory.join(name).is_file()))
}
