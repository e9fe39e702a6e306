//! Names of several styles in one database.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::{ObjectKind, ObjectRef, Place};
use pgsteward_model::rule::{Group, Rule};

use super::shared;
use crate::shared::{column_place, quoted_list, table_place, words};

pub(super) static RULE: Rule = Rule {
    id: "mixed-naming-styles",
    group: Group::Schema,
    severity: Severity::Info,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["schemalint:name-casing", "prisma-lint:model-name-mapping-snake-case"],
    page: include_str!("mixed_naming_styles.md"),
    check,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Snake,
    Camel,
    Pascal,
}

impl Style {
    const ALL: [Style; 3] = [Style::Snake, Style::Camel, Style::Pascal];

    /// The style written in itself.
    fn word(self) -> &'static str {
        match self {
            Style::Snake => "snake_case",
            Style::Camel => "camelCase",
            Style::Pascal => "PascalCase",
        }
    }
}

/// Fewer names than this of another style are exceptions, and so is less than one name in twenty.
const SEVERAL: usize = 3;
const ONE_IN: usize = 20;
/// How many of the odd ones are named.
const SHOWN: usize = 4;

fn check(facts: &Facts) -> Vec<Finding> {
    let mut tables: Vec<Name> = Vec::new();
    let mut columns: Vec<Name> = Vec::new();
    for table in shared::tables(facts).filter(|table| !shared::is_implicit_join(table)) {
        let family = words(&table.name.name).into_iter().next().unwrap_or_default();
        if let Some(style) = style(&table.name.name) {
            let (name, place) = (table.name.display(), table_place(facts, table));
            tables.push(Name { style, name, family: family.clone(), place });
        }
        for column in &table.columns {
            if let Some(style) = style(&column.name) {
                let (name, place) =
                    (shared::column_name(table, column), column_place(facts, table, &column.name));
                columns.push(Name { style, name, family: family.clone(), place });
            }
        }
    }
    let (tables, columns) = (Mix::of("tables", tables), Mix::of("columns", columns));
    let mixes: Vec<&Mix> = [&tables, &columns].into_iter().flatten().collect();
    let Some(first) = mixes.first() else { return Vec::new() };
    let mut details = Vec::new();
    for mix in &mixes {
        let names: Vec<&str> = mix.odd.iter().take(SHOWN).map(|odd| odd.name.as_str()).collect();
        let rest = mix.odd.len() - names.len();
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        details.push(format!("{}: {}{more} stand apart.", mix.phrase(), quoted_list(&names)));
    }
    let namespace = shared::tables(facts).next().map_or("public", |table| table.name.namespace.as_str());
    let place = Place::object(ObjectRef::named(ObjectKind::Schema, namespace));
    let mut found = Finding::on_object(
        &RULE,
        place,
        format!("the database mixes naming styles: {}", first.phrase()),
    )
    .detail(format!(
        "{} Whoever writes SQL by hand must look up how each name is written, and which ones need quotes.",
        details.join(" ")
    ))
    .hint(
        "choose one style for tables and one for columns; @map and @@map keep the client's names as they are",
    );
    for mix in &mixes {
        found = found.evidence(Evidence::Share {
            what: format!("{} of another style", mix.what),
            value: mix.odd.len() as f64 / mix.all as f64,
        });
        for odd in mix.odd.iter().take(SHOWN) {
            found = found.also(odd.place.clone());
        }
    }
    vec![found]
}

struct Name {
    style: Style,
    name: String,
    /// First word of the table's name: the tables of a library share it.
    family: String,
    place: Place,
}

/// Names of one kind of which several do not follow the most common style.
struct Mix {
    what: &'static str,
    all: usize,
    common: Style,
    odd: Vec<Name>,
}

impl Mix {
    fn of(what: &'static str, names: Vec<Name>) -> Option<Mix> {
        let count = |style: Style| names.iter().filter(|name| name.style == style).count();
        let common = Style::ALL.into_iter().rev().max_by_key(|style| count(*style))?;
        let all = names.len();
        let odd: Vec<Name> = names.into_iter().filter(|name| name.style != common).collect();
        let several = odd.len() >= SEVERAL && odd.len() * ONE_IN >= all;
        // A library brings tables of its own style, all of one family.
        let families = odd.iter().any(|name| name.family != odd[0].family);
        (several && families).then_some(Mix { what, all, common, odd })
    }

    fn phrase(&self) -> String {
        format!("{} of {} {} are not {}", self.odd.len(), self.all, self.what, self.common.word())
    }
}

/// The style of a name, where it shows one: a single word in lower case fits two of them.
fn style(name: &str) -> Option<Style> {
    let name = name.trim_start_matches('_');
    let first = name.chars().next()?;
    let upper = name.chars().any(char::is_uppercase);
    let lower = name.chars().any(char::is_lowercase);
    let underscore = name.trim_end_matches('_').contains('_');
    match (first.is_uppercase(), upper, underscore) {
        (true, ..) if lower && !underscore => Some(Style::Pascal),
        (false, true, false) => Some(Style::Camel),
        (false, false, true) => Some(Style::Snake),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Style, style};

    #[test]
    fn a_word_in_lower_case_shows_no_style() {
        assert!(style("orders").is_none());
        assert!(style("order_items") == Some(Style::Snake));
        assert!(style("orderItems") == Some(Style::Camel));
        assert!(style("OrderItem") == Some(Style::Pascal));
        assert!(style("ID").is_none());
    }
}
