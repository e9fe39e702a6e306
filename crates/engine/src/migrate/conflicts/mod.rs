//! `migrate conflicts`: what the migrations of open branches do to each other, before they are merged. Reads git and
//! runs the lab; looks at no database.

mod shape;
mod squashed;

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::effect::Age;
use pgsteward_model::migrate::conflicts::{BranchMigrations, Conflict, ConflictKind, ConflictsReport};
use pgsteward_model::migration::Regime;
use pgsteward_model::place::ObjectRef;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::Births;

use self::shape::Shape;
use self::squashed::Squashed;
use super::error::MigrateError;
use super::project::{MigrateProject, ProjectOptions};
use super::shadow::{Replayed, Script, Shadow};
use crate::collect::{DEFAULT_MAJOR, LabWish};
use crate::discover::relative;
use crate::git::Git;
use crate::{Progress, config};

#[derive(Clone, Debug, Default)]
pub struct ConflictsOptions {
    pub project: ProjectOptions,
    /// Branches to compare with each other and the one that is checked out; all that are not merged into the base where none.
    pub branches: Vec<String>,
    /// The branch that they are to be merged into; the repository's default branch where none.
    pub base: Option<String>,
    pub lab: LabWish,
}

/// Migrations of one branch.
struct Branch {
    name: String,
    /// Name and text, in order.
    adds: Vec<(String, String)>,
    /// Those that join others.
    squashed: Vec<Squashed>,
    /// Migrations of the base that it changes or removes.
    edits: Vec<String>,
}

/// What the statements of a branch do to the schema.
#[derive(Default)]
struct Deeds {
    objects: BTreeSet<String>,
    locks: BTreeSet<String>,
}

/// Compares the branches with the base and with each other.
pub async fn conflicts(
    options: &ConflictsOptions,
    progress: &dyn Progress,
) -> Result<ConflictsReport, MigrateError> {
    let project = MigrateProject::find(&options.project)?;
    let git = Git::of(&project.root).ok_or_else(|| {
        MigrateError::new("the project is in no git repository").with_hint("run it inside of one")
    })?;
    let base = match &options.base {
        Some(base) => base.clone(),
        None => git.default_branch().ok_or_else(|| {
            MigrateError::new("the repository's default branch is not known").with_hint("name it with --base")
        })?,
    };
    git.commit(&base).ok_or_else(|| unknown(&base))?;
    let shape = Shape::new(project.layout, relative(git.root(), &project.migrations_folder));
    let names = match options.branches.is_empty() {
        true => git.unmerged(&base),
        false => with_current(&git, &base, &options.branches),
    };
    progress.phase("read the branches");
    let on_base = migrations_of(&git, &base, &shape)?;
    let mut report = ConflictsReport { base: base.clone(), ..ConflictsReport::default() };
    let mut branches = Vec::new();
    for name in names {
        let mut branch = branch(&git, &base, &name, &shape)?;
        if branch.adds.is_empty() && branch.edits.is_empty() {
            continue;
        }
        let adds = branch.adds.iter().map(|(name, _)| name.clone()).collect();
        report.branches.push(BranchMigrations { branch: name, adds });
        squashed::set_apart(&mut branch, &base, &on_base, &mut report.conflicts, &mut report.notes);
        branches.push(branch);
    }
    for one in &branches {
        against_base(one, &base, &on_base, &shape, &mut report.conflicts);
        squashed::against_base(one, &base, &on_base, &shape, &mut report.conflicts);
    }
    let major = major(options, &project)?;
    let init = project.init_shadow_db();
    let deeds: Vec<Deeds> = branches.iter().map(|one| deeds(major, init.as_deref(), &on_base, one)).collect();
    let pairs: Vec<(usize, usize)> = (0..branches.len())
        .flat_map(|one| (one + 1..branches.len()).map(move |other| (one, other)))
        .collect();
    for (one, other) in &pairs {
        let both = (&branches[*one], &branches[*other]);
        between(both, (&deeds[*one], &deeds[*other]), &shape, &mut report.conflicts);
        squashed::between(both.0, both.1, &shape, &mut report.conflicts);
    }
    let trials: Vec<(usize, usize)> = pairs
        .into_iter()
        .filter(|(one, other)| !branches[*one].adds.is_empty() && !branches[*other].adds.is_empty())
        .collect();
    if options.lab.none {
        report
            .notes
            .push("no lab was started (--no-lab): the migrations were not tried after each other".into());
    } else if !trials.is_empty() {
        let wish = LabWish { major: Some(major), ..options.lab.clone() };
        let shadow = Shadow::start(&wish, "public", project.init_shadow_db(), progress).await?;
        report.notes.extend(shadow.note());
        let scripts: Vec<Script<'_>> = scripts(&on_base);
        let state = shadow.replay(&scripts, progress).await?;
        for (at, (one, other)) in trials.iter().enumerate() {
            progress.step(at, trials.len());
            let found = tried(&shadow, &state, &branches[*one], &branches[*other]).await?;
            report.conflicts.extend(found);
        }
    }
    report.conflicts.sort();
    report.conflicts.dedup();
    Ok(report)
}

