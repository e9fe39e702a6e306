//! Whether anything looks at what a handler gets before it uses it: a middleware or a schema of its route, a schema in its body.
//!
//! Does not read what that lets through; see [`super::parsed`] for schemas that are read.

use pgsteward_model::facts::Facts;

/// `.get(validate(Query), async (req, res) => …)`, `.input(Query).query(async ({ input }) => …)`, `Query.parse(req.query)`.
pub(super) fn is_checked(facts: &Facts, function: usize) -> bool {
    let Some(function) = facts.code.as_ref().and_then(|code| code.functions.get(function)) else {
        return false;
    };
    facts.sources.get(&function.at.file).is_some_and(|file| {
        let before = file.text.get(..function.at.span.start).unwrap_or("");
        route_checks(before) || body_checks(file.slice(function.at.span))
    })
}

/// The head of the route right before its handler names a check.
fn route_checks(before: &str) -> bool {
    const CHECKS: [&str; 6] = ["valid", "schema", "zod", "joi", "celebrate", ".input("];
    // Statement by statement; a head is written in one go.
    let ends = ["\n\n", ";\n", "})\n", "}\n"];
    let start = ends.iter().filter_map(|end| Some(before.rfind(end)? + end.len())).max().unwrap_or(0);
    let head = before[start..].to_lowercase();
    CHECKS.iter().any(|check| head.contains(check))
}

/// A schema parses something. Texts of JSON, dates and addresses are parsed without being checked.
fn body_checks(body: &str) -> bool {
    const READS: [&str; 9] = ["JSON", "Date", "Number", "qs", "querystring", "url", "path", "URL", "devalue"];
    [".parse(", ".parseAsync(", ".safeParse(", ".safeParseAsync("].iter().any(|call| {
        body.match_indices(call).any(|(at, _)| {
            let by = body[..at].rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
            by.is_none_or(|by| !READS.contains(&by))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{body_checks, route_checks};

    #[test]
    fn heads_of_routes() {
        assert!(route_checks("const router = Router()\n\nrouter.route('/x').get(validateRequest(Query), "));
        assert!(route_checks("  best: publicProcedure.input(Query).query("));
        assert!(!route_checks(
            "app.post('/y', validate(Body), async () => {\n})\napp.get('/x', requireAuth, "
        ));
    }

    #[test]
    fn bodies() {
        assert!(body_checks("const { sort } = Query.parse(req.query)"));
        assert!(body_checks("z.object({ sort: z.string() }).safeParse(body)"));
        assert!(!body_checks("const { sort } = JSON.parse(await request.text())"));
    }
}
