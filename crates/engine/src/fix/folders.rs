//! SQL steps as migrations: few folders, each one that the team's runner can run, each with its way back.

use pgsteward_model::change::SqlStep;
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{History, Layout, Regime};

use super::{Plan, Write};
use crate::plain::{Directions, Marks, Names};

/// More statements than this that must each run alone share one folder, unless asked otherwise: nobody wants
/// 37 folders for 37 indexes.
const MOST_FOLDERS: usize = 3;

/// Rules that a statement of such a shared folder would break, had it not been run by hand before.
const BUILDS_BLOCKING: &str = "index-not-concurrent";
const DROPS_BLOCKING: &str = "index-drop-not-concurrent";

/// The SQL of one fix.
pub(super) struct Piece {
    pub(super) title: String,
    pub(super) up: Vec<SqlStep>,
    /// In the order of undoing.
    pub(super) down: Vec<SqlStep>,
}

/// One migration to be.
struct Folder {
    title: String,
    steps: Vec<SqlStep>,
    /// Indexes of the pieces that its steps come from.
    pieces: Vec<usize>,
}

/// Adds the migrations for the pieces to the plan.
pub(super) fn write(facts: &Facts, pieces: &[Piece], separate: bool, now: u64, plan: &mut Plan) {
    let up = || {
        let all = pieces.iter().enumerate();
        all.flat_map(|(index, piece)| piece.up.iter().map(move |step| (index, step)))
    };
    let Some(history) = &facts.history else {
        let sql: Vec<String> = up().map(|(_, step)| format!("{};", step.sql)).collect();
        plan.notes
            .push(format!("this project keeps no migrations; run on the database:\n{}", sql.join("\n")));
        return;
    };
    let folder = |steps: &[(usize, &SqlStep)]| Folder {
        title: common_title(steps.iter().map(|(index, _)| pieces[*index].title.as_str())),
        steps: steps.iter().map(|(_, step)| (*step).clone()).collect(),
        pieces: steps.iter().map(|(index, _)| *index).collect(),
    };
    let together: Vec<_> = up().filter(|(_, step)| step.transactional).collect();
    let alone: Vec<_> = up().filter(|(_, step)| !step.transactional).collect();
    let by_hand = history.regime == Regime::OneMessage && alone.len() > MOST_FOLDERS && !separate;
    // What must run alone comes first: constraints of the shared file may stand on an index of it.
    let mut folders: Vec<Folder> = match alone.is_empty() {
        true => Vec::new(),
        false if by_hand || (history.regime != Regime::OneMessage && !separate) => vec![folder(&alone)],
        false => alone.iter().map(|step| folder(std::slice::from_ref(step))).collect(),
    };
    if !together.is_empty() {
        folders.push(folder(&together));
    }
    let mut names = Names::new(history.files.iter().map(|file| file.name.as_str()), now);
    let marks = marks(facts, history);
    for (number, folder) in folders.iter().enumerate() {
        // A fix is undone where its last step was done.
        let ends_here =
            |index: &&usize| folders[number + 1..].iter().all(|later| !later.pieces.contains(index));
        let mut undone: Vec<usize> = folder.pieces.iter().filter(ends_here).copied().collect();
        undone.dedup();
        let down: Vec<SqlStep> = undone.iter().rev().flat_map(|index| pieces[*index].down.clone()).collect();
        let shared = by_hand && number == 0;
        let (title, text, extra) = if shared {
            let repeatable: String = folder.steps.iter().map(repeatable_line).collect();
            let text = format!(
                "-- Run concurrently.sql with psql first: it does the same without blocking writes. These statements then find\n\
                 -- their work done on a live database and do it themselves on an empty one.\n\n{repeatable}"
            );
            ("pgsteward fixes", text, Some(("concurrently.sql", text_of(&folder.steps, true))))
        } else {
            (folder.title.as_str(), text_of(&folder.steps, false), None)
        };
        let in_transaction = folder.steps.iter().chain(&down).all(|step| step.transactional);
        let down = Some(text_of(&down, false)).filter(|text| !text.is_empty());
        let (text, down) = marks.sections(text, down, in_transaction);
        let stem = names.next(&slug(title));
        for (path, after) in files(history, &stem, text, down, extra, &mut plan.notes) {
            plan.writes.push(Write { path, before: None, after });
        }
    }
    if by_hand {
        plan.notes.push(format!(
            "{} statements must each run alone, and this runner sends a file as one transaction: run concurrently.sql with \
             `psql -f` before the deploy, or ask for a folder each with --separate",
            alone.len()
        ));
    }
}

/// The title that all share, else a general one.
fn common_title<'a>(mut titles: impl Iterator<Item = &'a str>) -> String {
    let first = titles.next().unwrap_or("pgsteward fixes");
    if titles.all(|title| title == first) { first.to_owned() } else { "pgsteward fixes".to_owned() }
}

