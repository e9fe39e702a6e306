//! What a piece of code changes that was there before it, as far as its text tells. It says yes where it is not sure.

use crate::code::text::{is_path, mentions_word, root};

/// Calls that change the list, map or set that they are asked of.
const MUTATING: [&str; 12] =
    ["push", "unshift", "pop", "shift", "splice", "sort", "reverse", "set", "add", "delete", "clear", "fill"];

/// It assigns to, counts or fills something that it does not declare itself.
pub(super) fn changes_outside(code: &str) -> bool {
    let foreign = |name: Option<&str>| name.is_none_or(|name| !declares(code, name));
    assigned(code).into_iter().any(foreign)
        || filled(code).into_iter().any(foreign)
        || given_or_deleted(code).into_iter().any(foreign)
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

/// The first names of what is assigned to, those of declarations too; None where that is not to be read.
fn assigned(code: &str) -> Vec<Option<&str>> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices('=') {
        let (before, after) = (&code[..at], &code[at + 1..]);
        let shifts = before.ends_with("<<") || before.ends_with(">>");
        if after.starts_with(['=', '>']) || before.ends_with(['=', '!', '<', '>']) && !shifts {
            continue;
        }
        let operators = ['+', '-', '*', '/', '%', '?', '|', '&', '^', '<', '>'];
        let plain = before.trim_end();
        // The type of a declaration may end with `>`.
        if declares_last(plain) {
            continue;
        }
        let target = plain.trim_end_matches(operators).trim_end();
        // Nothing can be assigned to a text: this one is of SQL.
        if !target.ends_with(['"', '\'', '`']) {
            found.push(target_of(target));
        }
    }
    for operator in ["++", "--"] {
        for (at, _) in code.match_indices(operator) {
            let (before, after) = (&code[..at], &code[at + operator.len()..]);
            if before.ends_with(|one: char| one.is_alphanumeric() || "_$])!".contains(one)) {
                found.push(target_of(before));
            } else {
                let name = root(
                    after
                        .split(|one: char| !(one.is_alphanumeric() || "_$.".contains(one)))
                        .next()
                        .unwrap_or(""),
                );
                found.push((!name.is_empty()).then_some(name));
            }
        }
    }
    found
}

/// The text ends with what a word that declares stands before: `const { id, name }`, `let total: number`.
fn declares_last(text: &str) -> bool {
    let words = ["const ", "let ", "var "];
    let head = match text.ends_with(['}', ']']).then(|| opening(text)).flatten() {
        Some(open) if words.iter().any(|word| text[..open].trim_end().ends_with(word.trim_end())) => {
            return true;
        }
        _ => text.rsplit([';', '\n']).next().unwrap_or(""),
    };
    let last = words.iter().filter_map(|word| head.rfind(word)).max();
    last.is_some_and(|at| {
        let declared = &head[at..];
        let mentioned = declared.split_once(' ').map_or("", |(_, name)| name);
        !mentioned.is_empty() && !mentioned.contains(['=', '(', ')', '`'])
    })
}

/// Where the bracket opens that the text ends with.
fn opening(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, character) in text.char_indices().rev() {
        match character {
            '}' | ']' | ')' => depth += 1,
            '{' | '[' | '(' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The first name of what a text ends with: `stock` of `stock[id]`.
fn target_of(text: &str) -> Option<&str> {
    let mut text = text.trim_end_matches(['?', '!', '.']);
    while text.ends_with(']') {
        text = text[..opening(text)?].trim_end_matches(['?', '!', '.']);
    }
    last_path(text)
}

fn filled(code: &str) -> Vec<Option<&str>> {
    let calls = MUTATING.iter().flat_map(|method| {
        let call = format!(".{method}(");
        // Prisma's own `delete` takes an object.
        let is_query =
            |at: usize| *method == "delete" && code[at + call.len()..].trim_start().starts_with('{');
        // What a call returned may be new: `rows.map(…).sort()`.
        let is_new =
            |at: usize| code[..at].ends_with(')') && matches!(*method, "sort" | "reverse" | "fill" | "add");
        let found: Vec<Option<&str>> = code
            .match_indices(call.as_str())
            .filter(|(at, _)| !is_query(*at) && !is_new(*at))
            .map(|(at, _)| target_of(&code[..at]))
            .collect();
        found
    });
    calls.collect()
}

/// What `Object.assign` fills, and what `delete` takes a property from.
fn given_or_deleted(code: &str) -> Vec<Option<&str>> {
    let mut found = Vec::new();
    for word in ["Object.assign(", "delete "] {
        for (at, _) in code.match_indices(word) {
            let rest = code[at + word.len()..].trim_start();
            // `Object.assign({}, x)` makes something new.
            if !rest.starts_with('{') {
                let end = rest.find(|one: char| !(one.is_alphanumeric() || "_$".contains(one)));
                found.push(Some(&rest[..end.unwrap_or(rest.len())]).filter(|name| is_path(name)));
            }
        }
    }
    found
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
            "stock[id] -= 1",
            "const a = 1; stock[id].left = a",
            "stock[id]++",
            "seen[id].push(row)",
            "byId.get(id).push(row)",
            "Object.assign(state, { a })",
            "delete state.a",
            "bits <<= 1",
            "for (const a of as) sums.total += a",
            "[a, b] = [b, a]",
            "async (tx) => { const { a } = b; ({ c } = a) }",
        ] {
            assert!(changes_outside(code), "{code}");
        }
        for code in [
            "async (tx) => { const a = await tx.a.create({ data: { b } }); return a }",
            "async (tx) => { const ids = []; for (const a of as) { ids.push(a.id) } return ids }",
            "(tx) => a === b && c >= d",
            "async (tx) => { let total: number = 0; total += 1; return total }",
            "async (tx) => { const { id, name } = await tx.a.create({}); return id }",
            "async (tx) => { const [a, b] = await tx.c.findMany(); const ids: number[] = []; ids[0] = a }",
            "async (tx) => {\n  const {\n    id,\n    name,\n  } = await tx.a.create({})\n  return Object.assign({}, name)\n}",
            "async (tx) => { const ids = rows.map((row) => row.id).sort() }",
            "async (tx) => { const left: Map<string, number> = new Map(); left.set(id, 1) }",
            "[prisma.a.delete({ where: { id } }), prisma.b.update({ where: { id }, data })]",
        ] {
            assert!(!changes_outside(code), "{code}");
        }
    }
}
