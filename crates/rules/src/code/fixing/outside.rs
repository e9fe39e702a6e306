//! What a piece of code changes that was there before it, as far as its text tells. It says yes where it is not sure.

use crate::code::text::{is_path, mentions_word, root};

/// Calls that change the list, map or set that they are asked of.
const MUTATING: [&str; 12] =
    ["push", "unshift", "pop", "shift", "splice", "sort", "reverse", "set", "add", "delete", "clear", "fill"];

/// It assigns to, counts or fills something that it does not declare itself.
pub(super) fn changes_outside(code: &str) -> bool {
    let foreign = |name: &str| !declares(code, name);
    assigned(code).into_iter().any(foreign) || filled(code).into_iter().any(foreign)
}

/// `const name`, `let { name }`, a parameter: the name stands behind one of the words that declare, or before an arrow.
fn declares(code: &str, name: &str) -> bool {
    let declared = ["const ", "let ", "var ", "function "].iter().any(|word| {
        code.match_indices(word).any(|(at, _)| {
            let rest = &code[at + word.len()..];
            let head = rest.split(['=', ';']).next().unwrap_or("");
            let head = if *word == "function " { rest.split('{').next().unwrap_or("") } else { head };
            let head = if head.contains(" of ") { head.split(" of ").next().unwrap_or("") } else { head };
            mentions_word(head, name)
        })
    });
    let parameter = code.match_indices("=>").any(|(at, _)| {
        let before = code[..at].trim_end();
        match before.strip_suffix(')') {
            Some(inside) => inside.rfind('(').is_some_and(|open| mentions_word(&inside[open..], name)),
            None => before.ends_with(name),
        }
    });
    declared || parameter
}

/// The first names of what is assigned to, those of declarations too.
fn assigned(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices('=') {
        let (before, after) = (&code[..at], &code[at + 1..]);
        if after.starts_with(['=', '>']) || before.ends_with(['=', '!', '<', '>']) {
            continue;
        }
        let target = before.trim_end_matches(['+', '-', '*', '/', '%', '?', '|', '&']).trim_end();
        found.extend(last_path(target));
    }
    for operator in ["++", "--"] {
        for (at, _) in code.match_indices(operator) {
            let after = &code[at + operator.len()..];
            let after: &str =
                after.split(|one: char| !(one.is_alphanumeric() || "_$.".contains(one))).next().unwrap_or("");
            found.extend(last_path(&code[..at]).or((!after.is_empty()).then(|| root(after))));
        }
    }
    found
}

fn filled(code: &str) -> Vec<&str> {
    let calls = MUTATING.iter().flat_map(|method| {
        let call = format!(".{method}(");
        // Prisma's own `delete` takes an object.
        let is_query =
            |at: usize| *method == "delete" && code[at + call.len()..].trim_start().starts_with('{');
        let found: Vec<&str> = code
            .match_indices(call.as_str())
            .filter(|(at, _)| !is_query(*at))
            .filter_map(|(at, _)| last_path(&code[..at]))
            .collect();
        found
    });
    calls.collect()
}

/// The first name of the path that a text ends with: `this` of `x = this.total`. Types and patterns end with none.
fn last_path(text: &str) -> Option<&str> {
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, one)| one.is_alphanumeric() || "_$.?!".contains(*one))
        .last()
        .map(|(at, _)| at)?;
    let path = text[start..].trim_start_matches(['?', '!', '.']);
    let name = root(path);
    // `const total: number = `: the word before is a type.
    let typed = text[..start].trim_end().ends_with(':');
    (is_path(name) && !typed).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::changes_outside;

    #[test]
    fn what_is_changed_outside() {
        for code in [
            "total = 1",
            "done += 1",
            "count++",
            "ids.push(row.id)",
            "this.total = 2",
            "seen.set(a, b)",
            "async (tx) => { const a = await tx.a.create({}); last = a }",
        ] {
            assert!(changes_outside(code), "{code}");
        }
        for code in [
            "async (tx) => { const a = await tx.a.create({ data: { b } }); return a }",
            "async (tx) => { const ids = []; for (const a of as) { ids.push(a.id) } return ids }",
            "(tx) => a === b && c >= d",
            "async (tx) => { let total: number = 0; total += 1; return total }",
            "async (tx) => { const { id, name } = await tx.a.create({}); return id }",
            "[prisma.a.delete({ where: { id } }), prisma.b.update({ where: { id }, data })]",
        ] {
            assert!(!changes_outside(code), "{code}");
        }
    }
}
