//! Which loops grow with the data, and what repeats in them.

use pgsteward_model::code::{Call, EffectKind, Loop, LoopKind, Node, Operation, Over, Site, Source, Value};
use pgsteward_model::prisma::FieldType;

use super::flow::{Flow, equalities};
use super::remote;
use super::shared::sources;
use super::text::{Body, closing};
use crate::shared::kept_words;

/// Lists up to this long are as good as constant.
const FEW: i64 = 5;

/// The loop whose turns give a statement other values each time, where its number of turns grows with the data.
/// Constant lists, portions, retries and pages are none; nor is a loop that the values do not depend on.
pub(in crate::code) fn growing<'a>(flow: &Flow<'a>, site: &Site, values: &[&Node]) -> Option<&'a Loop> {
    let from: Vec<&Source> = values.iter().flat_map(|node| sources(node)).collect();
    let depends = |index: usize| {
        // `xs.map(convert)`: the function is called with the element, whatever it does with it.
        let given = values.is_empty() && flow.code.loops[index].kind == LoopKind::Callback;
        given
            || from.iter().any(|source| match source {
                Source::Loop { of } => *of == index,
                Source::Result { call, .. } => flow.code.calls[*call].site.loops.contains(&index),
                _ => false,
            })
    };
    let index = site
        .loops
        .iter()
        .rev()
        .copied()
        .find(|index| matches!(flow.code.loops[*index].over, Over::Ancestors) || depends(*index))?;
    let found = &flow.code.loops[index];
    let grows = match &found.over {
        Over::Constant(_) | Over::Chunks | Over::Retry | Over::Pages => false,
        Over::Ancestors => true,
        Over::Rows(_) => limit(flow, found).is_none_or(|rows| rows > FEW),
        Over::Parameter(index) => !always_short(flow, site.function, *index),
        // Who waits in a `while` knows when to stop: a queue, a poll, a search for a free name.
        Over::Unknown => found.kind != LoopKind::While,
    };
    let few = most_by_guard(site, found).is_some_and(|turns| turns <= FEW);
    (grows && !few).then_some(found)
}

/// The most turns that the code around the site lets pass: `if (ids.length > 20) throw …` before it.
fn most_by_guard(site: &Site, of: &Loop) -> Option<i64> {
    let length = format!("{}.length", of.text);
    site.guards
        .iter()
        .filter_map(|guard| {
            let (_, rest) = guard.text.split_once(&length)?;
            let rest = rest.trim_start();
            let operator: String = rest.chars().take_while(|letter| "=!<>".contains(*letter)).collect();
            let number: String =
                rest[operator.len()..].trim_start().chars().take_while(char::is_ascii_digit).collect();
            let number: i64 = number.parse().ok()?;
            let alone = !guard.text.contains("&&") && !guard.text.contains("||");
            match (operator.as_str(), guard.negated) {
                ("===" | "==", false) | ("!==" | "!=", true) | ("<=", false) | (">", true) if alone => {
                    Some(number)
                }
                ("<", false) | (">=", true) if alone => Some(number - 1),
                _ => None,
            }
        })
        .min()
}

/// Something says that the list can be long: it is the answer of a `findMany` without a small `take`, or a user
/// sends keys. What a function returns, a relation of one row and a list of the program may be long or short.
pub(in crate::code) fn is_long(flow: &Flow, site: &Site, of: &Loop) -> bool {
    /// More than a page.
    const PAGE: i64 = 50;
    let from_request = of.text.split('.').next().is_some_and(|root| {
        matches!(root, "input" | "body" | "req" | "request" | "args" | "params" | "dto" | "payload" | "data")
    });
    // What people fill in has a few entries; what they tick off in a list comes as keys.
    let is_of_keys = kept_words(&of.text)
        .last()
        .is_some_and(|word| matches!(word.as_str(), "ids" | "uids" | "keys" | "uuids" | "slugs" | "emails"));
    match of.over {
        Over::Rows(call) => {
            flow.code.calls[call].operation == Operation::FindMany
                && !is_by_own_keys(flow, of)
                && !is_of_one_thing(flow, of)
                && limit(flow, of).is_none_or(|rows| rows > PAGE)
        }
        Over::Parameter(index) => is_of_keys && flow.parameter_chosen_by_user(site.function, index),
        _ => {
            is_of_keys
                && (from_request && of.text.contains('.') || is_taken_from_request(flow, site, &of.text))
        }
    }
}

/// `const { ids } = body` stands in the function.
fn is_taken_from_request(flow: &Flow, site: &Site, name: &str) -> bool {
    let text = flow.text_of(site.function);
    ["body", "input", "req.body", "request.body", "opts.input"].iter().any(|root| {
        text.match_indices(&format!("}} = {root};")).any(|(at, _)| {
            let names = text[..at].rfind('{').map_or("", |open| &text[open + 1..at]);
            names.split(',').any(|taken| taken.trim() == name)
        })
    })
}

