//! Migration rules on the pure replay, without a server: the marks of their pages, and what they say about real
//! projects.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test tells what is wrong, and what it could not do"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, ColumnStatistics, QName, TableStatistics};
use pgsteward_model::change::{EditAction, Step, TextEdit};
use pgsteward_model::cluster::Cluster;
use pgsteward_model::facts::{CatalogFacts, CatalogOrigin, Facts};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{History, Layout, MigrationFile, Regime};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::SourceFile;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::{Births, analyze_file};

struct File {
    name: String,
    text: String,
    judged: bool,
    /// Of the same deploy as the file before.
    joined: bool,
}

const DIRECTORY: &str = "prisma/migrations";

fn facts_of(files: &[File], regime: Regime) -> Facts {
    let mut catalog = Catalog::empty(ServerVersion::of_major(17));
    let mut births = Births::default();
    let mut facts = Facts::default();
    let mut history = Vec::new();
    for file in files {
        if !file.joined {
            births.start_deploy();
        }
        births.start_file();
        let path: Arc<str> = format!("{DIRECTORY}/{}/migration.sql", file.name).into();
        let analyzed = analyze_file(&file.text, &mut catalog, &mut births, regime);
        facts.sources.add(SourceFile::new(path.clone(), file.text.as_str()));
        history.push(MigrationFile {
            name: file.name.clone(),
            path,
            down: None,
            judged: file.judged,
            statements: analyzed.statements,
            errors: analyzed.errors,
            checksum: String::new(),
        });
    }
    facts.catalog = Some(CatalogFacts { catalog, origin: CatalogOrigin::Pure });
    facts.history = Some(std::sync::Arc::new(History {
        directory: DIRECTORY.into(),
        layout: Layout::Prisma,
        files: history,
        regime,
        judged_because: "the test".into(),
        replay: None,
    }));
    facts
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    pgsteward_rules::all().into_iter().filter(|rule| rule.group == Group::Migration)
}

/// One case of a page: its side, its title and its blocks as info string and text.
struct Case {
    wrong: bool,
    title: String,
    blocks: Vec<(String, String)>,
}

fn cases(page: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut section = "";
    let mut block: Option<(String, String)> = None;
    for line in page.lines() {
        if let Some((_, text)) = &mut block {
            if line == "```" {
                cases.last_mut().unwrap().blocks.extend(block.take());
            } else {
                *text += &format!("{line}\n");
            }
        } else if let Some(info) = line.strip_prefix("```") {
            block = Some((info.to_owned(), String::new()));
        } else if let Some(heading) = line.strip_prefix("## ") {
            section = heading;
            cases.push(Case { wrong: section == "Wrong", title: section.to_owned(), blocks: Vec::new() });
        } else if let Some(title) = line.strip_prefix("### ") {
            cases.push(Case { wrong: section == "Wrong", title: title.to_owned(), blocks: Vec::new() });
        }
    }
    cases.retain(|case| case.blocks.iter().any(|(info, _)| info.contains("migration.sql")));
    cases
}