/// The named branches, and the one that is checked out: who names another one asks what that does to this one.
fn with_current(git: &Git, base: &str, named: &[String]) -> Vec<String> {
    let mut all = named.to_vec();
    let commits: BTreeSet<String> =
        named.iter().chain([&base.to_owned()]).filter_map(|name| git.commit(name)).collect();
    let is_other = |name: &String| git.commit(name).is_some_and(|commit| !commits.contains(&commit));
    all.extend(git.branch().filter(is_other).filter(|name| git.fork_of(base, name).is_some()));
    all
}

/// The major version that the project is for: the wanted one, else that of pgsteward.toml.
fn major(options: &ConflictsOptions, project: &MigrateProject) -> Result<u32, MigrateError> {
    let loaded = config::load(&project.root).map_err(|error| MigrateError::new(format!("{error:#}")))?;
    Ok(options.lab.major.or(loaded.config.lab.major).unwrap_or(DEFAULT_MAJOR))
}

fn scripts(migrations: &[(String, String)]) -> Vec<Script<'_>> {
    migrations.iter().map(|(name, text)| Script { name, text }).collect()
}

/// The migrations at a revision, in order.
fn migrations_of(git: &Git, revision: &str, shape: &Shape) -> Result<Vec<(String, String)>, MigrateError> {
    let mut all = Vec::new();
    for path in git.files_at(revision, &shape.folder) {
        if let Some(name) = shape.name_of(&path) {
            all.push((name, shape.text(text_at(git, revision, &path)?)));
        }
    }
    all.sort_by(|one, other| shape.order(&one.0, &other.0));
    Ok(all)
}

fn branch(git: &Git, base: &str, name: &str, shape: &Shape) -> Result<Branch, MigrateError> {
    git.commit(name).ok_or_else(|| unknown(name))?;
    let fork = git.fork_of(base, name).ok_or_else(|| {
        MigrateError::new(format!("the branches \"{base}\" and \"{name}\" have no common commit"))
            .with_hint("in a shallow clone fetch more: git fetch --unshallow")
    })?;
    let mut branch =
        Branch { name: name.to_owned(), adds: Vec::new(), squashed: Vec::new(), edits: Vec::new() };
    for (status, path) in git.changes(&fork, name, &shape.folder) {
        let Some(migration) = shape.name_of(&path) else { continue };
        let text = |revision: &str| Ok::<_, MigrateError>(shape.text(text_at(git, revision, &path)?));
        match status {
            'A' => branch.adds.push((migration, text(name)?)),
            // Another way back is no other migration.
            'M' if text(&fork)? == text(name)? => {}
            _ => branch.edits.push(migration),
        }
    }
    branch.adds.sort_by(|one, other| shape.order(&one.0, &other.0));
    Ok(branch)
}