/// The rows are the parts of one thing by its key (the recipients of a letter, the lines of an order), as people make
/// them. What hangs on somebody or on a place where many work has no such bound.
fn is_of_one_thing(flow: &Flow, of: &Loop) -> bool {
    const PLACES: [&str; 28] = [
        "user",
        "account",
        "team",
        "org",
        "organization",
        "organisation",
        "workspace",
        "tenant",
        "project",
        "company",
        "community",
        "customer",
        "client",
        "space",
        "environment",
        "site",
        "website",
        "channel",
        "group",
        "member",
        "shop",
        "store",
        "vendor",
        "app",
        "application",
        "domain",
        "folder",
        "category",
    ];
    let Over::Rows(call) = of.over else { return false };
    let call = &flow.code.calls[call];
    let (Some(model), Some(filter)) = (flow.model(&call.model), call.argument.get("where")) else {
        return false;
    };
    let filter = equalities(filter);
    model.fields.iter().any(|field| {
        let (Some(relation), FieldType::Model(parent)) = (&field.relation, &field.ty) else { return false };
        let [key] = relation.fields.as_slice() else { return false };
        let named = filter.iter().any(|(name, value)| {
            name == key && !sources(value).iter().all(|source| matches!(source, Source::Constant))
        });
        let place = |word: &String| {
            let singular = word.strip_suffix('s').unwrap_or(word);
            PLACES.contains(&singular) || PLACES.contains(&word.as_str())
        };
        named && *parent != model.name && !kept_words(parent).iter().any(place)
    })
}

/// The rows were read by the keys of a list that the program made: as many as that list is long.
pub(in crate::code) fn is_by_own_keys(flow: &Flow, of: &Loop) -> bool {
    let Over::Rows(call) = of.over else { return false };
    let call = &flow.code.calls[call];
    let keys = call.argument.at(&["where", "id", "in"]);
    keys.is_some_and(|keys| !flow.chosen_by_user(call.site.function, keys))
}

/// Each turn also waits for something outside of the database, beside which a query costs little: a request, a mail, a
/// payment, a file.
pub(in crate::code) fn works_elsewhere(flow: &Flow, site: &Site, of: &Loop) -> bool {
    let same = |other: &Site| {
        other.at.file == of.at.file
            && other.loops.iter().any(|index| std::ptr::eq(&raw const flow.code.loops[*index], of))
    };
    let slow = |effect: &usize| {
        matches!(
            flow.code.effects[*effect].kind,
            EffectKind::Request | EffectKind::Mail | EffectKind::Payment | EffectKind::Storage
        )
    };
    let here = flow.effects_of(site.function);
    here.iter().filter(|effect| same(&flow.code.effects[**effect].site)).any(slow)
        || flow.invocations_of(site.function).any(|(_, invocation)| {
            same(&invocation.site) && {
                let reach = flow.reach(invocation.callee);
                reach.effects.iter().any(slow)
                    || reach.functions.iter().any(|function| remote::asked_in(flow.text_of(*function)))
            }
        })
        || remote::asked_in(body_of(flow, site, of))
}

/// What runs in each turn: the block behind the head, or the callback.
fn body_of<'a>(flow: &Flow<'a>, site: &Site, of: &Loop) -> &'a str {
    let Some(file) = flow.facts.sources.get(&of.at.file) else { return "" };
    if of.kind == LoopKind::Callback {
        let rest = file.text.get(of.at.span.end..).unwrap_or("");
        return closing(rest).filter(|_| rest.starts_with('(')).map_or("", |end| &rest[..end]);
    }
    Body::after(&file.text, of.at.span.end)
        .filter(|body| body.span.contains(site.at.span))
        .map_or("", |body| body.text)
}

/// The most turns that a loop over rows takes: a `take` that is written out.
pub(in crate::code) fn limit(flow: &Flow, of: &Loop) -> Option<i64> {
    match of.over {
        Over::Rows(call) => flow.code.calls[call].argument.get("take").and_then(Node::number).map(i64::abs),
        _ => None,
    }
}

/// Every caller is known and gives a list that is written out.
fn always_short(flow: &Flow, function: usize, index: usize) -> bool {
    let function = &flow.code.functions[function];
    !function.callers.is_empty()
        && !function.called_from_elsewhere
        && function.callers.iter().all(|caller| {
            let given = flow.code.invocations[*caller].arguments.get(index);
            given.is_some_and(|node| match &node.value {
                // A list that another one was laid out in, or that a loop pushed to, is as long as those.
                Value::List(nodes) => {
                    nodes.len() <= 10 && !nodes.iter().any(|one| one.may_be_absent() || is_laid_out(one))
                }
                _ => false,
            })
        })
}

