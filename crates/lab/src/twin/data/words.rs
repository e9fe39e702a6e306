//! Text that looks like what a column's name promises. All of it is lower case and invented.

use super::template::Template;

/// What a text column holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    Email,
    Url,
    Slug,
    /// One of a few words: a status, a kind, a country.
    Few,
    /// A name or a title.
    Name,
    /// A sentence.
    Prose,
}

pub(super) struct Shaped {
    pub(super) value: Template,
    pub(super) count: u64,
    pub(super) usual: u64,
    /// No value has fewer characters.
    pub(super) shortest: usize,
}

pub(super) const SHORT: &[&str] = &["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven"];
const FIRST: &[&str] = &[
    "amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "indigo", "juniper", "kestrel",
    "lagoon", "meadow", "nectar", "orchid", "prairie", "quartz", "raven", "saffron", "timber", "umber",
    "velvet", "willow", "yarrow", "zephyr", "marble", "copper", "linen", "walnut",
];
const SECOND: &[&str] = &[
    "anchor", "basket", "candle", "drawer", "engine", "feather", "garden", "hammer", "island", "jacket",
    "kettle", "ladder", "mirror", "needle", "oven", "pillow", "quiver", "ribbon", "saddle", "table", "urn",
    "violin", "wagon", "yoke", "zipper", "beacon", "cradle", "dome", "easel", "flute", "goblet",
];

/// Many different values; the number of any table's rows is far below.
const MANY: u64 = 1 << 40;

/// An array of text as SQL.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    format!("ARRAY[{}]", quoted.join(","))
}

fn pick(words: &[&str], by: &str) -> String {
    format!("({})[1 + {by} % {}]", list(words), words.len())
}

/// Some words after one another, by the row number.
pub(super) fn sentence() -> String {
    let (first, second, third) = (pick(FIRST, "{i}"), pick(SECOND, "({i} / 29)"), pick(SECOND, "({i} / 7)"));
    format!("({first} || ' ' || {second} || ' ' || {third})")
}

fn parts(name: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut before = '_';
    for c in name.chars() {
        if !c.is_alphanumeric() {
            before = '_';
            continue;
        }
        if before == '_' || (c.is_uppercase() && !before.is_uppercase()) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.extend(c.to_lowercase());
        }
        before = c;
    }
    parts
}

/// `id`, `userId`, `external_id`: the name of a key.
pub(super) fn is_key(name: &str) -> bool {
    let last = parts(name).pop().unwrap_or_default();
    matches!(last.as_str(), "id" | "uuid" | "guid" | "ulid" | "cuid" | "uid" | "key")
}

/// Numbers that run higher than a count.
pub(super) fn is_amount(name: &str) -> bool {
    parts(name).iter().any(|part| {
        matches!(
            part.as_str(),
            "amount"
                | "cents"
                | "price"
                | "total"
                | "cost"
                | "balance"
                | "bytes"
                | "size"
                | "duration"
                | "ms"
        )
    })
}

/// Flags that few rows have.
pub(super) fn is_rare(name: &str) -> bool {
    parts(name).iter().any(|part| {
        matches!(
            part.as_str(),
            "deleted"
                | "archived"
                | "disabled"
                | "banned"
                | "blocked"
                | "failed"
                | "hidden"
                | "admin"
                | "revoked"
        )
    })
}

/// Times that most rows do not have.
pub(super) fn is_rare_time(name: &str) -> bool {
    parts(name).iter().any(|part| {
        matches!(
            part.as_str(),
            "deleted"
                | "archived"
                | "disabled"
                | "banned"
                | "blocked"
                | "failed"
                | "cancelled"
                | "canceled"
                | "revoked"
                | "locked"
        )
    })
}

/// Times that follow the order of the rows.
pub(super) fn is_creation(name: &str) -> bool {
    parts(name).iter().any(|part| {
        matches!(part.as_str(), "created" | "inserted" | "placed" | "registered" | "started" | "timestamp")
    })
}