/// The case's facts, and how many findings are marked on which line of which file.
fn facts_of_case(case: &Case) -> (Facts, BTreeMap<(String, u32), usize>) {
    let mut marks = BTreeMap::new();
    let mut files: Vec<File> = Vec::new();
    let mut regime = Regime::OneMessage;
    for (info, text) in &case.blocks {
        if info.ends_with("package.json") && text.contains("\"7.10") {
            regime = Regime::PerStatement;
        }
        let words: Vec<&str> = info.split(' ').collect();
        let Some(path) = words.get(1).filter(|path| path.ends_with("migration.sql")) else { continue };
        let mut clean = String::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (line, mark) =
                line.split_once(" -- finding").map_or((line, None), |(line, mark)| (line, Some(mark)));
            if let Some(mark) = mark {
                marks.insert((path.to_string(), number), 1 + mark.matches("finding").count());
            }
            clean += &format!("{line}\n");
        }
        let deploy = words.contains(&"deploy");
        files.push(File {
            name: path.split('/').nth(2).unwrap().to_owned(),
            text: clean,
            judged: !words.contains(&"applied"),
            joined: deploy && files.last().is_some_and(|file| file.judged),
        });
    }
    let mut facts = facts_of(&files, regime);
    for (info, text) in &case.blocks {
        if info == "json statistics" {
            let catalog = facts.catalog.as_mut().unwrap();
            let order = catalog.catalog.table_mut(&QName::public("Order")).unwrap();
            let rows = number_after(text, "\"public.Order\": {\"rows\": ").unwrap();
            let bytes = number_after(text, "\"bytes\": ").unwrap() as u64;
            order.statistics =
                Some(TableStatistics { rows: Some(rows), bytes, ..TableStatistics::default() });
            if let Some(null_fraction) = number_after(text, "\"public.Order.vendorId\": {\"null_fraction\": ")
            {
                order.column_mut("vendorId").unwrap().statistics =
                    Some(Box::new(ColumnStatistics { null_fraction, ..ColumnStatistics::default() }));
            }
            catalog.origin = CatalogOrigin::Live;
        }
        if info == "json cluster" {
            let version = text.split('"').nth(3).unwrap();
            let (major, minor) = version.split_once('.').unwrap();
            let number = major.parse::<u32>().unwrap() * 10_000 + minor.parse::<u32>().unwrap();
            let mut settings = BTreeMap::new();
            if text.contains("lock_timeout") {
                let value = pgsteward_model::cluster::ServerSetting {
                    value: "5000".into(),
                    unit: None,
                    source: "configuration file".into(),
                };
                settings.insert("lock_timeout".to_owned(), value);
            }
            facts.cluster = Some(Cluster {
                version: ServerVersion(number),
                system_identifier: None,
                settings,
                roles: Vec::new(),
                memberships: Vec::new(),
                databases: Vec::new(),
                current_role: None,
                encrypted: None,
                in_recovery: false,
            });
        }
    }
    (facts, marks)
}

/// The number behind a text; the pages write no more than these tests read.
fn number_after(text: &str, before: &str) -> Option<f64> {
    let (_, rest) = text.split_once(before)?;
    let end = rest.find([',', '}'])?;
    rest.get(..end)?.trim().parse().ok()
}

/// Applies the file edits of a fix: the texts of all files by path.
fn edited(facts: &Facts, steps: &[Step], texts: &mut BTreeMap<String, String>) {
    if texts.is_empty() {
        texts.extend(facts.sources.read_at_once().map(|file| (file.path.to_string(), file.text.to_string())));
    }
    for step in steps {
        let Step::Edit(edit) = step else { continue };
        match &edit.action {
            EditAction::Create(text) => {
                assert!(
                    texts.insert(edit.file.to_string(), text.clone()).is_none(),
                    "{} is there already",
                    edit.file
                );
            }
            EditAction::Delete => drop(texts.remove(&*edit.file).unwrap()),
            EditAction::Replace(edits) => {
                let text = texts.get_mut(&*edit.file).unwrap();
                *text = TextEdit::apply_all(text, edits).unwrap();
            }
        }
    }
}

/// A fix leaves the catalog that the history had, silences its finding and is undone to the letter.
fn check_fix(facts: &Facts, rule: &Rule, finding: &Finding) {
    let Some(fix) = &finding.fix else { return };
    let history = facts.history.as_ref().unwrap();
    let mut texts = BTreeMap::new();
    edited(facts, &fix.change.steps, &mut texts);
    let applied: BTreeSet<&str> =
        history.files.iter().filter(|file| !file.judged).map(|file| file.name.as_str()).collect();
    let files: Vec<File> = texts
        .iter()
        .map(|(path, text)| {
            let name = path.split('/').nth(2).unwrap().to_owned();
            File { judged: !applied.contains(name.as_str()), name, text: text.clone(), joined: false }
        })
        .collect();
    let after = facts_of(&files, history.regime);
    let errors = after.history.as_ref().unwrap().files.iter().map(|file| file.errors.len()).sum::<usize>();
    assert_eq!(errors, history.files.iter().map(|file| file.errors.len()).sum::<usize>(), "{texts:#?}");
    let catalog = |facts: &Facts| {
        let mut catalog = facts.catalog().unwrap().clone();
        for table in catalog.tables.values_mut() {
            let table = Arc::make_mut(table);
            table.statistics = None;
            table.constraints.sort_by(|a, b| a.name.cmp(&b.name));
            table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        }
        catalog
    };
    assert_eq!(catalog(&after), catalog(facts), "{}: {texts:#?}", finding.message);
    let remain = (rule.check)(&after);
    assert!(
        remain.iter().all(|other| other.message != finding.message),
        "{} remains: {texts:#?}",
        finding.message
    );
    if let pgsteward_model::change::Rollback::Steps(steps) = &fix.change.rollback {
        edited(facts, steps, &mut texts);
        let before: BTreeMap<String, String> =
            facts.sources.read_at_once().map(|file| (file.path.to_string(), file.text.to_string())).collect();
        assert_eq!(texts, before, "{}", fix.title);
    }
}