/// As the newest migration marks its directions; migrations of other layouts are a file for each.
fn marks(facts: &Facts, history: &History) -> Marks {
    let newest = history.files.last().and_then(|file| facts.sources.get(&file.path));
    match (history.layout, newest) {
        (Layout::Files, Some(file)) => Directions::of(&file.text).marks,
        _ => Marks::None,
    }
}

/// Statements with the lock timeout that the first of them asks for, set for this file alone.
fn text_of(steps: &[SqlStep], by_hand: bool) -> String {
    let mut text = String::new();
    let timeout =
        steps.iter().filter(|step| step.transactional).filter_map(|step| step.lock_timeout_ms).max();
    if let Some(timeout) = timeout {
        text.push_str(&format!("-- Give up rather than queue behind a long transaction and stop all traffic behind us.\nSET lock_timeout = '{timeout}ms';\n\n"));
    }
    for step in steps {
        text.push_str(&step.sql);
        text.push_str(";\n");
        if by_hand {
            text.push('\n');
        }
    }
    if timeout.is_some() {
        text.push_str("\nRESET lock_timeout;\n");
    }
    text
}

/// The same statement for a transaction, harmless where the work is done: `CREATE INDEX IF NOT EXISTS`.
fn repeatable(step: &SqlStep) -> SqlStep {
    let sql = step.sql.replacen(" CONCURRENTLY", "", 1);
    let sql = match sql.find(" INDEX ") {
        Some(at) if sql.starts_with("CREATE") => {
            format!("{} IF NOT EXISTS{}", &sql[..at + " INDEX".len()], &sql[at + " INDEX".len()..])
        }
        Some(at) if sql.starts_with("DROP") => {
            format!("{} IF EXISTS{}", &sql[..at + " INDEX".len()], &sql[at + " INDEX".len()..])
        }
        _ => sql,
    };
    SqlStep { sql, ..step.clone() }
}

/// The repeatable statement on a line of its own, with the reason why it is no hazard here.
fn repeatable_line(step: &SqlStep) -> String {
    let rule = if step.sql.starts_with("DROP") { DROPS_BLOCKING } else { BUILDS_BLOCKING };
    format!("{}; -- pgsteward: allow({rule}) concurrently.sql did it before\n", repeatable(step).sql)
}

/// Lower case words joined by `_`, at most 60 characters.
fn slug(title: &str) -> String {
    let mut slug = String::new();
    for character in title.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.ends_with('_') && !slug.is_empty() {
            slug.push('_');
        }
    }
    slug.truncate(60);
    slug.trim_end_matches('_').to_owned()
}

/// Paths and texts of one migration: the way there, the way back, and a file to run by hand.
fn files(
    history: &History,
    stem: &str,
    up: String,
    down: Option<String>,
    extra: Option<(&str, String)>,
    notes: &mut Vec<String>,
) -> Vec<(String, String)> {
    let directory = &history.directory;
    let last = history.files.last();
    let mut files = Vec::new();
    match history.layout {
        Layout::Prisma => {
            files.push((format!("{directory}/{stem}/migration.sql"), up));
            files.extend(down.map(|down| (format!("{directory}/{stem}/down.sql"), down)));
            files.extend(extra.map(|(name, text)| (format!("{directory}/{stem}/{name}"), text)));
        }
        Layout::UpDown if last.is_some_and(|file| file.path.ends_with("/up.sql")) => {
            files.push((format!("{directory}/{stem}/up.sql"), up));
            files.extend(down.map(|down| (format!("{directory}/{stem}/down.sql"), down)));
        }
        Layout::UpDown => {
            files.push((format!("{directory}/{stem}.up.sql"), up));
            files.extend(down.map(|down| (format!("{directory}/{stem}.down.sql"), down)));
        }
        Layout::Files => {
            files.push((format!("{directory}/{stem}.sql"), up));
            notes.extend(down.map(|down| format!("to undo {stem}.sql, run:\n{}", down.trim_end())));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concurrent_statements_become_repeatable_ones() {
        let step = |sql: &str| SqlStep { sql: sql.into(), transactional: false, lock_timeout_ms: None };
        assert_eq!(
            repeatable(&step("CREATE UNIQUE INDEX CONCURRENTLY a ON t (b)")).sql,
            "CREATE UNIQUE INDEX IF NOT EXISTS a ON t (b)"
        );
        assert_eq!(repeatable(&step("DROP INDEX CONCURRENTLY a")).sql, "DROP INDEX IF EXISTS a");
    }

    #[test]
    fn the_rules_it_allows_exist() {
        for rule in [BUILDS_BLOCKING, DROPS_BLOCKING] {
            assert!(pgsteward_rules::find(rule).is_some(), "{rule}");
        }
    }

    #[test]
    fn slugs() {
        assert_eq!(slug("add an index on \"Order\" (vendorId)"), "add_an_index_on_order_vendorid");
    }
}
