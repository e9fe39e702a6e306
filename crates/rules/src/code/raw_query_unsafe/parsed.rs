//! Whether a schema made a value: the function takes it from what `parse` of a schema returned.
//!
//! A schema elsewhere in the file says nothing of a value that did not go through it.

/// `id` of `const { id } = Query.parse(…)`, `body.id`, `parsed.data.id`, `input.id` of a procedure with `.input(…)`: the
/// schema's text, with the last name of the path in it.
pub(super) fn schema<'a>(file: &'a str, start: usize, body: &'a str, path: &str) -> Option<&'a str> {
    let path = path.replace(['?', '!'], "");
    let mut names = path.split('.');
    let (schema, mut within) = origin(file, start, body, names.next()?, 3)?;
    within.extend(names.map(str::to_owned));
    (!within.is_empty()).then_some(schema)
}

/// The schema that made what a name stands for, and the path from its result to the name.
fn origin<'a>(
    file: &'a str,
    start: usize,
    body: &'a str,
    name: &str,
    depth: u32,
) -> Option<(&'a str, Vec<String>)> {
    let mut bindings = bindings(body, name);
    let Some((pattern, value)) = bindings.next() else {
        return (name == "input")
            .then(|| procedure(file, start))
            .flatten()
            .map(|schema| (schema, Vec::new()));
    };
    if bindings.next().is_some() || depth == 0 {
        return None;
    }
    let mut within: Vec<String> = match pattern.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
        // `{ other: id }` and `{ data: { id } }` are another path.
        Some(inner) => {
            let taken = |entry: &str| entry.split('=').next().is_some_and(|entry| entry.trim() == name);
            if inner.contains('{') || !inner.split(',').any(taken) {
                return None;
            }
            vec![name.to_owned()]
        }
        None => Vec::new(),
    };
    let value = value.trim_start();
    let value = expression(value.strip_prefix("await ").unwrap_or(value).trim_start()).trim_end();
    for (call, wraps) in
        [(".parse(", false), (".parseAsync(", false), (".safeParse(", true), (".safeParseAsync(", true)]
    {
        let Some(at) = value.find(call) else { continue };
        let (maker, given) = (&value[..at], &value[at + call.len() - 1..]);
        if balanced(given) != given.len() {
            return None;
        }
        let schema = match is_name(maker) {
            true => declared(file, maker)?,
            false => {
                Some(maker).filter(|maker| maker.starts_with("z.object(") && expression(maker) == *maker)?
            }
        };
        if wraps {
            if within.is_empty() {
                // `parsed`, whose `data` is looked at where it is used.
                return Some((schema, within));
            }
            // `{ data }`
            within.retain(|name| name != "data");
            return (pattern.contains("data") && within.is_empty()).then_some((schema, within));
        }
        return Some((schema, within));
    }
    let mut names = value.split('.');
    if !value.split('.').all(is_name) {
        return None;
    }
    let (schema, mut all) = origin(file, start, body, names.next()?, depth - 1)?;
    all.extend(names.map(str::to_owned));
    all.append(&mut within);
    // What `safeParse` returned is no part of the schema.
    Some((schema, all.into_iter().filter(|name| name != "data").collect()))
}

/// Each `const pattern = value` whose pattern has the name; of a variable that may change, nothing is known.
pub(super) fn bindings<'a>(body: &'a str, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    all_bindings(body).filter(move |(pattern, _)| words(pattern).any(|word| word == name))
}

/// The same for whatever names.
pub(super) fn all_bindings(body: &str) -> impl Iterator<Item = (&str, &str)> {
    ["const ", "let ", "var "].into_iter().flat_map(move |keyword| {
        body.match_indices(keyword).map(move |(at, _)| {
            let rest = body[at + keyword.len()..].trim_start();
            let end = match rest.starts_with(['{', '[']) {
                true => balanced(rest),
                false => rest.find(|letter: char| !is_letter(letter)).unwrap_or(rest.len()),
            };
            let (pattern, rest) = rest.split_at(end);
            let value = rest.trim_start().strip_prefix('=').filter(|_| keyword == "const ");
            (pattern, value.unwrap_or(""))
        })
    })
}

pub(super) fn words(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split(|letter: char| !is_letter(letter)).filter(|word| !word.is_empty())
}

/// `const Query = z.object({ … })`, the only one of the file.
fn declared<'a>(file: &'a str, name: &str) -> Option<&'a str> {
    let mut all = bindings(file, name);
    let (pattern, value) = all.next()?;
    let value = value.trim_start();
    (all.next().is_none() && pattern == name && value.starts_with("z")).then(|| expression(value))
}

