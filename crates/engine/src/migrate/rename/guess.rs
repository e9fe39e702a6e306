//! Guesses: which pairs of "goes" and "comes" may be one object under a new name, and why one would think so.
//! Nothing is renamed for a guess; it is shown, and a person answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_prisma::diff::{DiffOptions, SchemaStep, TableChange, diff};

use super::Wish;

/// A pair that may be a rename.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    pub wish: Wish,
    /// Why: "same type", "the names are alike". In words, the strongest first.
    pub reasons: Vec<String>,
    /// From 0 to 1.
    pub likeness: f32,
}

impl Guess {
    /// What to write on the command line to accept it.
    pub fn flag(&self) -> String {
        match &self.wish.field {
            Some(field) => format!("--rename {}.{field}={}", self.wish.model, self.wish.to),
            None => format!("--rename {}={}", self.wish.model, self.wish.to),
        }
    }
}

/// Below this a pair is not worth a question.
const LEAST: f32 = 0.45;

/// The guesses for one difference, the likeliest first; each object is in one guess at most. A table's columns
/// are only compared where the table keeps its name: rename the table first, and its columns are looked at then.
pub fn guesses(from: &Catalog, to: &Catalog, schema: &PrismaSchema, options: &DiffOptions) -> Vec<Guess> {
    let steps = diff(from, to, options);
    let mut candidates = tables(&steps, from, to, schema);
    for step in &steps {
        if let SchemaStep::AlterTable { table, changes } = step {
            candidates.extend(columns(table, changes, from, to, schema, options));
        }
    }
    candidates.sort_by(|a, b| b.likeness.total_cmp(&a.likeness));
    let mut taken: BTreeSet<(String, Option<String>)> = BTreeSet::new();
    candidates.retain(|guess| {
        let side = |name: &str| match &guess.wish.field {
            Some(_) => (guess.wish.model.clone(), Some(name.to_owned())),
            None => (name.to_owned(), None),
        };
        let old = side(guess.wish.field.as_deref().unwrap_or(&guess.wish.model));
        let new = side(&format!("→{}", guess.wish.to));
        if taken.contains(&old) || taken.contains(&new) {
            return false;
        }
        taken.extend([old, new]);
        true
    });
    candidates
}

fn tables(steps: &[SchemaStep], from: &Catalog, to: &Catalog, schema: &PrismaSchema) -> Vec<Guess> {
    let dropped = steps.iter().filter_map(|step| match step {
        SchemaStep::DropTable { table } => from.table(table),
        _ => None,
    });
    let created: Vec<&Table> = steps
        .iter()
        .filter_map(|step| match step {
            SchemaStep::CreateTable(new) => to.table(&new.name),
            _ => None,
        })
        .collect();
    let mut out = Vec::new();
    for old in dropped {
        for new in created.iter().filter(|new| new.name.namespace == old.name.namespace) {
            let Some(model) = schema.model_of_table(&new.name.namespace, &new.name.name) else { continue };
            let same = old
                .columns
                .iter()
                .filter(|column| new.column(&column.name).is_some_and(|other| other.ty == column.ty))
                .count();
            let total = old.columns.len().max(new.columns.len()).max(1);
            #[expect(clippy::cast_precision_loss, reason = "a table has at most 1,600 columns")]
            let share = same as f32 / total as f32;
            let name = likeness(&old.name.name, &new.name.name);
            let mut score = share.mul_add(0.75, name * 0.25);
            // Join tables have the same two columns everywhere.
            if same < 2 || total <= 2 {
                score = score.min(name);
            }
            if score < LEAST {
                continue;
            }
            let mut reasons = vec![format!("{same} of {total} columns are the same")];
            if name >= 0.6 {
                reasons.push("the names are alike".to_owned());
            }
            let wish = Wish { model: old.name.name.clone(), field: None, to: model.name.clone() };
            out.push(Guess { wish, reasons, likeness: score });
        }
    }
    out
}