pub(super) fn kind(name: &str) -> Kind {
    let parts = parts(name);
    let has = |words: &[&str]| parts.iter().any(|part| words.contains(&part.as_str()));
    if has(&["email", "mail"]) {
        Kind::Email
    } else if has(&["url", "uri", "link", "href", "image", "avatar", "website"]) {
        Kind::Url
    } else if has(&["slug", "handle", "username", "path", "domain", "hostname"]) {
        Kind::Slug
    } else if has(&["token", "hash", "secret", "password", "reference", "checksum"]) || is_key(name) {
        Kind::Key
    } else if has(&["description", "body", "content", "message", "note", "comment", "text", "summary", "bio"])
    {
        Kind::Prose
    } else if has(&[
        "status",
        "state",
        "type",
        "kind",
        "role",
        "currency",
        "country",
        "locale",
        "language",
        "channel",
        "provider",
        "source",
        "environment",
        "method",
        "plan",
        "tier",
        "level",
        "gender",
        "unit",
        "scope",
        "action",
        "event",
        "category",
        "region",
        "timezone",
        "version",
        "carrier",
        "city",
    ]) {
        Kind::Few
    } else {
        Kind::Name
    }
}

/// The values of a text column of at most `width` characters; none where there is no room.
pub(super) fn series(kind: Kind, width: Option<usize>, salt: u64) -> Option<Shaped> {
    let room = width.unwrap_or(usize::MAX);
    let digest = format!("pg_catalog.md5('{salt}.' || {{i}})");
    let all = |text: &str, shortest: usize| {
        Some(Shaped { value: Template::new(text), count: MANY, usual: MANY, shortest })
    };
    // The row number alone makes a value unique: ten hexadecimal digits are more than enough.
    let name = format!(
        "({} || ' ' || {} || ' ' || pg_catalog.substr({digest}, 1, 6) || pg_catalog.to_hex({{i}}))",
        pick(FIRST, "{i}"),
        pick(SECOND, "({i} / 29)")
    );
    match kind {
        _ if room == 0 => None,
        _ if room < 12 => Some(tight(room)),
        Kind::Few => Some(Shaped {
            value: Template::new(&format!(
                "(CASE WHEN {{i}} <= 8 THEN {} ELSE 'w' || pg_catalog.to_hex({{i}}) END)",
                pick(SHORT, "{i}")
            )),
            count: MANY,
            usual: 8,
            shortest: 2,
        }),
        Kind::Email if room >= 40 => all(
            &format!("({} || '.' || pg_catalog.to_hex({{i}}) || '@example.org')", pick(FIRST, "({i} / 3)")),
            17,
        ),
        Kind::Url if room >= 60 => all(
            &format!(
                "('https://example.org/' || {} || '/' || pg_catalog.to_hex({{i}}))",
                pick(SECOND, "{i}")
            ),
            26,
        ),
        Kind::Slug if room >= 40 => {
            all(&format!("({} || '-' || pg_catalog.to_hex({{i}}))", pick(FIRST, "({i} / 5)")), 7)
        }
        Kind::Key if room >= 25 => all(&format!("('c' || pg_catalog.substr({digest}, 1, 24))"), 25),
        Kind::Prose if room >= 120 => all(
            &format!(
                "({name} || ' ' || {} || ' ' || {} || ' ' || {digest})",
                pick(SECOND, "({i} / 11)"),
                pick(FIRST, "({i} / 17)")
            ),
            50,
        ),
        _ if room >= 40 => all(&name, 18),
        _ => all("('k' || pg_catalog.lpad(pg_catalog.to_hex({i}), 10, '0'))", 11),
    }
}

/// Letters up to three characters (codes of countries and currencies), hexadecimal digits above.
fn tight(room: usize) -> Shaped {
    if room > 3 {
        let count = 16_u64.pow(u32::try_from(room).unwrap_or(11).min(10));
        let text = format!("pg_catalog.lpad(pg_catalog.to_hex({{i}} % {count}), {room}, '0')");
        return Shaped { value: Template::new(&text), count, usual: count, shortest: room };
    }
    let letter = |power: u32| format!("pg_catalog.chr((97 + ({{i}} / {}) % 26)::integer)", 26_u64.pow(power));
    let letters: Vec<String> = (0..u32::try_from(room).unwrap_or(1)).map(letter).collect();
    let count = 26_u64.pow(u32::try_from(room).unwrap_or(1));
    Shaped { value: Template::new(&format!("({})", letters.join(" || "))), count, usual: 8, shortest: room }
}

#[cfg(test)]
mod tests {
    use super::{Kind, is_creation, is_key, kind};

    #[test]
    fn names_say_what_a_column_holds() {
        assert_eq!(kind("contactEmail"), Kind::Email);
        assert_eq!(kind("status"), Kind::Few);
        assert_eq!(kind("api_key"), Kind::Key);
        assert_eq!(kind("trackingNumber"), Kind::Name);
        assert_eq!(kind("imageURL"), Kind::Url);
        assert!(is_key("userId") && is_key("id") && !is_key("paid"));
        assert!(is_creation("placedAt") && !is_creation("expiresAt"));
    }
}