#[test]
fn findings_stand_where_the_pages_mark_them() {
    let mut failures = Vec::new();
    for rule in rules() {
        for case in cases(rule.page) {
            if rule.needs.iter().any(|need| !facts_of_case(&case).0.has(*need)) {
                continue;
            }
            let (facts, marks) = facts_of_case(&case);
            let findings = (rule.check)(&facts);
            let mut found: BTreeMap<(String, u32), usize> = BTreeMap::new();
            for finding in &findings {
                let range = finding.at.file.as_ref().unwrap();
                *found.entry((range.file.to_string(), range.start.line)).or_default() += 1;
                check_fix(&facts, rule, finding);
            }
            if found != marks || case.wrong == marks.is_empty() {
                failures.push(format!("{} / {}: marked {marks:?}, found {found:?}", rule.id, case.title));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The corpus, if it is there.
fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let path = std::env::var_os("PGSTEWARD_CORPUS").map_or(here, PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("no corpus at {}: nothing to judge", path.display());
    None
}

fn migration_folders(path: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(path) else { return };
    for entry in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        if entry.file_name().is_some_and(|name| name == "migrations") {
            found.push(entry);
        } else {
            migration_folders(&entry, found);
        }
    }
}

fn history_of(folder: &Path) -> Vec<File> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().join("migration.sql").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let read = |name: String| {
        let text = std::fs::read_to_string(folder.join(&name).join("migration.sql")).unwrap();
        File { name, text, judged: true, joined: false }
    };
    names.into_iter().map(read).collect()
}

#[test]
fn real_projects_are_not_flooded() {
    let Some(corpus) = corpus() else { return };
    let mut folders = Vec::new();
    migration_folders(&corpus, &mut folders);
    folders.sort();
    let (mut files, mut errors) = (0, 0);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for folder in &folders {
        let history = history_of(folder);
        files += history.len();
        let facts = facts_of(&history, Regime::OneMessage);
        for rule in rules().filter(|rule| rule.needs.iter().all(|need| facts.has(*need))) {
            for finding in (rule.check)(&facts) {
                errors += usize::from(finding.severity == Severity::Error);
                *counts.entry(rule.id).or_default() += 1;
                check_fix_of_corpus(&facts, &finding);
            }
        }
    }
    let total: usize = counts.values().sum();
    eprintln!(
        "{total} findings in {files} migrations of {} projects, {errors} errors: {counts:#?}",
        folders.len()
    );
    // squawk 2.70.0 with its defaults says 10,924 about the same 1,440 files.
    assert!(total <= 10_924 / 5, "{total} findings: {counts:#?}");
    assert!(errors <= files / 5, "{errors} errors in {files} migrations");
}

/// The edited files of a fix parse.
fn check_fix_of_corpus(facts: &Facts, finding: &Finding) {
    let Some(fix) = &finding.fix else { return };
    for step in &fix.change.steps {
        let Step::Edit(edit) = step else { continue };
        let text = match &edit.action {
            EditAction::Create(text) => text.clone(),
            EditAction::Replace(edits) => {
                TextEdit::apply_all(&facts.sources.get(&edit.file).unwrap().text, edits).unwrap()
            }
            EditAction::Delete => continue,
        };
        let parsed = pgsteward_sql::parse(&text);
        assert!(parsed.errors.is_empty(), "{}: {:?}\n{text}", edit.file, parsed.errors);
    }
}