fn text_at(git: &Git, revision: &str, path: &str) -> Result<String, MigrateError> {
    git.text_at(revision, path).ok_or_else(|| {
        MigrateError::new(format!("git cannot show \"{path}\" of \"{revision}\"")).with_hint("run git fsck")
    })
}

fn unknown(revision: &str) -> MigrateError {
    MigrateError::new(format!("git knows no branch \"{revision}\""))
        .with_hint("`git branch --all` lists them")
}

fn against_base(
    branch: &Branch,
    base: &str,
    on_base: &[(String, String)],
    shape: &Shape,
    found: &mut Vec<Conflict>,
) {
    let mut say = |kind, what, hint: &str| {
        found.push(Conflict { kind, branches: vec![branch.name.clone()], what, hint: hint.to_owned() });
    };
    for name in &branch.edits {
        say(
            ConflictKind::Edited,
            format!("changes or removes the migration \"{name}\" of \"{base}\""),
            "databases that have applied it will not get the change: write it as a migration of its own",
        );
    }
    let last = on_base.last().map(|(name, _)| name);
    for (name, text) in &branch.adds {
        if let Some((_, other)) = on_base.iter().find(|(known, _)| known == name) {
            if other != text {
                say(
                    ConflictKind::Name,
                    format!("the migration \"{name}\" has another text on \"{base}\""),
                    "rename one of them",
                );
            }
        } else if let Some((other, number)) =
            on_base.iter().find_map(|(other, _)| Some((other, shape.shared_number(name, other)?)))
        {
            say(
                ConflictKind::Number,
                format!(
                    "the migration \"{name}\" has the number {number}, which \"{other}\" has on \"{base}\""
                ),
                "give it the next number that nobody has, before the merge",
            );
        } else if let Some(last) = last.filter(|last| shape.is_before(name, last)) {
            say(
                ConflictKind::Order,
                format!("the migration \"{name}\" sorts before \"{last}\", which \"{base}\" has already"),
                &format!("{} before the merge", shape.later()),
            );
        }
    }
}

fn between(
    (one, other): (&Branch, &Branch),
    (of_one, of_other): (&Deeds, &Deeds),
    shape: &Shape,
    found: &mut Vec<Conflict>,
) {
    let mut say = |kind, what, hint: &str| {
        let branches = vec![one.name.clone(), other.name.clone()];
        found.push(Conflict { kind, branches, what, hint: hint.to_owned() });
    };
    let mut numbered_alike = false;
    for (name, text) in &one.adds {
        if other.adds.iter().any(|(known, theirs)| known == name && theirs != text) {
            say(ConflictKind::Name, format!("both add a migration \"{name}\""), "rename one of them");
        }
        let shared =
            other.adds.iter().find_map(|(known, _)| Some((known, shape.shared_number(name, known)?)));
        // What both have in common came from one merge.
        let Some((known, number)) = shared.filter(|_| !other.adds.iter().any(|(known, _)| known == name))
        else {
            continue;
        };
        numbered_alike = true;
        say(
            ConflictKind::Number,
            format!("\"{name}\" and \"{known}\" both have the number {number}"),
            "give those of the branch that is merged second the numbers behind the first's",
        );
    }
    let ends = |branch: &Branch| Some((branch.adds.first()?.0.clone(), branch.adds.last()?.0.clone()));
    if let (Some((first, last)), Some((their_first, their_last))) = (ends(one), ends(other))
        && !shape.is_before(&their_last, &first)
        && !shape.is_before(&last, &their_first)
        && one.adds != other.adds
        && !numbered_alike
    {
        say(
            ConflictKind::Order,
            "their migrations interleave: whichever is merged second sorts before one that is applied already".into(),
            &format!("{}, for each of the second, before its merge", shape.later()),
        );
    }
    for object in of_one.objects.intersection(&of_other.objects) {
        say(ConflictKind::Object, format!("both change {object}"), "agree on one of the changes");
    }
    for table in of_one.locks.intersection(&of_other.locks) {
        say(
            ConflictKind::Lock,
            format!("both block writes to \"{table}\""),
            "deploy them at different times, so that its users wait for one at a time",
        );
    }
}

