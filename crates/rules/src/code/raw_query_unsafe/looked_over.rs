//! Whether anything looks at a value of a request before it is used: a middleware or a schema of the handler's route, or a
//! schema in the handler's body that this very value goes through.
//!
//! Does not read what that lets through; see [`super::parsed`] for schemas that are read.

use std::collections::HashMap;

use pgsteward_model::facts::Facts;

use super::parsed::{all_bindings, balanced, expression, is_letter, words};
use crate::shared::any_word;

/// `.get(validate(Query), async (req, res) => …)`, `.input(Query).query(async ({ input }) => …)`, and for `sort`
/// `const { sort } = Query.parse(req.query)`.
pub(super) fn is_checked(facts: &Facts, function: usize, value: &str) -> bool {
    let Some(function) = facts.code.as_ref().and_then(|code| code.functions.get(function)) else {
        return false;
    };
    facts.sources.get(&function.at.file).is_some_and(|file| {
        let before = file.text.get(..function.at.span.start).unwrap_or("");
        route_checks(before) || body_checks(file.slice(function.at.span), value)
    })
}

/// The call that a handler is given to names a check.
fn route_checks(before: &str) -> bool {
    const CHECKS: [&str; 5] = ["schema", "schemas", "zod", "joi", "celebrate"];
    let head = without_strings(head(before));
    let mut names = head.split(|sign: char| !is_letter(sign));
    head.contains(".input(")
        || names.any(|name| any_word(name, |word| word.starts_with("valid") || CHECKS.contains(&word)))
}

/// `router.route('/x').get(validate(Query), ` of a text that ends where an argument begins: what is called, and the
/// arguments before it. Empty where the text does not end in the brackets of a call.
fn head(before: &str) -> &str {
    let bytes = before.as_bytes();
    let Some(open) = opening(before) else { return "" };
    let mut start = open;
    while let Some(byte) = start.checked_sub(1).map(|at| bytes[at]) {
        match byte {
            b'.' | b'?' | b'!' | b'_' | b'$' | 0x80.. => start -= 1,
            _ if byte.is_ascii_alphanumeric() => start -= 1,
            b')' | b']' => match opening(&before[..start - 1]) {
                Some(open) => start = open,
                None => break,
            },
            _ if byte.is_ascii_whitespace() && before[start..].starts_with('.') => {
                start = before[..start].trim_end().len();
            }
            _ => break,
        }
    }
    &before[start..]
}

/// The bracket that is still open at the end of a text, or of the object that is an argument there.
fn opening(text: &str) -> Option<usize> {
    let mut closed = 0_usize;
    for (at, byte) in text.bytes().enumerate().rev() {
        match byte {
            b')' | b']' | b'}' => closed += 1,
            b'(' | b'[' | b'{' if closed > 0 => closed -= 1,
            b'(' | b'[' => return Some(at),
            b'{' if text[..at].trim_end().ends_with(['(', ',']) => {}
            b'{' => return None,
            _ => {}
        }
    }
    None
}

fn without_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    for sign in text.chars() {
        match quote {
            Some(open) if sign == open || sign == '\n' => quote = None,
            Some(_) => continue,
            None if matches!(sign, '\'' | '"' | '`') => quote = Some(sign),
            None => {}
        }
        out.push(sign);
    }
    out
}

/// A schema parses what the value is taken from, or what it is a part of.
fn body_checks(body: &str, value: &str) -> bool {
    Body::of(body).checks(value, 3)
}

/// What a body says of its names, looked up once: names are made of names.
struct Body<'t> {
    /// Each value that a name gets.
    made: HashMap<&'t str, Vec<&'t str>>,
    /// What schemas are given to parse.
    parsed: Vec<&'t str>,
    /// Whether a schema makes a name, as far as so many steps tell.
    known: HashMap<(&'t str, u32), bool>,
}

