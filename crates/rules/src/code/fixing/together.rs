//! Writes that follow each other, as one transaction: a list of them, or a callback where one uses what another returned.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Awaited, Call, Confidence, Effect, Site};
use pgsteward_model::source::Span;

use super::edit;
use super::loop_fix::{indent_at, is_typescript, line_ends};
use super::narrowed::loses_narrowing;
use super::outside::changes_outside;
use super::statement::{Statement, statement};
use crate::code::flow::Flow;
use crate::code::text::{closing, count_word, indent_unit, is_path, mentions_word, names_of_pattern};

/// What stands in place of an effect, told the name of the transaction's client.
type Row<'r> = dyn Fn(&str) -> String + 'r;

/// None where something between the writes is not known to stay inside of the database, or a name would lose its meaning.
/// `calls` are the writes, in the order of the text.
pub(in crate::code) fn fix(flow: &Flow, calls: &[&Call]) -> Option<Fix> {
    let (first, last) = (*calls.first()?, *calls.last()?);
    let text: &str = &flow.facts.sources.get(&first.site.at.file)?.text;
    let (start, end) = (statement(text, first)?.span.start, statement(text, last)?.span.end);
    let region = Span::new(start, end);
    let all = alone(flow, first, text, region, None)?;
    let written = list(flow, text, &all, region).or_else(|| callback(flow, text, &all, region, None))?;
    let edit = TextEdit { span: region, text: written };
    let (done, undone) = edit::there_and_back(flow.facts, &first.site.at.file, vec![edit])?;
    Some(Fix {
        title: "make the writes one transaction".into(),
        safety: Safety::Review,
        change: Change { steps: vec![done], rollback: Rollback::Steps(vec![undone]) },
    })
}

/// A write and the effect behind it as one transaction, with `row` in place of the effect: it is told the name of the client.
/// `statement` is the effect's.
pub(super) fn with_row(
    flow: &Flow,
    write: &Call,
    effect: &Effect,
    statement_of_effect: Span,
    row: &Row,
) -> Option<TextEdit> {
    let text: &str = &flow.facts.sources.get(&write.site.at.file)?.text;
    let together = effect.site.at.file == write.site.at.file
        && effect.site.function == write.site.function
        && effect.site.loops == write.site.loops
        && effect.site.tries == write.site.tries;
    let region = Span::new(statement(text, write)?.span.start, statement_of_effect.end);
    let all = alone(flow, write, text, region, Some(effect.site.at.span)).filter(|_| together)?;
    let text = callback(flow, text, &all, region, Some((effect.site.at.span, row)))?;
    Some(TextEdit { span: region, text })
}

/// The calls of a region that nothing else happens in, but for one thing that is taken out of it.
fn alone<'a>(
    flow: &Flow<'a>,
    first: &Call,
    text: &str,
    region: Span,
    but: Option<Span>,
) -> Option<Vec<&'a Call>> {
    let code = text.get(region.start..region.end)?;
    let inside = |site: &Site| {
        site.at.file == first.site.at.file
            && region.contains(site.at.span)
            && but.is_none_or(|but| !but.contains(site.at.span))
    };
    let function = first.site.function;
    let all: Vec<&Call> =
        flow.calls_of(function).map(|(_, call)| call).filter(|call| inside(&call.site)).collect();
    let own = |call: &&Call| {
        call.receiver == first.receiver
            && call.site.awaited == Awaited::Await
            && call.site.transaction.is_none()
            && call.site.loops == first.site.loops
            && call.site.tries == first.site.tries
    };
    let elsewhere = flow.raw_of(function).iter().any(|index| inside(&flow.code.raw[*index].site))
        || flow.effects_of(function).iter().any(|index| inside(&flow.code.effects[*index].site))
        || flow.invocations_of(function).any(|(_, invocation)| inside(&invocation.site));
    let one_block = closing(&format!("{{{code}\n}}")) == Some(code.len() + 3);
    // What `queue.add` changes is what is taken out.
    let kept = match but {
        Some(but) => format!("{}{}", text.get(region.start..but.start)?, text.get(but.end..region.end)?),
        None => code.to_owned(),
    };
    let leaves =
        ["return", "break", "continue", "yield", "let", "var", "function", "class", "super", "arguments"];
    let fits = all.iter().all(own)
        && !elsewhere
        && one_block
        && count_word(code, "await") == all.len() + usize::from(but.is_some())
        && !leaves.iter().any(|word| mentions_word(code, word))
        && has_transactions(flow, first)
        && !changes_outside(&kept);
    fits.then_some(all)
}

/// The receiver is a whole client. One that a parameter or a wrapper hands in may be a transaction's, which has none.
fn has_transactions(flow: &Flow, call: &Call) -> bool {
    let named = flow.code.transactions.iter().any(|transaction| {
        let at = &transaction.site.at;
        let text = flow.facts.sources.get(&at.file).map_or("", |file| file.slice(at.span));
        at.file == call.site.at.file && text.starts_with(&format!("{}.$transaction", call.receiver))
    });
    let resolved = call.confidence == Confidence::Resolved && !call.on_transaction;
    let names =
        flow.code.functions[call.site.function].parameters.iter().map(|parameter| parameter.name.as_str());
    let given = names.into_iter().any(|name| name == crate::code::text::root(&call.receiver));
    is_path(&call.receiver) && (named || resolved && !given)
}

