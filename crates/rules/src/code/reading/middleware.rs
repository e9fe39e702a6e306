//! What middlewares of a route have made sure of before its handler runs: `router.post('/x', auth(), validate(schema),
//! async (req, res) => …)`.
//!
//! Knows the texts of routes, not what a middleware does: one that stands there for the body is taken to check the body.

use pgsteward_model::code::{Site, Source};

use super::flow::Flow;
use super::text::{mentions_word, root};
use crate::shared::kept_words;

/// What a client sends.
const SENT: [&str; 5] = ["body", "query", "params", "headers", "cookies"];

/// The value hangs on the request of a handler, and a middleware before the handler puts it there or checks it.
pub(in crate::code) fn has_set(flow: &Flow, site: &Site, text: &str, sources: &[Source]) -> bool {
    let of_request = |source: &Source| {
        matches!(source, Source::Request | Source::Session | Source::Parameter { index: 0 })
    };
    if !sources.iter().any(of_request) {
        return false;
    }
    let Some(middlewares) = before_handler(flow, site.function) else { return false };
    match sent_part(flow.text_of(site.function), text) {
        None => puts_there(middlewares, text),
        Some(part) => {
            let middlewares = middlewares.to_lowercase();
            let checks = ["valid", "schema", "zod", "joi", "celebrate", "parse"];
            mentions_word(&middlewares, part) || checks.iter().any(|word| middlewares.contains(word))
        }
    }
}

/// `req.tenant?.id`: nobody but a middleware puts it there, one that names it or that knows who asks.
fn puts_there(middlewares: &str, text: &str) -> bool {
    const KNOWS: [&str; 7] = ["auth", "session", "user", "tenant", "protect", "guard", "jwt"];
    let Some(rest) = text.strip_prefix("req.").or_else(|| text.strip_prefix("request.")) else {
        return false;
    };
    let property = root(rest).to_lowercase();
    let knows = |word: &String| {
        KNOWS.iter().any(|known| word.starts_with(known)) && !matches!(word.as_str(), "author" | "authors")
    };
    !property.is_empty() && middlewares.to_lowercase().contains(&property)
        || kept_words(middlewares).iter().any(knows)
}

/// The part of a request that a value is taken from: `req.body.id`, `const { id } = req.body`.
fn sent_part<'a>(body: &str, text: &'a str) -> Option<&'a str> {
    let mut parts = text.split(['.', '?', '!', '[']).filter(|part| !part.is_empty());
    let (first, second) = (parts.next()?, parts.next());
    if matches!(first, "req" | "request") {
        return second.and_then(|second| SENT.into_iter().find(|part| *part == second));
    }
    SENT.into_iter().find(|part| {
        ["req", "request"].iter().any(|request| {
            body.match_indices(&format!("}} = {request}.{part}")).any(|(at, _)| {
                body[..at].rsplit('{').next().is_some_and(|names| mentions_word(names, root(text)))
            })
        })
    })
}

/// The arguments between the path of a route and its handler. None where there are none.
fn before_handler<'a>(flow: &Flow<'a>, function: usize) -> Option<&'a str> {
    /// A route is written in one go.
    const NEAR: usize = 1_000;
    let function = &flow.code.functions[function];
    let (method, path) = function.name.split_once(' ')?;
    let file = flow.facts.sources.get(&function.at.file)?;
    let before = file.text.get(..function.at.span.start)?;
    let call = before.rfind(&format!(".{}(", method.to_lowercase()))?;
    let head = before.get(call..).filter(|head| head.len() < NEAR)?;
    let rest = &head[head.find(path)? + path.len()..];
    let middlewares = rest.trim_start_matches(['\'', '"', '`', ',', ' ', '\n', '\r', '\t']).trim_end();
    middlewares.strip_suffix(',').filter(|middlewares| middlewares.contains(|one: char| one.is_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::puts_there;

    #[test]
    fn middlewares_that_put_a_property_there() {
        assert!(puts_there("inAccount(['OWNER'])", "req.account?.id"));
        assert!(puts_there("requireAuth, upload", "req.member?.id"));
        assert!(puts_there("passport.authenticate('jwt')", "req.user.id"));
        assert!(!puts_there("rateLimit({ max: 5 }), upload.single('file')", "req.account?.id"));
        assert!(!puts_there("loadAuthor", "req.account?.id"));
        assert!(!puts_there("requireAuth", "account.id"));
    }
}