/// Objects that a branch makes, drops, renames; tables of the base that it blocks.
fn deeds(major: u32, init: Option<&str>, on_base: &[(String, String)], branch: &Branch) -> Deeds {
    let mut catalog = Catalog::empty(ServerVersion::of_major(major));
    let mut births = Births::default();
    for text in init.into_iter().chain(on_base.iter().map(|(_, text)| text.as_str())) {
        births.start_deploy();
        pgsteward_sql::analyze_file(text, &mut catalog, &mut births, Regime::OneMessage);
    }
    births.start_deploy();
    let mut deeds = Deeds::default();
    for (_, text) in branch.adds.iter().filter(|one| !on_base.contains(one)) {
        births.start_file();
        let analyzed = pgsteward_sql::analyze_file(text, &mut catalog, &mut births, Regime::OneMessage);
        for effect in analyzed.statements.iter().map(|one| &one.effect) {
            let renamed = effect.renamed.iter().flat_map(|(from, to)| [from, to]);
            deeds.objects.extend(effect.created.iter().chain(&effect.dropped).chain(renamed).map(label));
            let old = effect.touches.iter().filter(|touch| matches!(touch.age, Age::Earlier | Age::Unknown));
            deeds
                .locks
                .extend(old.filter(|touch| touch.lock.blocks_writes()).map(|touch| touch.relation.display()));
        }
    }
    deeds
}

/// `table "Order"`, `column "Order.total"`.
fn label(object: &ObjectRef) -> String {
    format!("{} \"{}\"", object.kind.word().replace('_', " "), object.display())
}

/// Runs both after each other, in both orders.
async fn tried(
    shadow: &Shadow,
    state: &Replayed,
    one: &Branch,
    other: &Branch,
) -> Result<Vec<Conflict>, MigrateError> {
    let mut found = Vec::new();
    let mut ends: BTreeMap<usize, Replayed> = BTreeMap::new();
    for (at, (first, second)) in [(one, other), (other, one)].into_iter().enumerate() {
        let mut now = state.clone();
        let mut refused = None;
        let steps =
            first.adds.iter().map(|step| (first, step)).chain(second.adds.iter().map(|step| (second, step)));
        for (branch, (name, text)) in steps {
            match shadow.attempt(&now, name, text).await? {
                Ok(next) => now = next,
                Err(error) => {
                    refused = Some((branch, name, error));
                    break;
                }
            }
        }
        match refused {
            None => {
                ends.insert(at, now);
            }
            // A branch that fails by itself is in nobody's way.
            Some((branch, _, _)) if std::ptr::eq(branch, first) => {}
            Some((_, name, error)) => found.push(Conflict {
                kind: ConflictKind::Result,
                branches: vec![first.name.clone(), second.name.clone()],
                what: format!("after \"{}\" the migration \"{name}\" fails: {}", first.name, error.message),
                hint: format!("write \"{name}\" anew on top of \"{}\"", first.name),
            }),
        }
    }
    if let (Some(one_first), Some(other_first)) = (ends.get(&0), ends.get(&1))
        && let Some(difference) =
            differences(&one_first.catalog, &other_first.catalog, ColumnOrder::Ignored).first()
    {
        found.push(Conflict {
            kind: ConflictKind::Result,
            branches: vec![one.name.clone(), other.name.clone()],
            what: format!("the schema depends on which is applied first: {difference}"),
            hint: "merge one, and write the other's migration anew on top of it".into(),
        });
    }
    Ok(found)
}