/// `await prisma.$transaction([…])`, where nothing stands between the calls and none needs another's result.
fn list(flow: &Flow, text: &str, calls: &[&Call], region: Span) -> Option<String> {
    let statements: Vec<Statement> = calls.iter().map(|call| statement(text, call)).collect::<Option<_>>()?;
    let mut comments: Vec<Vec<&str>> = Vec::new();
    let mut at = region.start;
    for one in &statements {
        let between: Vec<&str> =
            text.get(at..one.span.start)?.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if !between.iter().all(|line| line.starts_with("//")) {
            return None;
        }
        comments.push(between);
        at = one.span.end;
    }
    let names: Vec<&str> =
        statements.iter().filter_map(|one| names_of_pattern(one.bound?)).flatten().collect();
    let used = |one: &Statement| {
        names.iter().any(|name| mentions_word(edit::text(flow.facts, one.call, one.call.site.at.span), name))
    };
    if statements.iter().any(used) {
        return None;
    }
    let (end, newline) = line_ends(text);
    let (indent, unit) = (indent_at(text, region.start), indent_unit(text));
    let receiver = &calls.first()?.receiver;
    let mut out = match statements.iter().rposition(|one| one.bound.is_some()) {
        None => String::new(),
        Some(last) => {
            let bound: Vec<&str> =
                statements[..=last].iter().map(|one| one.bound.unwrap_or_default()).collect();
            format!("const [{}] = ", bound.join(", "))
        }
    };
    out.push_str(&format!("await {receiver}.$transaction([{newline}"));
    for (one, comments) in statements.iter().zip(comments) {
        for comment in comments {
            out.push_str(&format!("{indent}{unit}{comment}{newline}"));
        }
        let call = deeper(edit::text(flow.facts, one.call, one.call.site.at.span), unit)?;
        out.push_str(&format!("{indent}{unit}{call},{newline}"));
    }
    out.push_str(&format!("{indent}]){end}"));
    Some(out)
}

/// `await prisma.$transaction(async (tx) => { … })`: what is named inside and used behind it is returned.
fn callback(
    flow: &Flow,
    text: &str,
    calls: &[&Call],
    region: Span,
    row: Option<(Span, &Row)>,
) -> Option<String> {
    let function = &flow.code.functions[calls.first()?.site.function];
    let whole = flow.text_of(calls.first()?.site.function);
    let client = ["tx", "trx", "transaction"].into_iter().find(|name| !mentions_word(whole, name))?;
    let receiver = &calls.first()?.receiver;
    let mut edits: Vec<TextEdit> = calls
        .iter()
        .map(|call| {
            let start = call.site.at.span.start - region.start;
            TextEdit { span: Span::new(start, start + receiver.len()), text: client.to_owned() }
        })
        .collect();
    edits.extend(row.map(|(at, row)| {
        let span = Span::new(at.start - region.start, at.end - region.start);
        TextEdit { span, text: row(client) }
    }));
    edits.sort_by_key(|edit| edit.span);
    let code = text.get(region.start..region.end)?;
    let body = deeper(&TextEdit::apply_all(code, &edits)?, indent_unit(text))?;
    // The client is named elsewhere in it: `helper(prisma)` would leave the transaction.
    if mentions_word(&body, receiver) {
        return None;
    }
    let behind = text.get(region.end..function.at.span.end)?;
    let mut needed = Vec::new();
    let (mut offset, mut declared) = (0, 0);
    for line in code.split_inclusive('\n') {
        let at = offset + line.len() - line.trim_start().len();
        offset += line.len();
        let Some(rest) = line.trim_start().strip_prefix("const ") else { continue };
        declared += 1;
        let names = names_of_pattern(rest.split_once('=')?.0.trim())?;
        let used: Vec<&str> = names.into_iter().filter(|name| mentions_word(behind, name)).collect();
        // What is declared in a block of its own is not there at the end, and the name behind means another.
        let head = &code[..at];
        if closing(&format!("{{{head}\n}}")) != Some(head.len() + 3) && !used.is_empty() {
            return None;
        }
        needed.extend(used);
    }
    let before = text.get(function.at.span.start..region.start)?;
    let narrowed = is_typescript(&function.at.file) && loses_narrowing(before, code, Some(receiver.as_str()));
    if declared != count_word(code, "const") || narrowed {
        return None;
    }
    let (end, newline) = line_ends(text);
    let (indent, unit) = (indent_at(text, region.start), indent_unit(text));
    let (head, result) = match needed.as_slice() {
        [] => (String::new(), None),
        [one] => (format!("const {one} = "), Some((*one).to_owned())),
        several => {
            let list = format!("{{ {} }}", several.join(", "));
            (format!("const {list} = "), Some(list))
        }
    };
    let returned =
        result.map(|result| format!("{newline}{indent}{unit}return {result}{end}")).unwrap_or_default();
    Some(format!(
        "{head}await {receiver}.$transaction(async ({client}) => {{{newline}{indent}{unit}{body}{returned}{newline}{indent}}}){end}"
    ))
}

/// One step further in, but for empty lines. A template of several lines would change with its indent.
fn deeper(code: &str, unit: &str) -> Option<String> {
    if code.contains('`') && code.contains('\n') {
        return None;
    }
    let lines: Vec<String> = code
        .split('\n')
        .enumerate()
        .map(|(at, line)| match line.trim() {
            "" => line.trim_start_matches([' ', '\t']).to_owned(),
            _ if at == 0 => line.to_owned(),
            _ => format!("{unit}{line}"),
        })
        .collect();
    Some(lines.join("\n"))
}
