//! The datasource and the generators of the schema before, written anew in Prisma's order of their keys. Comments
//! above them are dropped, as Prisma does; `extensions` is kept as written.

use super::names::quoted;
use super::previous::Previous;
use crate::schema::ast::{Argument, Block, BlockKind, Expr, ExprKind};

/// Blocks with the number of the file that they belong to: generators first.
pub(super) fn render(
    previous: &Previous,
    namespaces: Option<&[String]>,
    partial_indexes: bool,
) -> Vec<(usize, String)> {
    let generators = previous.configuration(BlockKind::Generator);
    let mut blocks: Vec<(usize, String)> =
        generators.map(|(file, block)| (file, generator(block, partial_indexes))).collect();
    let sources = previous.configuration(BlockKind::Datasource);
    blocks.extend(sources.map(|(file, block)| (file, datasource(block, namespaces))));
    blocks
}

fn entry<'a>(block: &'a Block, key: &str) -> Option<&'a Expr> {
    block.entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
}

fn generator(block: &Block, partial_indexes: bool) -> String {
    const FIRST: [&str; 4] = ["provider", "output", "previewFeatures", "binaryTargets"];
    let mut lines = Vec::new();
    for key in ["provider", "output"] {
        lines.extend(entry(block, key).map(|value| format!("{key} = {}", value_text(value))));
    }
    let features = entry(block, "previewFeatures");
    let mut names: Vec<String> = features
        .map(Expr::elements)
        .unwrap_or_default()
        .iter()
        .filter_map(Expr::as_string)
        .map(quoted)
        .collect();
    names.sort_unstable();
    names.dedup();
    let partial = quoted("partialIndexes");
    if partial_indexes && !names.contains(&partial) {
        names.push(partial);
    }
    if features.is_some() || !names.is_empty() {
        lines.push(format!("previewFeatures = [{}]", names.join(", ")));
    }
    let targets = entry(block, "binaryTargets").filter(|value| !value.elements().is_empty());
    lines.extend(targets.map(|value| {
        let targets: Vec<String> = value.elements().iter().map(value_text).collect();
        format!("binaryTargets = [{}]", targets.join(", "))
    }));
    let mut rest: Vec<_> =
        block.entries.iter().filter(|entry| !FIRST.contains(&entry.key.text.as_str())).collect();
    rest.sort_by(|a, b| a.key.text.cmp(&b.key.text));
    lines.extend(rest.into_iter().map(|entry| format!("{} = {}", entry.key.text, value_text(&entry.value))));
    format!("generator {} {{\n{}\n}}\n", block.name.text, lines.join("\n"))
}

/// A generator's value: Prisma keeps numbers and words as strings.
fn value_text(value: &Expr) -> String {
    match &value.kind {
        ExprKind::String(text) | ExprKind::Number(text) | ExprKind::Word(text) => quoted(text),
        ExprKind::Array(elements) => {
            format!("[{}]", elements.iter().map(value_text).collect::<Vec<_>>().join(", "))
        }
        _ => spelled(value),
    }
}

fn datasource(block: &Block, namespaces: Option<&[String]>) -> String {
    const KEYS: [&str; 6] =
        ["provider", "url", "directUrl", "shadowDatabaseUrl", "relationMode", "extensions"];
    let mut lines: Vec<String> = KEYS
        .iter()
        .filter_map(|key| entry(block, key).map(|value| format!("{key} = {}", spelled(value))))
        .collect();
    let own: Vec<&str> = entry(block, "schemas")
        .map(Expr::elements)
        .unwrap_or_default()
        .iter()
        .filter_map(Expr::as_string)
        .collect();
    let names: Vec<String> = match namespaces {
        Some(names) => names.iter().map(|name| quoted(name)).collect(),
        None => {
            let mut own: Vec<String> = own.into_iter().map(quoted).collect();
            own.sort_unstable();
            own
        }
    };
    if !names.is_empty() {
        lines.push(format!("schemas = [{}]", names.join(", ")));
    }
    format!("datasource {} {{\n{}\n}}\n", block.name.text, lines.join("\n"))
}

fn spelled(value: &Expr) -> String {
    let list = |elements: &[Expr]| elements.iter().map(spelled).collect::<Vec<_>>().join(", ");
    match &value.kind {
        ExprKind::String(text) => quoted(text),
        ExprKind::Number(text) | ExprKind::Word(text) => text.clone(),
        ExprKind::Call { name, arguments } => {
            let arguments: Vec<String> = arguments.iter().map(argument).collect();
            format!("{name}({})", arguments.join(", "))
        }
        ExprKind::Array(elements) => format!("[{}]", list(elements)),
        ExprKind::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, value)| format!("{name}: {}", spelled(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        ExprKind::Missing => String::new(),
    }
}

fn argument(argument: &Argument) -> String {
    match &argument.name {
        Some(name) => format!("{}: {}", name.text, spelled(&argument.value)),
        None => spelled(&argument.value),
    }
}
