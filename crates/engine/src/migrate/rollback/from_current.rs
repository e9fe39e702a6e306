//! Functions with settings of whoever makes them (`SET search_path FROM CURRENT`, and the time zone and styles of what keeps two
//! columns equal). The server keeps the value and not that it was the current one, so what a lab prints of such a function is
//! the lab's own value.
//!
//! Source: PostgreSQL documentation, "CREATE FUNCTION" and "Client Connection Defaults".

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Function};
use pgsteward_sql::ddl;

/// Settings, and how a function of a lab prints that it has the lab's own value.
const SETTINGS: [(&str, &str); 4] = [
    ("search_path", " SET search_path TO '$user', 'public'"),
    ("TimeZone", " SET \"TimeZone\" TO 'UTC'"),
    ("DateStyle", " SET \"DateStyle\" TO 'ISO, MDY'"),
    ("IntervalStyle", " SET \"IntervalStyle\" TO 'postgres'"),
];

/// Says `FROM CURRENT` again in the statements that bring such functions back. `words` are the statements of the history before,
/// the last one first.
pub(super) fn left_to_the_connection<'a, W: Iterator<Item = &'a str>>(
    statements: &mut [String],
    before: &Catalog,
    words: impl Fn() -> W,
) {
    let names: BTreeSet<String> = SETTINGS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for sql in statements.iter_mut() {
        // A body comes behind the settings.
        let head = sql.find("\nAS ").unwrap_or(sql.len());
        let printed: Vec<_> =
            SETTINGS.iter().filter(|(_, printed)| sql.find(printed).is_some_and(|at| at < head)).collect();
        if printed.is_empty() {
            continue;
        }
        let is_of = |one: &&Function| {
            let own = one.definition.as_deref().is_some_and(|definition| definition.trim_end() == *sql);
            own || ddl::settings_of(one, &names).contains(sql)
        };
        let Some(function) = before.functions.values().find(is_of) else { continue };
        for (setting, printed) in printed {
            if is_current(&function.id.name.name, setting, words()) {
                *sql = sql.replacen(printed, &format!(" SET {setting} FROM CURRENT"), 1);
            }
        }
    }
}

