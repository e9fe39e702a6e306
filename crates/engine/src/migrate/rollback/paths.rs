//! Functions whose `search_path` is the one of whoever makes them (`SET search_path FROM CURRENT`). The server keeps the path and
//! not that it was the current one, so what a lab prints of such a function is the lab's own path.
//!
//! Source: PostgreSQL documentation, "CREATE FUNCTION" and "Client Connection Defaults" (search_path).

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Function};
use pgsteward_sql::ddl;

const PRINTED: &str = " SET search_path TO '$user', 'public'";
const CURRENT: &str = " SET search_path FROM CURRENT";

/// Says `FROM CURRENT` again in the statements that bring such functions back. `words` are the statements of the history before,
/// the last one first.
pub(super) fn left_to_the_connection<'a, W: Iterator<Item = &'a str>>(
    statements: &mut [String],
    before: &Catalog,
    words: impl Fn() -> W,
) {
    let setting = BTreeSet::from(["search_path".to_owned()]);
    for sql in statements.iter_mut().filter(|sql| sql.contains(PRINTED)) {
        let is_of = |one: &&Function| {
            let own = one.definition.as_deref().is_some_and(|definition| definition.trim_end() == *sql);
            own || ddl::settings_of(one, &setting).contains(sql)
        };
        let name = before.functions.values().find(is_of).map(|one| one.id.name.name.as_str());
        if name.is_some_and(|name| is_current(name, words())) {
            // The first one: a body comes behind the settings.
            *sql = sql.replacen(PRINTED, CURRENT, 1);
        }
    }
}

/// Whether the last statement that sets the path of functions of this name sets it to the current one.
fn is_current<'a>(name: &str, mut words: impl Iterator<Item = &'a str>) -> bool {
    let name = name.to_ascii_lowercase();
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    let last = words.find_map(|text| {
        let text = text.to_ascii_lowercase();
        // In a DO block too, so it is looked for in the text.
        let named = |(at, _): (usize, &str)| {
            let (before, behind) = (text.get(..at), text.get(at + name.len()..));
            // Behind its word: a body that calls the function says nothing of its path.
            before.is_some_and(|text| {
                ["function", "procedure", "routine"].iter().any(|word| ends_with(text, word))
            }) && !behind.is_some_and(|text| text.starts_with(is_part))
        };
        let here = text.contains("search_path") && text.match_indices(&name).any(named);
        here.then(|| text.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    last.is_some_and(|text| text.contains("search_path from current"))
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

    #[test]
    fn only_what_was_the_current_path_is_left_open() {
        let definition = "CREATE OR REPLACE FUNCTION public.\"F\"()\n RETURNS text\n LANGUAGE sql\n SET search_path TO '$user', 'public'\n\
                          AS $function$ SELECT '' -- SET search_path TO '$user', 'public'\n$function$\n";
        let mut catalog = Catalog::empty(ServerVersion::of_major(17));
        let id = FunctionId { name: QName::public("F"), arguments: String::new() };
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
        let open = own.replacen(PRINTED, CURRENT, 1);
        assert!(open.contains(PRINTED), "the body stays");
        assert_eq!(after(&["SELECT 1", current, explicit], own), open);
        let alter = "ALTER FUNCTION public.\"F\"() SET search_path TO '$user', 'public'";
        let open = "ALTER FUNCTION public.\"F\"() SET search_path FROM CURRENT";
        assert_eq!(after(&["ALTER FUNCTION \"F\"() SET search_path FROM CURRENT"], alter), open);
    }
}