impl<'t> Body<'t> {
    fn of(body: &'t str) -> Body<'t> {
        let mut made: HashMap<&str, Vec<&str>> = HashMap::new();
        for (pattern, value) in all_bindings(body) {
            let value = expression(value.trim_start());
            words(pattern).for_each(|name| made.entry(name).or_default().push(value));
        }
        Body { made, parsed: parses(body).collect(), known: HashMap::new() }
    }

    fn checks(&mut self, value: &str, depth: u32) -> bool {
        let is_part = |whole: &&str| {
            value.strip_prefix(*whole).is_some_and(|rest| !rest.starts_with(is_letter)) && names_one(whole)
        };
        if self.parsed.iter().any(is_part) {
            return true;
        }
        let own = |name: &str| self.made.get_key_value(name).map(|(name, _)| *name);
        let names: Vec<&str> = names(value).filter_map(own).collect();
        !names.is_empty() && names.into_iter().all(|name| self.is_made(name, depth))
    }

    fn is_made(&mut self, name: &'t str, depth: u32) -> bool {
        if let Some(known) = self.known.get(&(name, depth)) {
            return *known;
        }
        let values = self.made.get(name).cloned().unwrap_or_default();
        let made = values
            .into_iter()
            .all(|value| parses(value).next().is_some() || depth > 0 && self.checks(value, depth - 1));
        self.known.insert((name, depth), made);
        made
    }
}

/// The names that an expression begins with, or its parts do.
fn names(value: &str) -> impl Iterator<Item = &str> {
    let starts =
        move |at: usize| !value[..at].ends_with(['.', '\'', '"']) && !value[..at].ends_with(is_letter);
    let name = move |(at, _): (usize, char)| {
        let rest = &value[at..];
        let end = rest.find(|sign: char| !is_letter(sign)).unwrap_or(rest.len());
        (starts(at) && end > 0).then(|| &rest[..end])
    };
    value.char_indices().filter_map(name)
}

fn names_one(path: &str) -> bool {
    !path.is_empty() && path.chars().all(|sign| is_letter(sign) || matches!(sign, '.' | '?' | '!'))
}

/// What schemas are given to parse. Texts of JSON, dates and addresses are parsed without being checked.
fn parses<'t>(text: &'t str) -> impl Iterator<Item = &'t str> {
    const READS: [&str; 19] = [
        "json",
        "date",
        "number",
        "qs",
        "querystring",
        "url",
        "path",
        "devalue",
        "yaml",
        "superjson",
        "csv",
        "cookie",
        "cookies",
        "marked",
        "papa",
        "toml",
        "parser",
        "json5",
        "xml",
    ];
    const CALLS: [&str; 4] = [".parse(", ".parseAsync(", ".safeParse(", ".safeParseAsync("];
    let given = move |(at, call): (usize, &'t str)| {
        let by = text[..at].rsplit(|sign: char| !is_letter(sign)).next().unwrap_or("");
        let given = &text[at + call.len() - 1..];
        let inner = given.get(1..balanced(given).checked_sub(1)?)?;
        (!READS.contains(&by.to_lowercase().as_str())).then(|| inner.trim())
    };
    CALLS.iter().flat_map(move |call| text.match_indices(call)).filter_map(given)
}

#[cfg(test)]
mod tests {
    use super::{body_checks, route_checks};

    #[test]
    fn heads_of_routes() {
        for head in [
            "const router = Router()\n\nrouter.route('/x').get(validateRequest(Query), ",
            "  best: publicProcedure.input(Query).query(",
            "  best: publicProcedure\n    .input(Query)\n    .query(",
            "router.get(\n  '/x',\n  celebrate({ query: Query }),\n  ",
            "app.route({ method: 'GET', schema: Query, handler: ",
            "export const GET = withZod(Query, ",
        ] {
            assert!(route_checks(head), "{head}");
        }
        for head in [
            "app.post('/y', validate(Body), async () => {\n})\napp.get('/x', requireAuth, ",
            "app.get('/valid/schema', ",
            "app.post('/invalidate', invalidateCache, ",
            "const schema = build()\napp.get('/x', ",
            "  a: publicProcedure.input(Query).query(async () => {\n  }),\n  b: publicProcedure.query(",
            "function validate() {\n  ",
            "",
        ] {
            assert!(!route_checks(head), "{head}");
        }
    }

    #[test]
    fn names_that_are_made_of_each_other_are_looked_up_once() {
        let list = |name: &str| (0..150).map(|at| format!("{name}{at}")).collect::<Vec<_>>().join(", ");
        let made = |name: &str, of: &str| -> String {
            (0..150).map(|at| format!("  const {name}{at} = [{}].join()\n", list(of))).collect()
        };
        let parsed: String = (0..150).map(|at| format!("  const d{at} = Query.parse(q{at})\n")).collect();
        let body =
            format!("{parsed}{}{}  const a = [{}].join()\n", made("c", "d"), made("b", "c"), list("b"));
        // Way for way these are more than three million.
        assert!(body_checks(&body, "a"));
        assert!(!body_checks(&format!("{body}  const d149 = req.query\n"), "a"));
    }

    #[test]
    fn what_goes_through_a_schema_in_the_body() {
        for (body, value) in [
            ("const { sort } = Query.parse(req.query)", "sort"),
            ("const { sort } = z.object({ sort: z.string() }).parse(req.query)", "sort"),
            ("const query = Query.parse(req.query); const { sort } = query", "sort"),
            ("const parsed = await Query.safeParseAsync(body)", "parsed.data.sort"),
            ("Query.parse(req.query)", "req.query.sort"),
            ("const body = await req.json(); Body.parse(body)", "body.sort"),
        ] {
            assert!(body_checks(body, value), "{body}");
        }
        for (body, value) in [
            ("const { sort } = JSON.parse(await request.text())", "sort"),
            ("const { page } = Query.parse(req.params); const { sort } = req.query", "sort"),
            ("const { page } = Query.parse(req.params)", "req.query.sort"),
            ("const { page } = Query.parse(req.query)", "req.queryString"),
            ("const { page } = Query.parse(req.query); const { sort } = req.body", "`${page} ${sort}`"),
            ("const sort = yaml.parse(req.body)", "sort"),
        ] {
            assert!(!body_checks(body, value), "{body}");
        }
    }
}
