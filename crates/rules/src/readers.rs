//! Where the code of the checkout still names a table or a column, or needs an index: what a migration that takes it
//! away asks. The release that still runs may know more than the checkout does.

use pgsteward_model::catalog::{QName, Table};
use pgsteward_model::code::{Access, Code, FileRole, Limit, Lowered, RawQuery, Site};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::Finding;
use pgsteward_model::place::Place;
use pgsteward_model::prisma::At;

use crate::shared;

/// Places named in a sentence; the rest is counted.
const NAMED: usize = 3;
/// Places that a finding carries besides its own.
const CARRIED: usize = 20;

/// Who still asks for something.
pub(crate) struct Readers {
    places: Vec<Place>,
    /// Nothing that was not understood could name it.
    complete: bool,
}

/// Calls and queries that name one of the columns. None where no code was read.
pub(crate) fn of_columns(facts: &Facts, table: &QName, columns: &[&str]) -> Option<Readers> {
    let has = |name: &String| columns.contains(&name.as_str());
    readers(facts, table, &|access| names(access).any(has), &|words| {
        columns.iter().any(|name| words.contains(name))
    })
}

/// Calls and queries on the table. None where no code was read.
pub(crate) fn of_table(facts: &Facts, table: &QName) -> Option<Readers> {
    readers(facts, table, &|_| true, &|_| true)
}

/// Calls that look for rows by the first column of an index, or take the first rows in its order, where no other index
/// of the table as it will be begins with that column.
pub(crate) fn of_index(facts: &Facts, before: &Table, index: &str) -> Option<Readers> {
    let leading = before.index(index)?.keys.first()?.column.clone()?;
    let left = facts.catalog()?.table(&before.name)?;
    let replaced = left.indexes.iter().any(|other| {
        other.name != index
            && other.valid
            && other.predicate.is_none()
            && other.leading_columns().first() == Some(&leading.as_str())
    });
    if replaced || left.index(index).is_some() {
        return None;
    }
    let needs = |access: &Access| {
        let given =
            access.equal.iter().chain(&access.any_of).chain(&access.range).any(|name| *name == leading);
        let first =
            access.sort.first().is_some_and(|sort| sort.column == leading) && access.limit != Limit::None;
        !access.unique && (given || first)
    };
    readers(facts, &before.name, &needs, &|_| false)
}

impl Readers {
    pub(crate) fn any(&self) -> bool {
        !self.places.is_empty()
    }

    /// With the places beside the finding's own, and a sentence: `Still read at src/x.ts:41.`
    pub(crate) fn tell(self, finding: Finding, verb: &str) -> Finding {
        let sentence = match (self.places.is_empty(), self.complete) {
            (true, false) => return finding,
            (true, true) => {
                "Nothing in the code of this checkout names it any more; the release that still runs may."
                    .to_owned()
            }
            (false, _) => {
                let named: Vec<String> = self
                    .places
                    .iter()
                    .filter_map(|place| place.file.as_ref())
                    .take(NAMED)
                    .map(|range| format!("{}:{}", range.file, range.start.line))
                    .collect();
                let more = match self.places.len() - named.len() {
                    0 => String::new(),
                    1 => " and one more place".to_owned(),
                    more => format!(" and {more} more places"),
                };
                format!("{verb} at {}{more}.", named.join(", "))
            }
        };
        let detail = format!("{} {sentence}", finding.detail);
        self.places.into_iter().take(CARRIED).fold(finding.detail(detail), Finding::also)
    }
}

fn readers(
    facts: &Facts,
    table: &QName,
    asks: &dyn Fn(&Access) -> bool,
    says: &dyn Fn(&[&str]) -> bool,
) -> Option<Readers> {
    let code = facts.code.as_deref()?;
    let on =
        |access: &Access| access.table == table.name && access.namespace == table.namespace && asks(access);
    let mut at: Vec<&At> = Vec::new();
    let mut complete = code.left_out.is_empty();
    let model = shared::model_of(facts, table).map(|model| model.name.as_str());
    for call in code.calls.iter().filter(|call| counts(code, &call.site)) {
        if call.lowered.queries().flat_map(|query| &query.accesses).any(on) {
            at.push(&call.name_at);
        }
        if matches!(call.lowered, Lowered::NotUnderstood { .. }) && Some(call.model.as_str()) == model {
            complete = false;
        }
    }
    for raw in code.raw.iter().filter(|raw| counts(code, &raw.site)) {
        if raw.lowered.queries().flat_map(|query| &query.accesses).any(on) || mentions(raw, table, says) {
            at.push(&raw.site.at);
        }
        complete &= raw.text.is_some();
    }
    at.sort_by_key(|at| (at.file.clone(), at.span));
    at.dedup();
    let places = at.into_iter().map(|at| Place::file(shared::range(facts, at))).collect();
    Some(Readers { places, complete })
}

/// Tests and generated files change with what they test and what they are made from.
fn counts(code: &Code, site: &Site) -> bool {
    matches!(code.function(site).file_role, FileRole::Application | FileRole::Script | FileRole::Seed)
}

fn names(access: &Access) -> impl Iterator<Item = &String> {
    let patterns = access.patterns.iter().map(|pattern| &pattern.column);
    let sort = access.sort.iter().map(|sort| &sort.column);
    let conditions = access.equal.iter().chain(&access.any_of).chain(&access.range).chain(&access.other);
    conditions.chain(access.columns.iter()).chain(patterns).chain(sort)
}

/// The text of a query has the table's name among its words, and the rest is asked.
fn mentions(raw: &RawQuery, table: &QName, says: &dyn Fn(&[&str]) -> bool) -> bool {
    let Some(text) = &raw.text else { return false };
    let words: Vec<&str> = text
        .split(|character: char| !(character.is_alphanumeric() || matches!(character, '_' | '$')))
        .collect();
    words.contains(&table.name.as_str()) && says(&words)
}