/// Whether the last statement that sets this of functions of this name sets it to the current one.
fn is_current<'a>(name: &str, setting: &str, mut words: impl Iterator<Item = &'a str>) -> bool {
    let (name, setting) = (name.to_ascii_lowercase(), setting.to_ascii_lowercase());
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let last = words.find_map(|text| {
        let text = text.to_ascii_lowercase();
        // In a DO block too, so it is looked for in the text.
        let named = |(at, _): (usize, &str)| {
            let (before, behind) = (text.get(..at), text.get(at + name.len()..));
            // Behind its word: a body that calls the function says nothing of its settings.
            before.is_some_and(|text| {
                ["function", "procedure", "routine"].iter().any(|word| ends_with(text, word))
            }) && !behind.is_some_and(|text| text.starts_with(is_part))
        };
        let here = text.contains(&setting) && text.match_indices(&name).any(named);
        here.then(|| text.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    last.is_some_and(|text| {
        [format!("set {setting} from current"), format!("set \"{setting}\" from current")]
            .iter()
            .any(|words| text.contains(words))
    })
}

/// Whether a text ends with the word, and perhaps a namespace and the quotes of a name behind it.
fn ends_with(text: &str, word: &str) -> bool {
    let text = text.strip_suffix('"').unwrap_or(text);
    let text = match text.strip_suffix('.') {
        Some(named) => named.rsplit_once(char::is_whitespace).map_or("", |(before, _)| before),
        None => text,
    };
    let before = text.trim_end().strip_suffix(word);
    before.is_some_and(|before| !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_'))
}

#[cfg(test)]
mod tests {
    use pgsteward_model::catalog::{FunctionId, FunctionKind, QName, Volatility};
    use pgsteward_model::version::ServerVersion;

    use super::*;

    fn with_function(name: &str, definition: &str) -> Catalog {
        let mut catalog = Catalog::empty(ServerVersion::of_major(17));
        let id = FunctionId { name: QName::public(name), arguments: String::new() };
        let function = Function {
            id: id.clone(),
            kind: FunctionKind::Function,
            returns: "text".into(),
            language: "sql".into(),
            body: String::new(),
            definition: Some(definition.into()),
            security_definer: false,
            leakproof: false,
            volatility: Volatility::Volatile,
            settings: Vec::new(),
            owner: None,
            grants: Vec::new(),
            comment: None,
        };
        catalog.functions.insert(id, function);
        catalog
    }

    #[test]
    fn only_what_was_the_current_path_is_left_open() {
        let definition = "CREATE OR REPLACE FUNCTION public.\"F\"()\n RETURNS text\n LANGUAGE sql\n SET search_path TO '$user', 'public'\n\
                          AS $function$ SELECT '' -- SET search_path TO '$user', 'public'\n$function$\n";
        let catalog = with_function("F", definition);
        let after = |words: &[&'static str], sql: &str| {
            let mut all = vec![sql.to_owned()];
            left_to_the_connection(&mut all, &catalog, || words.iter().copied());
            all.remove(0)
        };
        let explicit = "CREATE FUNCTION \"F\"() RETURNS text SET search_path = \"$user\", public AS ''";
        let current = "CREATE FUNCTION \"F\"() RETURNS text set search_path\n  From Current AS ''";
        let own = definition.trim_end();
        assert_eq!(after(&[explicit, current], own), own);
        assert_eq!(after(&["CREATE FUNCTION other() SET search_path FROM CURRENT"], own), own);
        let caller =
            "CREATE FUNCTION other() RETURNS text SET search_path FROM CURRENT AS $$ SELECT \"F\"() $$";
        assert_eq!(after(&[caller, explicit], own), own);
        let (_, printed) = SETTINGS[0];
        let open = own.replacen(printed, " SET search_path FROM CURRENT", 1);
        assert!(open.contains(printed), "the body stays");
        assert_eq!(after(&["SELECT 1", current, explicit], own), open);
        let alter = "ALTER FUNCTION public.\"F\"() SET search_path TO '$user', 'public'";
        let open = "ALTER FUNCTION public.\"F\"() SET search_path FROM CURRENT";
        assert_eq!(after(&["ALTER FUNCTION \"F\"() SET search_path FROM CURRENT"], alter), open);
    }
    #[test]
    fn so_are_the_settings_of_what_keeps_two_columns_equal() {
        let head = "CREATE OR REPLACE FUNCTION public.sync()\n RETURNS trigger\n LANGUAGE plpgsql\n";
        let body = "AS $function$ BEGIN -- SET \"TimeZone\" TO 'UTC'\nRETURN NEW; END $function$\n";
        let printed = format!(
            "{head} SET search_path TO '$user', 'public'\n SET \"TimeZone\" TO 'UTC'\n SET \"DateStyle\" TO 'ISO, MDY'\n SET \"IntervalStyle\" TO 'postgres'\n{body}"
        );
        let catalog = with_function("sync", &printed);
        let own = printed.trim_end();
        let after = |words: &'static str, sql: &str| {
            let mut all = vec![sql.to_owned()];
            left_to_the_connection(&mut all, &catalog, || std::iter::once(words));
            all.remove(0)
        };
        let made = "CREATE FUNCTION sync() RETURNS trigger SET search_path FROM CURRENT SET TimeZone FROM CURRENT \
                    SET DateStyle FROM CURRENT SET IntervalStyle FROM CURRENT AS ''";
        let open = format!(
            "{head} SET search_path FROM CURRENT\n SET TimeZone FROM CURRENT\n SET DateStyle FROM CURRENT\n SET IntervalStyle FROM CURRENT\n{body}"
        );
        assert_eq!(after(made, own), open.trim_end());
        let alone =
            "CREATE FUNCTION sync() RETURNS trigger SET TimeZone = 'UTC' SET DateStyle FROM CURRENT AS ''";
        let found = after(alone, own);
        assert!(found.contains(" SET \"TimeZone\" TO 'UTC'\n SET DateStyle FROM CURRENT\n"), "{found}");
        let alter = "ALTER FUNCTION public.sync() SET \"TimeZone\" TO 'UTC'";
        assert_eq!(after(made, alter), "ALTER FUNCTION public.sync() SET TimeZone FROM CURRENT");
    }
}