/// `.input(z.object({ … })).query(` right before the function.
fn procedure(file: &str, start: usize) -> Option<&str> {
    let before = file.get(..start)?.trim_end();
    let before = before.strip_suffix("async").map_or(before, str::trim_end);
    let ends = [".query(", ".mutation(", ".subscription("];
    let before = ends.iter().find_map(|end| before.strip_suffix(end))?.trim_end();
    let given = &before[before.rfind(".input(")? + ".input".len()..];
    let inner = given.get(1..given.len().checked_sub(1)?)?.trim();
    if balanced(given) != given.len() {
        return None;
    }
    if is_name(inner) {
        declared(file, inner)
    } else {
        Some(inner).filter(|inner| inner.starts_with("z.object("))
    }
}

/// Up to the end of an expression that goes on with members only.
pub(super) fn expression(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return &text[..at],
            ')' | ']' | '}' => depth -= 1,
            ';' | ',' if depth == 0 => return &text[..at],
            '\n' if depth == 0 && !text[at..].trim_start().starts_with('.') => return &text[..at],
            _ => {}
        }
    }
    text
}

/// The two sides of a word that stands outside of all brackets, at its first place.
pub(super) fn outside<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 && text[at..].starts_with(word) => {
                return Some((&text[..at], &text[at + word.len()..]));
            }
            _ => {}
        }
    }
    None
}

/// The length of what stands in the brackets that a text begins with, brackets included.
pub(super) fn balanced(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + letter.len_utf8();
        }
    }
    text.len()
}

/// Every `name: …` of a schema's text is of a kind, whatever follows it.
pub(super) fn makes(schema: &str, name: &str, is: fn(&str) -> bool) -> bool {
    let mut declared = schema.match_indices(name).filter_map(|(at, _)| {
        let before = schema[..at].chars().next_back();
        if before.is_some_and(|letter| is_letter(letter) || letter == '.') {
            return None;
        }
        schema[at + name.len()..].trim_start_matches(['\'', '"']).strip_prefix(':').map(str::trim_start)
    });
    const TURNS: [&str; 4] = [".or(", ".transform(", ".pipe(", ".and("];
    let fits = |text: &str| {
        let own = expression(text);
        is(own) && !TURNS.iter().any(|turn| own.contains(turn))
    };
    // What is put around the object may make something else of it.
    let around = schema.rsplit('}').next().unwrap_or("");
    declared.next().is_some_and(fits) && declared.all(fits) && !TURNS.iter().any(|turn| around.contains(turn))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_letter)
}

pub(super) fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::{makes, schema};

    fn is_made(file: &str, path: &str) -> bool {
        let start = file.find("async (").unwrap_or(0);
        let name = path.rsplit('.').next().unwrap_or(path);
        schema(file, start, &file[start..], path)
            .is_some_and(|schema| makes(schema, name, |text| text.starts_with("z.number(")))
    }

    #[test]
    fn a_schema_makes_what_it_parsed() {
        let with = |body: &str| {
            format!("const Q = z.object({{ id: z.number() }})\nconst f = async () => {{ {body} }}")
        };
        assert!(is_made(&with("const { id } = Q.parse(x)"), "id"));
        assert!(is_made(&with("const { a, id = 1 } = await Q.parseAsync(x)"), "id"));
        assert!(is_made(&with("const body = Q.parse(x)"), "body.id"));
        assert!(is_made(&with("const parsed = Q.safeParse(x); const { id } = parsed.data;"), "id"));
        assert!(is_made(&with("const parsed = Q.safeParse(x)"), "parsed.data.id"));
        assert!(is_made(&with("const { data } = Q.safeParse(x)"), "data.id"));
        assert!(is_made(
            "p.input(z.object({ id: z.number() })).query(async ({ input }) => input.id)",
            "input.id"
        ));
    }

    #[test]
    fn what_went_past_it_is_not_made() {
        let with = |body: &str| {
            format!("const Q = z.object({{ id: z.number() }})\nconst f = async () => {{ {body} }}")
        };
        assert!(!is_made(&with("const id = params.get('id')"), "id"));
        assert!(!is_made(&with("const { n: id } = Q.parse(x)"), "id"));
        assert!(!is_made(&with("const { id } = JSON.parse(x)"), "id"));
        assert!(!is_made(&with("const { id } = Q.parse(x); { const id = y }"), "id"));
        assert!(!is_made(&with("const body = Q.parse(x).other"), "body.id"));
        assert!(!is_made(&with("let { id } = Q.parse(x)"), "id"));
        assert!(!is_made(
            "const Q = z.object({ id: z.number().or(z.string()) })\nasync () => { const { id } = Q.parse(x) }",
            "id"
        ));
        assert!(!is_made(
            "p.input(z.object({ id: z.number() })).query(async () => 1).query(async ({ input }) => input.id)",
            "id"
        ));
    }
}