/// `...rows` within a list.
fn is_laid_out(node: &Node) -> bool {
    matches!(&node.value, Value::Expression { text, .. } if text.starts_with("..."))
}

/// A loop around the site goes through portions of a list: what happens in it is bounded.
pub(in crate::code) fn in_portions(flow: &Flow, site: &Site) -> bool {
    site.loops.iter().any(|index| flow.code.loops[*index].over == Over::Chunks)
}

/// Each turn locks its own row before the site looks: what it looks at must be read after that.
pub(in crate::code) fn locks_each(flow: &Flow, site: &Site) -> bool {
    let Some(innermost) = site.loops.last() else { return false };
    let before = |other: &Site| other.loops.contains(innermost) && other.order < site.order;
    flow.invocations_of(site.function).any(|(_, invocation)| {
        let name = &flow.code.functions[invocation.callee].name;
        before(&invocation.site) && kept_words(name).iter().any(|word| word == "lock")
    }) || flow.raw_of(site.function).iter().map(|index| &flow.code.raw[*index]).any(|raw| {
        let text = raw.text.as_deref().unwrap_or("").to_ascii_lowercase();
        before(&raw.site) && (text.contains("for update") || text.contains("advisory"))
    })
}

/// The turn also writes: it is a step of work, which reads what it needs.
pub(in crate::code) fn writes_each(flow: &Flow, site: &Site, of: &Loop) -> bool {
    let same =
        |other: &Site| other.loops.iter().any(|index| std::ptr::eq(&raw const flow.code.loops[*index], of));
    flow.calls_of(site.function).any(|(_, call)| call.operation.writes() && same(&call.site))
}

/// The same loop has written the model before: the turn reads back what it wrote.
pub(in crate::code) fn reads_back(flow: &Flow, call: &Call) -> bool {
    let Some(innermost) = call.site.loops.last() else { return false };
    flow.calls_of(call.site.function).any(|(_, other)| {
        other.operation.writes()
            && other.model == call.model
            && other.site.loops.contains(innermost)
            && other.site.order < call.site.order
            && other.site.guards == call.site.guards
    })
}

/// The site stands in a loop that takes page after page, inside of any other: each page waits for the one before.
pub(in crate::code) fn turns_pages(flow: &Flow, site: &Site) -> bool {
    site.loops.iter().any(|index| flow.code.loops[*index].over == Over::Pages)
}

/// Lists that people write or that a schema gives: filters of a page, columns of a table, defaults.
pub(in crate::code) fn is_short_by_name(of: &Loop) -> bool {
    const SHORT: [&str; 16] = [
        "joins",
        "ranges",
        "sorts",
        "errors",
        "filters",
        "columns",
        "fields",
        "types",
        "kinds",
        "roles",
        "permissions",
        "locales",
        "languages",
        "steps",
        "statuses",
        "features",
    ];
    kept_words(&of.text).last().is_some_and(|word| SHORT.contains(&word.as_str())) || is_written(&of.text)
}

/// Named for what people wrote into the program or its settings.
pub(in crate::code) fn is_written(name: &str) -> bool {
    const WRITTEN: [&str; 6] = ["default", "defaults", "config", "configs", "env", "settings"];
    kept_words(name).iter().any(|word| WRITTEN.contains(&word.as_str()))
}

/// The site is the only thing of its loop that takes time: no other statement, call of a function that reaches the
/// database, or effect in the same loop.
pub(in crate::code) fn is_alone(flow: &Flow, site: &Site) -> bool {
    let Some(innermost) = site.loops.last() else { return true };
    let same = |other: &Site| other.loops.contains(innermost) && other.at != site.at;
    let function = site.function;
    let calls = flow.calls_of(function).any(|(_, call)| same(&call.site));
    let invocations = flow.invocations_of(function).any(|(_, invocation)| same(&invocation.site));
    let effects = flow.effects_of(function).iter().any(|index| same(&flow.code.effects[*index].site));
    let raw = flow.raw_of(function).iter().any(|index| same(&flow.code.raw[*index].site));
    !(calls || invocations || effects || raw)
}

/// Prisma makes one query of all `findUnique` of one tick.
pub(in crate::code) fn is_batched(call: &Call, of: &Loop) -> bool {
    matches!(call.operation, Operation::FindUnique | Operation::FindUniqueOrThrow)
        && of.concurrent
        && !of.limited
        && !call.site.after_await_in_loop
}

/// `each of "orders"`, or words for what has no short name.
pub(in crate::code) fn each(of: &Loop) -> String {
    let text = of.text.split_whitespace().collect::<Vec<_>>().join(" ");
    match &of.over {
        Over::Ancestors => "each step up the tree".into(),
        _ if text.is_empty() || text.chars().count() > 40 => "each turn of the loop".into(),
        _ => format!("each of \"{}\"", text.replace('"', "'")),
    }
}
