//! The npm client's configuration, as far as it names where packages come from. Packages are pinned by
//! checksum, so a configuration can choose a mirror but not what is run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// npm's public default registry, the only host that this product knows by itself.
const PUBLIC_REGISTRY: &str = "https://registry.npmjs.org";
const SCOPE_REGISTRY: &str = "@embedded-postgres:registry";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NpmConfig {
    /// Without a slash at its end.
    pub(super) registry: String,
    pub(super) cafile: Option<PathBuf>,
    pub(super) proxy: Option<String>,
    /// A login for the registry's host. Taken from the user's own file only, never from a repository.
    pub(super) token: Option<String>,
}

impl NpmConfig {
    /// The environment, then the user's `.npmrc`.
    pub(super) fn load() -> NpmConfig {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let user = variables
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("npm_config_userconfig"))
            .map(|(_, path)| PathBuf::from(path))
            .or_else(|| variables.get("HOME").map(|home| Path::new(home).join(".npmrc")));
        let text = user.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        NpmConfig::read(&variables, &text)
    }

    fn read(variables: &BTreeMap<String, String>, user: &str) -> NpmConfig {
        let file = parse(user, variables);
        let environment = |key: &str| {
            let wanted = format!("npm_config_{}", key.replace('-', "_"));
            let found = variables.iter().find(|(name, _)| name.eq_ignore_ascii_case(&wanted));
            found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
        };
        let get = |key: &str| environment(key).or_else(|| file.get(key).cloned());
        let registry = file.get(SCOPE_REGISTRY).cloned().or_else(|| get("registry"));
        let registry =
            registry.unwrap_or_else(|| PUBLIC_REGISTRY.to_owned()).trim_end_matches('/').to_owned();
        let nerf = registry.split_once(':').map_or("", |(_, rest)| rest);
        let token = file
            .iter()
            .find(|(key, _)| {
                key.strip_suffix(":_authToken").is_some_and(|host| host.trim_end_matches('/') == nerf)
            })
            .map(|(_, token)| token.clone());
        NpmConfig {
            registry,
            cafile: get("cafile").map(PathBuf::from),
            proxy: get("https-proxy").or_else(|| get("proxy")).filter(|value| value != "null"),
            token,
        }
    }
}

/// The `key = value` lines of an `.npmrc`, quotes removed and `${NAME}` replaced as npm does.
fn parse(text: &str, variables: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| {
            let value = value.trim();
            let bare = ['"', '\'']
                .into_iter()
                .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
                .unwrap_or(value);
            (key.trim().to_owned(), expand(bare, variables))
        })
        .filter(|(_, value)| !value.is_empty())
        .collect()
}

fn expand(value: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        match variables.get(name) {
            Some(text) => out.push_str(text),
            None => out.push_str(&format!("${{{name}}}")),
        }
        rest = tail;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn nothing_configured_means_the_public_registry() {
        assert_eq!(NpmConfig::read(&variables(&[]), "").registry, PUBLIC_REGISTRY);
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_scope_over_both() {
        let file = "# mine\nregistry = https://one.example/npm/\ncafile=\"/etc/one.pem\"\nhttps-proxy=null\n";
        let config = NpmConfig::read(&variables(&[]), file);
        assert_eq!(config.registry, "https://one.example/npm");
        assert_eq!(config.cafile.as_deref(), Some(Path::new("/etc/one.pem")));
        assert_eq!(config.proxy, None);
        let named = variables(&[("NPM_CONFIG_REGISTRY", "https://two.example")]);
        assert_eq!(NpmConfig::read(&named, file).registry, "https://two.example");
        let scoped = format!("{file}@embedded-postgres:registry=https://three.example\n");
        assert_eq!(NpmConfig::read(&named, &scoped).registry, "https://three.example");
    }

    #[test]
    fn a_token_belongs_to_its_host_alone() {
        let named = variables(&[("TOKEN", "s3cret")]);
        let file = "registry=https://one.example/npm/\n//one.example/npm/:_authToken=${TOKEN}\n";
        assert_eq!(NpmConfig::read(&named, file).token.as_deref(), Some("s3cret"));
        let elsewhere = file.replace("registry=https://one", "registry=https://two");
        assert_eq!(NpmConfig::read(&named, &elsewhere).token, None);
    }
}
