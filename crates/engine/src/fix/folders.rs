//! SQL steps as migrations: few folders, each one that the team's runner can run, each with its way back.

use pgsteward_model::change::SqlStep;
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{History, Layout, Regime};

use super::{Plan, Write};

/// More statements than this that must each run alone share one folder, unless asked otherwise: nobody wants
/// 37 folders for 37 indexes.
const MOST_FOLDERS: usize = 3;

/// Adds the migrations for `up` to the plan. `down` is already in the order of undoing.
pub(super) fn write(
    facts: &Facts,
    up: &[(String, SqlStep)],
    down: &[SqlStep],
    separate: bool,
    now: u64,
    plan: &mut Plan,
) {
    let Some(history) = &facts.history else {
        let sql: Vec<String> = up.iter().map(|(_, step)| format!("{};", step.sql)).collect();
        plan.notes
            .push(format!("this project keeps no migrations; run on the database:\n{}", sql.join("\n")));
        return;
    };
    let mut names = Names::new(history, now);
    let together: Vec<&SqlStep> = up.iter().map(|(_, step)| step).filter(|step| step.transactional).collect();
    let alone: Vec<&(String, SqlStep)> = up.iter().filter(|(_, step)| !step.transactional).collect();
    let back = text_of(down, false);
    let mut back = Some(back).filter(|text| !text.is_empty());
    let mut add = |name: &str, text: String, extra: Option<(&str, String)>| {
        let down = back.take();
        for (path, after) in names.files(name, text, down, extra) {
            plan.writes.push(Write { path, before: None, after });
        }
    };
    // What must run alone comes first: constraints of the shared file may stand on an index of it.
    if history.regime == Regime::OneMessage && alone.len() > MOST_FOLDERS && !separate {
        let by_hand: Vec<SqlStep> = alone.iter().map(|(_, step)| step.clone()).collect();
        let repeatable: Vec<SqlStep> = by_hand.iter().map(repeatable).collect();
        let text = format!(
            "-- Run concurrently.sql with psql first: it does the same without blocking writes. These statements then find\n\
             -- their work done on a live database and do it themselves on an empty one.\n\n{}",
            text_of(&repeatable, false)
        );
        add(&slug("pgsteward fixes"), text, Some(("concurrently.sql", text_of(&by_hand, true))));
        plan.notes.push(format!(
            "{} statements must each run alone, and this runner sends a file as one transaction: run concurrently.sql with \
             `psql -f` before the deploy, or ask for a folder each with --separate",
            alone.len()
        ));
    } else if history.regime != Regime::OneMessage && !alone.is_empty() {
        let steps: Vec<SqlStep> = alone.iter().map(|(_, step)| step.clone()).collect();
        let title = if alone.len() == 1 { alone[0].0.as_str() } else { "pgsteward fixes" };
        add(&slug(title), text_of(&steps, false), None);
    } else {
        for (title, step) in alone {
            add(&slug(title), text_of(std::slice::from_ref(step), false), None);
        }
    }
    if !together.is_empty() {
        let steps: Vec<SqlStep> = together.into_iter().cloned().collect();
        let titles: Vec<&str> =
            up.iter().filter(|(_, step)| step.transactional).map(|(title, _)| title.as_str()).collect();
        let title =
            if titles.iter().all(|title| *title == titles[0]) { titles[0] } else { "pgsteward fixes" };
        add(&slug(title), text_of(&steps, false), None);
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

/// Names of new migrations, after every one there is.
struct Names<'a> {
    history: &'a History,
    next: u64,
    width: usize,
}

impl Names<'_> {
    fn new(history: &History, now: u64) -> Names<'_> {
        let number = |name: &str| -> String {
            let rest = name.strip_prefix(['V', 'v']).unwrap_or(name);
            rest.chars().take_while(char::is_ascii_digit).collect()
        };
        let last = history
            .files
            .iter()
            .map(|file| number(&file.name))
            .filter(|digits| !digits.is_empty())
            .max_by_key(|digits| digits.parse::<u64>().unwrap_or(0));
        let last_value = last.as_deref().and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0);
        let dated = history.layout == Layout::Prisma && history.files.is_empty()
            || last.as_ref().is_some_and(|digits| digits.len() == 14);
        let width = last.map_or(14, |digits| digits.len());
        let next = if dated { now.max(last_value + 1) } else { last_value + 1 };
        Names { history, next, width }
    }

    /// Paths and texts of one migration: the way there, the way back, and a file to run by hand.
    fn files(
        &mut self,
        name: &str,
        up: String,
        down: Option<String>,
        extra: Option<(&str, String)>,
    ) -> Vec<(String, String)> {
        let directory = &self.history.directory;
        let stem = format!("{:0width$}_{name}", self.next, width = self.width);
        self.next += 1;
        let mut files = Vec::new();
        match self.history.layout {
            Layout::Prisma => {
                files.push((format!("{directory}/{stem}/migration.sql"), up));
                files.extend(down.map(|down| (format!("{directory}/{stem}/down.sql"), down)));
                files.extend(extra.map(|(name, text)| (format!("{directory}/{stem}/{name}"), text)));
            }
            Layout::UpDown => {
                files.push((format!("{directory}/{stem}.up.sql"), up));
                files.extend(down.map(|down| (format!("{directory}/{stem}.down.sql"), down)));
            }
            Layout::Files => files.push((format!("{directory}/{stem}.sql"), up)),
        }
        files
    }
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
    fn slugs() {
        assert_eq!(slug("add an index on \"Order\" (vendorId)"), "add_an_index_on_order_vendorid");
    }
}
