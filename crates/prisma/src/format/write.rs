//! Items and lines to text: blank-line groups, sorted attributes, block attributes at the end of their block.

use super::grammar::{Attribute, Comment, Item, Line};
use super::layout::{Table, push};

const INDENT: usize = 2;

/// The order of attributes on a field and of block attributes; what is not named here comes last, in the order of
/// the text.
const ORDER: [&str; 9] =
    ["id", "unique", "default", "updatedAt", "index", "fulltext", "map", "relation", "ignore"];

pub(super) fn write(items: &[Item<'_>]) -> String {
    let mut out = String::new();
    let items = match items {
        [Item::EmptyLines, rest @ ..] => rest,
        all => all,
    };
    for (at, item) in items.iter().enumerate() {
        match item {
            Item::Block { keyword, name, lines } => block(keyword, name, lines, &mut out),
            Item::Comments(list) => {
                let mut table = Table::default();
                comments(list, &mut table);
                table.flush(0, &mut out);
            }
            Item::EmptyLines if at + 1 < items.len() => out.push('\n'),
            Item::EmptyLines => {}
            Item::Raw(text) => push(text, 0, &mut out),
        }
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn block(keyword: &str, name: &str, lines: &[Line<'_>], out: &mut String) {
    push(&format!("{keyword} {name} {{\n"), 0, out);
    let mut table = Table::default();
    let mut attributes: Vec<(Option<&[Comment<'_>]>, &Line<'_>)> = Vec::new();
    let mut lines = lines.iter().peekable();
    lines.next_if(|line| matches!(line, Line::EmptyLines));
    let mut pending = None;
    loop {
        let apart = lines.next_if(|line| matches!(line, Line::EmptyLines)).is_some();
        let Some(line) = lines.next() else { break };
        match line {
            // An empty line begins a new group of aligned columns; before a block attribute it is dropped, because
            // these move to the end.
            Line::Comments(list) => {
                if matches!(lines.peek(), Some(Line::BlockAttribute { .. })) {
                    pending = Some(list.as_slice());
                    continue;
                }
                if apart {
                    regroup(&mut table, out);
                }
                comments(list, &mut table);
                continue;
            }
            Line::BlockAttribute { .. } => {
                attributes.push((pending.take(), line));
                continue;
            }
            _ if apart => regroup(&mut table, out),
            _ => {}
        }
        plain(line, &mut table);
    }
    table.flush(INDENT, out);
    if !attributes.is_empty() {
        table.blank();
    }
    attributes.sort_by_key(|(_, line)| match line {
        Line::BlockAttribute { attribute, .. } => rank(attribute),
        _ => usize::MAX,
    });
    for (above, line) in attributes {
        if let Some(list) = above {
            comments(list, &mut table);
        }
        if let Line::BlockAttribute { attribute, trailing } = line {
            table.row(vec![format!("@@{}{}", attribute.name, attribute.arguments)], trailing.unwrap_or(""));
        }
    }
    table.flush(INDENT, out);
    push("}\n", 0, out);
}

fn regroup(table: &mut Table, out: &mut String) {
    table.flush(INDENT, out);
    table.blank();
}

fn plain(line: &Line<'_>, table: &mut Table) {
    match line {
        Line::Field { name, ty, attributes, trailing } => {
            let mut sorted: Vec<&Attribute<'_>> = attributes.iter().collect();
            sorted.sort_by_key(|attribute| rank(attribute));
            let sorted: Vec<String> = sorted.into_iter().map(spelled).collect();
            let columns = vec![(*name).to_owned(), ty.clone().unwrap_or_default(), sorted.join(" ")];
            table.row(columns, trailing.unwrap_or(""));
        }
        Line::Value { name, attributes, trailing } => {
            // Prisma writes the attributes of a value one after the other, without a blank.
            let attributes: String = attributes.iter().map(spelled).collect();
            table.row(vec![(*name).to_owned(), attributes], trailing.unwrap_or(""));
        }
        Line::Entry { key, value, trailing } => {
            let value = value.as_ref().map(|value| format!("= {value}"));
            table.row(vec![(*key).to_owned(), value.unwrap_or_default()], trailing.unwrap_or(""));
        }
        Line::Raw(text) => table.raw(text.trim_end_matches('\n')),
        Line::BlockAttribute { .. } | Line::Comments(_) | Line::EmptyLines => {}
    }
}

fn spelled(attribute: &Attribute<'_>) -> String {
    format!("@{}{}", attribute.name, attribute.arguments)
}

fn rank(attribute: &Attribute<'_>) -> usize {
    ORDER.iter().position(|name| *name == attribute.name).unwrap_or(usize::MAX)
}

fn comments(list: &[Comment<'_>], table: &mut Table) {
    for comment in list {
        match comment {
            Comment::Documentation(text) => table.row(Vec::new(), &format!("///{text}")),
            Comment::Plain(text) => table.row(Vec::new(), &format!("//{text}")),
            Comment::Block(inner) => {
                table.row(Vec::new(), "/**");
                for line in inner.lines() {
                    let line = line.trim();
                    let line = line.strip_prefix('*').map_or(line, str::trim_start);
                    if !line.is_empty() {
                        table.row(Vec::new(), &format!(" * {line}"));
                    }
                }
                table.row(Vec::new(), " */");
            }
        }
    }
}
