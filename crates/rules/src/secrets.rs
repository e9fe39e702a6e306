//! Names of columns that hold secrets: passwords, keys, tokens. Goes by names alone, because no rule reads rows.

use crate::shared::words;

/// Words that say that the value is protected.
const PROTECTED: &[&str] = &[
    "hash",
    "hashed",
    "digest",
    "encrypted",
    "encryption",
    "enc",
    "cipher",
    "ciphertext",
    "bcrypt",
    "argon",
    "argon2",
    "scrypt",
];

/// Words that say that the value is no secret but something about one, or not all of it.
const HARMLESS: &[&str] = &[
    "obfuscated",
    "redacted",
    "pk",
    "salt",
    "masked",
    "preview",
    "hint",
    "display",
    "prefix",
    "suffix",
    "last",
    "last4",
    "id",
    "ids",
    "name",
    "type",
    "url",
    "uri",
    "path",
    "reference",
    "ref",
    "arn",
    "version",
    "count",
    "length",
    "policy",
    "algorithm",
    "status",
    "state",
    "scope",
    "public",
    "question",
    "label",
    "description",
    "expires",
    "expiry",
    "usage",
    "limit",
    "provider",
    "fingerprint",
    "kind",
    "method",
    "format",
    "index",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Secret {
    /// Opens something once: an invitation, a reset.
    Token,
    /// Opens something for long: an access or refresh token, an API key, a client's secret, a private key.
    Credential,
    Password,
}

/// The secret that a column holds as it is, by its name.
pub(crate) fn in_plain_text(column: &str) -> Option<Secret> {
    let words = words(column);
    if words.iter().any(|word| PROTECTED.contains(&word.as_str())) { None } else { of_words(&words) }
}

/// The secret that a column holds, as it is or hashed or encrypted.
pub(crate) fn in_any_form(column: &str) -> Option<Secret> {
    let words = words(column);
    let bare: Vec<String> = words.into_iter().filter(|word| !PROTECTED.contains(&word.as_str())).collect();
    of_words(&bare)
}

fn of_words(words: &[String]) -> Option<Secret> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.iter().any(|word| HARMLESS.contains(word)) {
        return None;
    }
    let pair = |first: &str, second: &str| words.windows(2).any(|pair| pair == [first, second]);
    match words.last().copied()? {
        "password" | "passwd" | "pwd" | "passphrase" => Some(Secret::Password),
        "secret" | "apikey" => Some(Secret::Credential),
        "key" if ["api", "secret", "private", "access"].iter().any(|kind| pair(kind, "key")) => {
            Some(Secret::Credential)
        }
        "token"
            if ["access", "refresh", "bearer", "auth", "api", "oauth"]
                .iter()
                .any(|kind| pair(kind, "token")) =>
        {
            Some(Secret::Credential)
        }
        "token" => Some(Secret::Token),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_a_secret_but_no_plain_text() {
        assert_eq!(in_plain_text("passwordHash"), None);
        assert_eq!(in_any_form("passwordHash"), Some(Secret::Password));
        assert_eq!(in_any_form("hashed_api_key"), Some(Secret::Credential));
        assert_eq!(in_plain_text("apiKey"), Some(Secret::Credential));
        assert_eq!(in_any_form("passwordChangedAt"), None);
        assert_eq!(in_any_form("tokenType"), None);
        assert_eq!(in_any_form("contentHash"), None);
    }
}
