//! What a condition told the compiler about a property, and a function around the code makes it forget:
//! `if (!session.user) throw …` says nothing about `session.user.id` inside of a callback.

use std::collections::BTreeSet;

use crate::code::text::closing;

/// Code that goes into a function mentions something with a dot that the text before it tests. `client` is asked, not
/// tested. It says yes where it is not sure.
pub(super) fn loses_narrowing(before: &str, code: &str, client: Option<&str>) -> bool {
    let tested: BTreeSet<String> = conditions(before).into_iter().flat_map(paths).collect();
    let client = client.and_then(|client| paths(client).into_iter().next());
    paths(code).into_iter().any(|path| Some(&path) != client.as_ref() && tested.contains(&path))
}

/// What stands in brackets behind the words that test.
fn conditions(text: &str) -> Vec<&str> {
    let words = ["if", "while", "switch", "assert", "invariant", "ok"];
    text.match_indices('(')
        .filter(|(at, _)| {
            let before = text[..*at].trim_end();
            let word = before.rsplit(|one: char| !one.is_alphanumeric()).next().unwrap_or("");
            words.contains(&word) || word.starts_with("assert")
        })
        .map(|(at, _)| &text[at..at + closing(&text[at..]).unwrap_or(text.len() - at)])
        .collect()
}

/// The first two names of each path: what one of the second tells may tell about the whole (`result.kind`).
fn paths(text: &str) -> Vec<String> {
    let tokens = text.split(|one: char| !(one.is_alphanumeric() || "_$.?![]".contains(one)));
    tokens
        .filter_map(|token| {
            let plain = token.replace(['?', '!', ']'], "").replace('[', ".");
            let mut names = plain.split('.').filter(|name| !name.is_empty());
            Some(format!("{}.{}", names.next()?, names.next()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::loses_narrowing;

    #[test]
    fn a_property_that_was_tested() {
        for before in [
            "if (!session.user) {\n  throw new Error()\n}",
            "if (!session?.user?.id) return",
            "assert(session.user)",
        ] {
            assert!(loses_narrowing(
                before,
                "await prisma.a.create({ data: { id: session.user.id } })",
                None
            ));
        }
        let code = "await this.prisma.a.create({ data: { id: session.user.id } })";
        assert!(!loses_narrowing("if (!user) return", code, None));
        assert!(!loses_narrowing("if (await this.prisma.a.count()) return", code, Some("this.prisma")));
        assert!(!loses_narrowing("const user = session.user", code, None));
    }
}
