//! SQL put together from text: whoever controls a part of it writes SQL.

mod looked_over;
mod numbers;
mod parsed;

use pgsteward_model::code::{Hole, HoleKind, Node, RawQuery, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::{shared, text};

pub(super) static RULE: Rule = Rule {
    id: "raw-query-unsafe",
    group: Group::Code,
    severity: Severity::Error,
    needs: &[Need::Code],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("raw_query_unsafe.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let mut findings = Vec::new();
    let mut seen: Vec<(usize, &str, u32)> = Vec::new();
    for raw in code.raw.iter().filter(|raw| code.serves(&raw.site)) {
        let risky: Vec<(&Hole, Risk)> =
            raw.holes.iter().filter_map(|hole| Some((hole, risk(facts, raw, hole)?))).collect();
        let Some(worst) = risky.iter().map(|(_, risk)| *risk).max() else { continue };
        let ordinal = seen
            .iter()
            .filter(|(function, method, _)| *function == raw.site.function && *method == raw.method);
        let ordinal = u32::try_from(ordinal.count()).unwrap_or(u32::MAX);
        seen.push((raw.site.function, &raw.method, ordinal));
        let values: Vec<String> = risky.iter().filter_map(|(hole, _)| words(&hole.value)).collect();
        let what = match values.as_slice() {
            [] => "a value".to_owned(),
            values => crate::shared::quoted_list(values),
        };
        let (severity, harm) = match worst {
            Risk::Request => (
                Severity::Error,
                "It comes from a request: whoever sends one can read and change all that the application's role may.",
            ),
            Risk::LookedOver => (
                Severity::Info,
                "It comes from a request, through a schema or a check that this rule has not read: what that lets through is \
                 text of the statement.",
            ),
            // Names in statements that take no parameters must be part of the text.
            _ if worst != Risk::Request && is_utility(raw) => (
                Severity::Info,
                "Statements of this kind take no parameters, so the text must be safe before it gets here.",
            ),
            // Most of these are names and numbers of the program itself, as its callers show.
            Risk::Unknown => (
                Severity::Info,
                "Nothing here shows that it is safe: if any caller takes it from a request, whoever sends one can read and \
                 change all that the application's role may.",
            ),
            Risk::Function => (
                Severity::Info,
                "It comes from a function that was not followed: if that takes it from a request, whoever sends one can read \
                 and change all that the application's role may.",
            ),
            // Mostly numbers, and names that the program itself has stored.
            Risk::Stored => (
                Severity::Info,
                "It comes from a row: whoever wrote that row can read and change all that the application's role may.",
            ),
        };
        let function = &code.function(&raw.site).name;
        let mut finding = Finding::in_code(
            &RULE,
            shared::place(facts, &raw.site.at),
            function,
            &raw.method,
            ordinal,
            format!("{} puts {what} into the text of the statement", raw.method),
        )
        .severity(severity)
        .detail(format!("The text is sent as it is, and the value becomes part of its grammar. {harm}"))
        .hint(
            "pass values as parameters: $queryRaw`… ${value}` or $queryRawUnsafe(text, value); choose names of columns and \
             directions from a list in the code",
        );
        if let Some(text) = &raw.text {
            finding = finding.evidence(Evidence::Sql { sql: text.clone() });
        }
        findings.push(finding);
    }
    findings
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Risk {
    Function,
    Unknown,
    Stored,
    /// Of a request, and something has looked at it.
    LookedOver,
    Request,
}

/// None for what the program itself wrote, and for what was compared with a list or a pattern before.
fn risk(facts: &Facts, raw: &RawQuery, hole: &Hole) -> Option<Risk> {
    if hole.kind != HoleKind::Text || is_checked(raw, &hole.value) {
        return None;
    }
    if is_placeholders(facts, raw, &hole.value) {
        return None;
    }
    let risk = of_value(facts, raw.site.function, &hole.value, 3);
    // A wrapper that takes whole statements puts nothing into them; who calls it may.
    let is_all = raw.text.as_deref().is_none_or(|text| text.trim() == "$1");
    risk.filter(|risk| !is_all || *risk >= Risk::LookedOver)
}

/// Built before the query from numbers of parameters: `rows.map((_, at) => `($${at * 2 + 1}, $${at * 2 + 2})`)`, with
/// nothing else in it.
fn is_placeholders(facts: &Facts, raw: &RawQuery, value: &Node) -> bool {
    let Value::Expression { text: name, .. } = &value.value else { return false };
    let Some(file) = facts.sources.get(&raw.site.at.file) else { return false };
    let before = &file.text[..raw.site.at.span.start.min(file.text.len())];
    let Some(at) = before.rfind(&format!("const {name} =")) else { return false };
    let built = &before[at..];
    let built = &built[..built.find(";\n").unwrap_or(built.len())];
    let holes = built.matches("${").count();
    holes > 0 && holes == built.matches("$${").count()
}

fn of_value(facts: &Facts, function: usize, value: &Node, depth: u32) -> Option<Risk> {
    value.alternatives().into_iter().filter_map(|node| of_node(facts, function, node, depth)).max()
}

fn of_node(facts: &Facts, function: usize, node: &Node, depth: u32) -> Option<Risk> {
    let (sources, text) = match &node.value {
        Value::Expression { sources, text, .. } if !is_harmless(text) => (sources, text),
        Value::List(nodes) => {
            return nodes.iter().filter_map(|node| of_value(facts, function, node, depth)).max();
        }
        _ => return None,
    };
    if numbers::is_computed(facts, function, text) {
        return None;
    }
    let captured = sources.iter().any(|source| matches!(source, Source::Parameter { .. }))
        && is_captured(facts, function, text);
    let risk = match &sources[..] {
        [] => Risk::Unknown,
        // The position is that of a parameter of the function around, and callers of this one give something else there.
        _ if captured => Risk::Unknown,
        _ => sources.iter().filter_map(|source| of_source(facts, function, source, text, depth)).max()?,
    };
    let declared = |by| numbers::is_declared(facts, function, text, by);
    // What is known to be somebody else's text is one whatever its type says.
    let is_promised = matches!(risk, Risk::Function | Risk::Unknown) && declared(numbers::By::Promise);
    (!is_promised && !declared(numbers::By::Schema)).then_some(risk)
}

/// `table` in a function that neither takes nor declares it: it is of a function around.
fn is_captured(facts: &Facts, function: usize, value: &str) -> bool {
    let name = text::root(value);
    let Some(function) = facts.code.as_ref().and_then(|code| code.functions.get(function)) else {
        return false;
    };
    let Some(file) = facts.sources.get(&function.at.file).filter(|_| text::is_path(name)) else {
        return false;
    };
    let whole = file.slice(function.at.span);
    let parameters = whole.find('(').map_or("", |at| &whole[at..]);
    let parameters = text::closing(parameters).map_or("", |end| &parameters[..end]);
    let taken = function.parameters.iter().any(|parameter| parameter.name == name);
    !taken && !text::mentions_word(parameters, name) && parsed::bindings(whole, name).next().is_none()
}

fn of_source(facts: &Facts, function: usize, source: &Source, value: &str, depth: u32) -> Option<Risk> {
    match source {
        Source::Constant | Source::Environment | Source::Time | Source::Random => None,
        Source::Request if looked_over::is_checked(facts, function, value) => Some(Risk::LookedOver),
        Source::Request => Some(Risk::Request),
        Source::Result { call, path } => match numbers::of_column(facts, *call, path) {
            Some(numbers::Column::Text) => Some(Risk::Stored),
            Some(numbers::Column::Other) => None,
            None => Some(Risk::Unknown),
        },
        Source::Function { name } => (!is_harmless(name)).then_some(Risk::Function),
        Source::Session | Source::Loop { .. } | Source::Unknown => Some(Risk::Unknown),
        Source::Parameter { index } => {
            let code = facts.code.as_ref()?;
            let callee = code.functions.get(function)?;
            if callee.called_from_elsewhere || callee.callers.is_empty() || depth == 0 {
                return Some(Risk::Unknown);
            }
            // What all callers give is known.
            let callers = callee.callers.iter().filter_map(|at| code.invocations.get(*at));
            callers
                .filter_map(|invocation| match invocation.arguments.get(*index) {
                    Some(argument) => of_value(facts, invocation.site.function, argument, depth - 1),
                    None => None,
                })
                .max()
        }
    }
}

/// `CREATE DATABASE`, `SET search_path`, `TRUNCATE`.
fn is_utility(raw: &RawQuery) -> bool {
    const WORDS: [&str; 12] = [
        "create", "drop", "alter", "truncate", "set", "vacuum", "analyze", "reindex", "comment", "grant",
        "revoke", "refresh",
    ];
    let first =
        raw.text.as_deref().and_then(|text| text.split_whitespace().next()).unwrap_or("").to_lowercase();
    WORDS.contains(&first.as_str())
}

/// Functions that quote, and those that make a number of their argument.
fn is_harmless(text: &str) -> bool {
    let lower = text.to_lowercase();
    const QUOTES: [&str; 8] =
        ["escape", "quote", "sanitiz", "identifier(", "ident(", "safe", ".toisostring()", "randomuuid("];
    const NUMBERS: [&str; 7] =
        ["number(", "parseint(", "parsefloat(", "bigint(", "math.", ".length", "number.parse"];
    QUOTES.iter().any(|word| lower.contains(word))
        || NUMBERS.iter().any(|word| lower.starts_with(word))
        || lower.ends_with(".length")
}

/// A condition around the query, or an early return before it, holds the value against a list or a pattern.
fn is_checked(raw: &RawQuery, value: &Node) -> bool {
    const CHECKS: [&str; 8] =
        [".includes(", ".has(", " in ", ".test(", ".match(", "hasown", "typeof", " === '"];
    let own = shared::sources(value);
    raw.site.guards.iter().any(|guard| {
        let text = guard.text.to_lowercase();
        CHECKS.iter().any(|check| text.contains(check))
            && guard.sources.iter().any(|source| own.contains(&source))
    })
}

fn words(node: &Node) -> Option<String> {
    match &node.value {
        Value::Expression { text, .. } if text.len() <= 60 && !text.contains('\n') => Some(text.clone()),
        _ => None,
    }
}
