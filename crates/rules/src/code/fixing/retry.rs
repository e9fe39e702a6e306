//! A transaction that is tried again a few times, by a small function at the end of its file.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Invocation, RawQuery, Site, TransactionKind};
use pgsteward_model::source::Span;

use super::edit;
use super::helper::parts;
use super::loop_fix::{is_typescript, line_ends};
use super::narrowed::loses_narrowing;
use super::outside::changes_outside;
use crate::code::flow::Flow;
use crate::code::outer_client_in_transaction::{hands_on, written_outside};
use crate::code::text::{closing, indent_unit, mentions_word, quote};

/// The function that tries again.
const NAME: &str = "withRetry";
/// Enough for those that meet by chance; what fails more often has another cause.
const ATTEMPTS: u32 = 5;

/// None where a second run would do more than the first: it calls out, writes by another client, or changes what
/// stands outside of it.
pub(in crate::code) fn fix(flow: &Flow, index: usize) -> Option<Fix> {
    let transaction = &flow.code.transactions[index];
    let site = &transaction.site;
    let text: &str = &flow.facts.sources.get(&site.at.file)?.text;
    let call = text.get(site.at.span.start..site.at.span.end)?;
    let at = call.find(".$transaction")? + ".$transaction".len();
    // Types of the result may stand before the arguments: `$transaction<Order>(`.
    let open = at + call[at..].find('(')?;
    let whole = closing(&call[open..]).is_some_and(|end| open + end == call.len());
    let inner = call[open + 1..].trim_start();
    let repeatable = match transaction.kind {
        // Promises of a list that was made before are sent once.
        TransactionKind::Batch => inner.starts_with('[') && !mentions_word(inner, "await"),
        TransactionKind::Interactive => true,
    };
    let calls_out = flow
        .effects_of(site.function)
        .iter()
        .any(|effect| flow.code.effects[*effect].site.transaction == Some(index))
        || flow.invocations_of(site.function).any(|(_, invocation)| {
            invocation.site.transaction == Some(index) && !flow.reach(invocation.callee).effects.is_empty()
        });
    // What another client wrote is committed, whatever becomes of the transaction.
    let interactive = transaction.kind == TransactionKind::Interactive;
    let client = transaction.client.as_deref();
    let inside = |at: &Site| at.transaction == Some(index);
    let elsewhere = flow
        .calls_of(site.function)
        .any(|(_, call)| inside(&call.site) && call.operation.writes() && !call.on_transaction)
        || flow.raw_of(site.function).iter().any(|raw| {
            let site = &flow.code.raw[*raw].site;
            let text = flow.facts.sources.get(&site.at.file).map_or("", |file| file.slice(site.at.span));
            inside(site) && !client.is_some_and(|client| text.starts_with(&format!("{client}.")))
        })
        || flow
            .invocations_of(site.function)
            .filter(|(_, invocation)| inside(&invocation.site))
            .any(|(_, invocation)| helper_writes(flow, invocation, client));
    // The callback of a transaction is a function already.
    let plain: String =
        parts(inner).into_iter().filter(|part| !interactive || !part.contains("=>")).collect();
    let before = Span::new(flow.code.functions[site.function].at.span.start, site.at.span.start);
    let narrowed = is_typescript(&site.at.file)
        && loses_narrowing(text.get(before.start..before.end)?, &format!("{} {plain}", &call[..open]), None);
    // A name of that kind that means something else here.
    let known = text.contains(&format!("function {NAME}"));
    let taken = !known && mentions_word(text, NAME);
    if narrowed || interactive && elsewhere {
        return None;
    }
    if !whole || !repeatable || calls_out || taken || changes_outside(inner) || mentions_word(inner, "yield")
    {
        return None;
    }
    let around = |offset: usize, text: String| TextEdit { span: Span::new(offset, offset), text };
    let mut edits =
        vec![around(site.at.span.start, format!("{NAME}(() => ")), around(site.at.span.end, ")".to_owned())];
    if !known {
        edits.push(around(text.len(), helper(text, is_typescript(&site.at.file))));
    }
    let (done, undone) = edit::there_and_back(flow.facts, &site.at.file, edits)?;
    Some(Fix {
        title: format!("try it up to {ATTEMPTS} times where PostgreSQL ends it in favour of another"),
        safety: Safety::Review,
        change: Change { steps: vec![done], rollback: Rollback::Steps(vec![undone]) },
    })
}

/// A function that is called in the transaction writes by another client, whatever it was given: with Prisma Client, or
/// with SQL where nobody gave it the transaction's.
fn helper_writes(flow: &Flow, invocation: &Invocation, client: Option<&str>) -> bool {
    let given = invocation.arguments.iter().any(|node| hands_on(node, client));
    let reads = |raw: &RawQuery| {
        let words = raw.text.as_deref().map(str::trim_start).and_then(|text| text.get(..6));
        words.is_some_and(|word| word.eq_ignore_ascii_case("select"))
    };
    let raw = || flow.reach(invocation.callee).raw.iter().any(|index| !reads(&flow.code.raw[*index]));
    written_outside(flow, invocation).is_some() || !given && raw()
}

/// In the style of the file. Chance keeps transactions that met from meeting again.
fn helper(text: &str, typed: bool) -> String {
    let (end, newline) = line_ends(text);
    let unit = indent_unit(text);
    let quote = quote(text);
    let (types, run, result, error) = match typed {
        true => (
            "<T>",
            "run: () => Promise<T>",
            ": Promise<T>",
            "error as { code?: string; meta?: { code?: string } } | undefined",
        ),
        false => ("", "run", "", "error"),
    };
    let lines = [
        (0, "/** Runs a transaction again that PostgreSQL ended in favour of another one. */".to_owned()),
        (0, format!("async function {NAME}{types}({run}){result} {{")),
        (1, "for (let attempt = 1; ; attempt++) {".to_owned()),
        (2, "try {".to_owned()),
        (3, format!("return await run(){end}")),
        (2, "} catch (error) {".to_owned()),
        (3, format!("const known = {error}{end}")),
        (3, format!("const codes = [{quote}P2034{quote}, {quote}40001{quote}, {quote}40P01{quote}]{end}")),
        (
            3,
            format!(
                "const met = codes.some((code) => code === known?.code || code === known?.meta?.code){end}"
            ),
        ),
        (3, format!("if (!met || attempt >= {ATTEMPTS}) throw error{end}")),
        (3, format!("const pause = Math.random() * 20 * 2 ** attempt{end}")),
        (3, format!("await new Promise((resolve) => setTimeout(resolve, pause)){end}")),
        (2, "}".to_owned()),
        (1, "}".to_owned()),
        (0, "}".to_owned()),
    ];
    let before = if text.ends_with('\n') { newline.to_owned() } else { newline.repeat(2) };
    let body: String =
        lines.iter().map(|(depth, line)| format!("{}{line}{newline}", unit.repeat(*depth))).collect();
    format!("{before}{body}")
}
