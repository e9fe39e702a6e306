//! Enumerated types as enum blocks.

use super::matching::Matching;
use super::names;
use super::text::{Block, member};
use super::warnings::{Warning, Warnings};

pub(super) fn render(matching: &Matching<'_>, at: usize, namespaces: bool) -> String {
    let one = &matching.database.enums[at];
    let old = matching.enums[at];
    let named = matching.enum_name(at);
    let mut block = Block::new("enum", named.name, old.and_then(|old| old.documentation()));
    if old.is_none() && one.commented {
        block.document("This enum is commented in the database, and requires an additional setup for migrations: Read more: https://pris.ly/d/database-comments");
    }
    for value in one.values {
        let named = matching.enum_value(at, value);
        let docs = old.and_then(|old| old.value(value)).and_then(|(_, docs)| docs);
        let (name, commented) = shown(&named.name, value);
        let mut words = vec![name];
        words.extend(named.map.map(|map| format!("@map({})", names::quoted(&map))));
        block.line(member(docs.as_deref(), commented, &words));
    }
    block.lines_for(named.map.as_deref(), false, namespaces.then_some(one.name.namespace.as_str()));
    block.render()
}

/// The name to print; a value whose name cannot be cleaned is shown as it is, in a comment.
fn shown(name: &str, value: &str) -> (String, bool) {
    let name = if name.is_empty() { value } else { name };
    (name.to_owned(), name.is_empty() || names::needs_cleaning(name))
}

pub(super) fn warn(matching: &Matching<'_>, at: usize, warnings: &mut Warnings) {
    let one = &matching.database.enums[at];
    let named = matching.enum_name(at);
    let name = &named.name;
    let old = matching.enums[at];
    if old.is_some() && named.map.is_some() {
        warnings.add(Warning::RemappedEnums, format!("\"{name}\""));
    }
    if old.is_none() && !matching.is_unique(&one.name.name) {
        warnings.add(Warning::DuplicateNames, format!("Type: \"enum\", name: \"{name}\""));
    }
    if one.commented {
        warnings.add(Warning::Comments, format!("Type: \"enum\", name: \"{name}\""));
    }
    for value in one.values {
        let named = matching.enum_value(at, value);
        let (value_name, commented) = shown(&named.name, value);
        let item = format!("Enum: \"{name}\", value: \"{value_name}\"");
        if commented {
            warnings.add(Warning::EnumValuesWithoutName, item);
        } else if named.map.is_some() && old.is_some_and(|old| old.value(value).is_some()) {
            warnings.add(Warning::RemappedEnumValues, item);
        }
    }
}