fn columns(
    name: &QName,
    changes: &[TableChange],
    from: &Catalog,
    to: &Catalog,
    schema: &PrismaSchema,
    options: &DiffOptions,
) -> Vec<Guess> {
    let (Some(old), Some(new)) = (from.table(name), to.table(name)) else { return Vec::new() };
    let Some(model) = schema.model_of_table(&name.namespace, &name.name) else { return Vec::new() };
    let dropped: Vec<&String> = changes
        .iter()
        .filter_map(|change| match change {
            TableChange::DropColumn { name } => Some(name),
            _ => None,
        })
        .collect();
    let added: Vec<&String> = changes
        .iter()
        .filter_map(|change| match change {
            TableChange::AddColumn(column) => Some(&column.name),
            _ => None,
        })
        .collect();
    let mut out = Vec::new();
    for gone in &dropped {
        for come in &added {
            let (Some(before), Some(after)) = (old.column(gone), new.column(come)) else { continue };
            if column_is_made_anew(name, gone, come, from, to, options) {
                continue;
            }
            let alone = dropped.len() == 1 && added.len() == 1;
            let name = likeness(gone, come);
            let same_type = before.ty == after.ty;
            let mut reasons = Vec::new();
            if same_type {
                reasons.push(format!("same type {}", before.ty));
            } else {
                reasons.push(format!("type {} can become {}", before.ty, after.ty));
            }
            if before.not_null == after.not_null {
                reasons.push(if before.not_null { "both required" } else { "both optional" }.to_owned());
            }
            if name >= 0.5 {
                reasons.push("the names are alike".to_owned());
            }
            if alone {
                reasons.push("nothing else goes or comes in this table".to_owned());
            }
            let place = |table: &Table, column: &str| table.columns.iter().position(|one| one.name == column);
            let same_place = place(old, gone) == place(new, come);
            if same_place {
                reasons.push("the same place in the table".to_owned());
            }
            let bonus = |given: bool, worth: f32| if given { worth } else { 0.0 };
            let score = name * 0.5
                + bonus(same_type, 0.25)
                + bonus(before.not_null == after.not_null, 0.05)
                + bonus(alone, 0.15)
                + bonus(same_place, 0.05);
            if score < LEAST {
                continue;
            }
            let to = model.field_of_column(come).map_or_else(|| (*come).clone(), |field| field.name.clone());
            let wish = Wish { model: model.name.clone(), field: Some((*gone).clone()), to };
            out.push(Guess { wish, reasons, likeness: score.min(1.0) });
        }
    }
    out
}

/// Whether Prisma would drop the column and make it anew even under the new name: then nothing is kept.
fn column_is_made_anew(
    table: &QName,
    from_name: &str,
    to_name: &str,
    from: &Catalog,
    to: &Catalog,
    options: &DiffOptions,
) -> bool {
    let mut renamed = from.clone();
    if let Some(column) = renamed.table_mut(table).and_then(|table| table.column_mut(from_name)) {
        to_name.clone_into(&mut column.name);
    }
    diff(&renamed, to, options).iter().any(|step| match step {
        SchemaStep::AlterTable { table: altered, changes } => {
            altered == table
                && changes.iter().any(
                    |change| matches!(change, TableChange::RecreateColumn(column) if column.name == to_name),
                )
        }
        _ => false,
    })
}

/// How alike two names are, from 0 to 1: by their words first (`fullName` and `name`), then by their letters.
fn likeness(a: &str, b: &str) -> f32 {
    let words = |name: &str| -> BTreeSet<String> {
        super::super::name::slugify(name)
            .split('_')
            .map(|word| word.trim_end_matches('s').to_owned())
            .collect()
    };
    let (left, right) = (words(a), words(b));
    let common = left.intersection(&right).filter(|word| !word.is_empty()).count();
    let most = left.len().max(right.len()).max(1);
    #[expect(clippy::cast_precision_loss, reason = "a name has a handful of words")]
    let by_words = common as f32 / most as f32;
    let letters = similar::TextDiff::from_chars(a.to_lowercase().as_str(), b.to_lowercase().as_str()).ratio();
    by_words.max(letters)
}

/// How often the code of a project names each of these fields or models, as a word of its own. A cheap look at
/// the text: it says which name the code already uses, no more.
pub fn code_uses(root: &Path, names: &BTreeSet<String>) -> BTreeMap<String, usize> {
    const LARGEST: u64 = 1 << 20;
    let mut found = BTreeMap::new();
    if names.is_empty() {
        return found;
    }
    let walker = ignore::WalkBuilder::new(root)
        .follow_links(false)
        .require_git(false)
        .max_depth(Some(16))
        .filter_entry(|entry| {
            !matches!(
                entry.file_name().to_str(),
                Some("node_modules" | "dist" | ".git" | ".next" | "generated")
            )
        })
        .build();
    // What cannot be read is not counted: the count is a hint for a person, no fact that anything rests on.
    for entry in walker.flatten() {
        let is_code =
            entry.path().extension().and_then(|extension| extension.to_str()).is_some_and(|extension| {
                matches!(
                    extension,
                    "ts" | "tsx" | "mts" | "cts" | "js" | "jsx" | "mjs" | "cjs" | "vue" | "svelte"
                )
            });
        if !is_code || entry.metadata().map_or(true, |meta| meta.len() > LARGEST) {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
        let words = text.split(|one: char| !(one.is_alphanumeric() || one == '_' || one == '$'));
        for word in words.filter(|word| names.contains(*word)) {
            *found.entry(word.to_owned()).or_insert(0) += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_alike_by_words_or_letters() {
        assert!(likeness("name", "fullName") >= 0.5);
        assert!(likeness("created_at", "createdAt") > 0.9);
        assert!(likeness("emial", "email") > 0.7);
        assert!(likeness("price", "street") < 0.6);
        assert!(likeness("Users", "User") > 0.9);
    }
}
