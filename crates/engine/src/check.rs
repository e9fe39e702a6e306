//! `check`: facts, findings, proofs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use pgsteward_model::facts::{Facts, Gap, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::review::Review;
use pgsteward_model::rule::{INFORMING, Rule};

use crate::allow::{self, Date};
use crate::baseline;
use crate::collect::{CodeReader, Collected, Collector, LabWish, Laboratory, connect, fit};
use crate::config::{self, Config, Loaded};
use crate::discover::{Found, FoundMigrations, discover};
use crate::prove::{self, Benches, ProveMode};
use crate::resolve::resolve;
use crate::{Progress, VERSION};

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// None: the current folder, and then it is no error that it holds no project if there is a URL.
    pub path: Option<PathBuf>,
    pub url: Option<String>,
    pub all_migrations: bool,
    pub since: Option<String>,
    pub select: Vec<String>,
    pub ignore: Vec<String>,
    pub baseline: Option<PathBuf>,
    /// Shows what a baseline would leave out, wherever one is named.
    pub ignore_baseline: bool,
    pub prove: ProveMode,
    pub lab: LabWish,
}

/// A review, and what the verbs that follow it need.
pub struct Checked {
    pub review: Review,
    pub loaded: Loaded,
    /// The folder that file paths of the review are relative to.
    pub root: PathBuf,
    /// Facts by project, in the order of the review's schemas.
    pub projects: Vec<Facts>,
}

/// Runs a whole check. An error means that nothing could be reviewed or that something the user named
/// failed; everything else is a finding or a gap.
pub async fn check(options: &CheckOptions, progress: &dyn Progress) -> Result<Checked> {
    let started = Instant::now();
    let path = options.path.clone().unwrap_or_else(|| PathBuf::from("."));
    let loaded = config::load(&path)?;
    for name in options.select.iter().chain(&options.ignore) {
        config::check_name(name)?;
    }
    let baseline = match options.baseline.clone().or_else(|| configured_baseline(&loaded)) {
        Some(path) if !options.ignore_baseline => Some(baseline::read(&path)?),
        _ => None,
    };
    let found = find(&path, &loaded)?;
    if !options.all_migrations && options.since.is_none() && options.url.is_none() {
        check_applied_through(&found, &loaded)?;
    }
    let live = match &options.url {
        Some(url) => {
            progress.phase("read the database");
            Some(connect(url).await?)
        }
        None => None,
    };
    if found.projects.is_empty() && (live.is_none() || options.path.is_some()) {
        bail!(
            "{} holds no Prisma schema with a datasource and no folder of SQL migrations{}\n\
             hint: name the folder of the project, or pass --url to review a database alone",
            path.display(),
            found.gaps.iter().map(|gap| format!("; {}: {}", gap.what, gap.why)).collect::<String>()
        );
    }
    let laboratory = Laboratory::new(LabWish {
        major: options
            .lab
            .major
            .or(live.as_ref().map(|(_, live)| live.cluster.version.major()))
            .or(loaded.config.lab.major)
            .or(Some(crate::collect::DEFAULT_MAJOR)),
        offline: options.lab.offline || loaded.config.lab.offline,
        none: options.lab.none,
    });
    let rules = selected(options, &loaded.config);
    // One file of schema or migration has no code that belongs to it.
    let code = (path.is_dir() && rules.iter().any(|rule| rule.needs.contains(&Need::Code)))
        .then(|| CodeReader::new(&found, true));
    let collector = Collector {
        root: &found.root,
        config: &loaded.config,
        all_migrations: options.all_migrations,
        since: options.since.as_deref(),
        judged: None,
        drift: rules.iter().any(|rule| rule.needs.contains(&Need::Drift)),
        live: live.as_ref().map(|(_, live)| live),
        url: live.as_ref().map(|(url, _)| url),
        code: code.as_ref(),
        laboratory: &laboratory,
        progress,
    };
    let mut review = Review {
        tool_version: VERSION.to_owned(),
        root: path.display().to_string(),
        gaps: found.gaps.clone(),
        rules: crate::rules(),
        ..Review::default()
    };
    let mut projects = Vec::new();
    let mut reviewer = Reviewer {
        loaded: &loaded,
        root: &found.root,
        rules: &rules,
        baseline: baseline.as_ref(),
        options,
        progress,
        laboratory: &laboratory,
        allows: allow::Configured::read(&loaded, &found.root, Date::today()),
    };
    // One database has the tables of one project. A single one was named, or is all there is.
    let fits = match &live {
        Some((_, live)) if found.projects.len() > 1 => Some(collector.fits(&found.projects, live)),
        _ => None,
    };
    let chosen = fits.as_deref().and_then(fit::best);
    for (index, project) in found.projects.iter().enumerate() {
        let folder = if project.folder.is_empty() { "." } else { &project.folder };
        let other = fits.as_ref().map(|fits| fits[index]).filter(|_| chosen != Some(index));
        let mut collected = match other {
            Some(_) => Collector { live: None, url: None, ..collector.clone() }.project(project).await,
            None => collector.project(project).await,
        }
        .with_context(|| format!("review the project {folder}"))?;
        if let Some(fit) = other {
            let chosen = chosen.map(|chosen| found.projects[chosen].folder.as_str());
            collected.facts.gaps.push(fit::not_held_against(&project.folder, fit, chosen));
        }
        reviewer.review(&collected, &mut review).await?;
        projects.push(collected.facts);
    }
    let alone = found.projects.is_empty() || (fits.is_some() && chosen.is_none());
    if let Some((_, live)) = live.as_ref().filter(|_| alone) {
        let collected = collector.database_only(live, options.prove != ProveMode::None).await?;
        reviewer.review(&collected, &mut review).await?;
        if found.projects.is_empty() {
            review.root = live.database.clone().unwrap_or_else(|| review.root.clone());
        }
        projects.push(collected.facts);
    }
    reviewer.allows_themselves(&mut review);
    review.server_version =
        live.as_ref().map(|(_, live)| live.cluster.version).or(laboratory.running().map(|lab| lab.version()));
    if let Some(note) = laboratory.running().and_then(|lab| lab.note().map(str::to_owned)) {
        review.gaps.push(Gap::new(
            "lab version",
            note,
            "set PGSTEWARD_PG_BIN to the binaries of the wanted version, or allow the download",
        ));
    }
    finish(&mut review, started);
    // Millions of small pieces: to give each of them back takes longer than to judge them, and a check is the last that
    // a process does.
    std::mem::forget(code);
    Ok(Checked { review, loaded, root: found.root, projects })
}

/// Looks through a path, with what the configuration says of it.
pub(crate) fn find(path: &Path, loaded: &Loaded) -> Result<Found> {
    let mut found = discover(path)?;
    let named = found
        .projects
        .iter()
        .any(|project| project.migrations.as_ref().is_some_and(|migrations| migrations.named.is_some()));
    if let (Some(folder), Some((file, _)), false) = (&loaded.config.migrations.path, &loaded.file, named) {
        found.use_migrations(&file.parent().unwrap_or(Path::new(".")).join(folder))?;
    }
    Ok(found)
}

/// A name that no project knows would silently judge nothing or everything.
fn check_applied_through(found: &Found, loaded: &Loaded) -> Result<()> {
    let Some(last) = &loaded.config.migrations.applied_through else { return Ok(()) };
    let histories: Vec<_> = found.projects.iter().filter_map(|project| project.migrations.as_ref()).collect();
    let unknown = |history: &&FoundMigrations| {
        history.named.is_none() && !history.files.iter().any(|file| file.name == *last)
    };
    if histories.is_empty() || !histories.iter().all(unknown) {
        return Ok(());
    }
    let folders: Vec<String> = histories.iter().map(|history| history.folder.display().to_string()).collect();
    bail!(
        "applied_through = \"{last}\" in pgsteward.toml names no migration of {}\n\
         hint: give the name of the last migration that every database has, such as \"{}\"",
        folders.join(" or "),
        histories
            .iter()
            .filter_map(|history| history.files.last())
            .map(|file| file.name.as_str())
            .next()
            .unwrap_or("")
    )
}

fn configured_baseline(loaded: &Loaded) -> Option<PathBuf> {
    let path = loaded.config.check.baseline.as_ref()?;
    let (file, _) = loaded.file.as_ref()?;
    Some(file.parent().unwrap_or(Path::new(".")).join(path))
}

/// The rules to run: what is selected, less what is ignored.
fn selected(options: &CheckOptions, config: &Config) -> Vec<&'static Rule> {
    let named =
        |names: &[String], rule: &Rule| names.iter().any(|name| name == rule.id || name == rule.group.word());
    let select = if options.select.is_empty() { &config.check.select } else { &options.select };
    crate::rules()
        .into_iter()
        .filter(|rule| select.is_empty() || named(select, rule))
        .filter(|rule| !named(&options.ignore, rule) && !named(&config.check.ignore, rule))
        .collect()
}

struct Reviewer<'a> {
    loaded: &'a Loaded,
    root: &'a Path,
    rules: &'a [&'static Rule],
    baseline: Option<&'a BTreeSet<String>>,
    options: &'a CheckOptions,
    progress: &'a dyn Progress,
    laboratory: &'a Laboratory,
    allows: allow::Configured,
}

impl Reviewer<'_> {
    /// The severities that the configuration gives; without, some rules inform only, but for what they are sure of.
    fn weigh(&self, findings: &mut [Finding]) {
        for finding in findings {
            if let Some(level) = self.loaded.config.severity.get(finding.rule) {
                finding.severity = level.severity();
            } else if INFORMING.contains(&finding.rule) && !finding.sure {
                finding.severity = Severity::Info;
            }
        }
    }

    /// Findings about the allows of the configuration, which belong to no project.
    fn allows_themselves(&self, review: &mut Review) {
        let mut findings = self.allows.findings();
        self.weigh(&mut findings);
        assign_keys(&mut findings, &Facts::default());
        if let Some(keys) = self.baseline {
            review.baselined += baseline::subtract(&mut findings, keys);
        }
        review.findings.extend(findings);
    }

    async fn review(&mut self, collected: &Collected, review: &mut Review) -> Result<()> {
        let facts = &collected.facts;
        let (mut findings, gaps, ran) = run_rules(self.rules, facts);
        review.allowed += allow::apply(&mut findings, facts, &mut self.allows, &ran);
        self.weigh(&mut findings);
        assign_keys(&mut findings, facts);
        if let Some(keys) = self.baseline {
            review.baselined += baseline::subtract(&mut findings, keys);
        }
        sort(&mut findings);
        resolve(&mut findings, facts);
        let lab = self.laboratory.running();
        let bench = lab.as_deref().map(|lab| Benches {
            lab,
            history: collected.database.as_ref(),
            live: collected.twin.as_ref(),
        });
        let proof_gaps = prove::prove(
            &mut findings,
            facts,
            collected.linked.as_ref(),
            bench,
            self.rules,
            self.options.prove,
            self.progress,
        )
        .await?;
        review.gaps.extend(gaps);
        review.gaps.extend(proof_gaps);
        review
            .schemas
            .extend(facts.prisma.iter().flat_map(|schema| schema.files.iter().map(|file| file.to_string())));
        if let Some(history) = &facts.history {
            review.migrations += history.files.len();
            review.judged += history.judged().count();
            if review.judged_because.is_empty() {
                review.judged_because.clone_from(&history.judged_because);
            }
        }
        if let Some(code) = &facts.code {
            review.code.get_or_insert_default().add(code);
        }
        review.sources.extend(&facts.sources);
        if let Some((path, text)) = &self.loaded.file {
            review.sources.add(pgsteward_model::source::SourceFile::new(
                crate::discover::relative(self.root, path),
                text.as_str(),
            ));
        }
        review.findings.extend(findings);
        Ok(())
    }
}

/// Runs every rule whose needs are met. The others are named in the gaps of what they needed.
pub fn run_rules<'a>(rules: &[&'a Rule], facts: &Facts) -> (Vec<Finding>, Vec<Gap>, BTreeSet<&'a str>) {
    let mut findings = Vec::new();
    let mut gaps = facts.gaps.clone();
    let mut ran = BTreeSet::new();
    for rule in rules {
        match rule.needs.iter().find(|need| !facts.has(**need)) {
            None => {
                findings.extend((rule.check)(facts));
                ran.insert(rule.id);
            }
            Some(missing) => skip(rule, *missing, &mut gaps),
        }
    }
    (findings, gaps, ran)
}

fn skip(rule: &Rule, missing: Need, gaps: &mut Vec<Gap>) {
    let index = gaps.iter().position(|gap| gap.needs.contains(&missing)).unwrap_or_else(|| {
        gaps.push(missing_gap(missing));
        gaps.len() - 1
    });
    gaps[index].skipped_rules.push(rule.id.to_owned());
}

/// The gap of a kind of fact that nobody tried to get.
fn missing_gap(need: Need) -> Gap {
    match need {
        Need::Statistics | Need::Cluster => Gap::new(
            "live database",
            "No database was read, so sizes, statistics, settings and roles are unknown.",
            "pass --url with a read-only role (GRANT pg_monitor is enough)",
        )
        .for_needs(&[Need::Statistics, Need::Cluster]),
        Need::Prisma => {
            Gap::new("prisma", "There is no Prisma schema.", "nothing to do for a project without Prisma")
                .for_needs(&[need])
        }
        Need::History => Gap::new(
            "migrations",
            "There is no folder of migrations.",
            "run `prisma migrate dev`, or name the folder in pgsteward.toml",
        )
        .for_needs(&[need]),
        Need::Drift => Gap::new(
            "drift",
            "Schema and history were not compared: one of them is missing, or the replay failed.",
            "mend the replay first",
        )
        .for_needs(&[need]),
        Need::Code => Gap::new(
            "code",
            "The code that calls Prisma Client was not read: a single file or a database was named.",
            "name the folder of the project",
        )
        .for_needs(&[need]),
        Need::Replay | Need::Catalog | Need::Project => {
            Gap::new(need.word(), "It could not be had.", "see the gaps above").for_needs(&[need])
        }
    }
}

/// Keys, made unique where two findings have the same identity.
pub fn assign_keys(findings: &mut [Finding], facts: &Facts) {
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for finding in findings {
        let key = finding.key_on(&facts.target);
        let count = seen.entry(key.clone()).or_insert(0);
        *count += 1;
        finding.key = if *count == 1 { key } else { format!("{key}-{count}") };
    }
}

/// Most severe first, then by rule in the order of the registry, then by place.
pub fn sort(findings: &mut [Finding]) {
    let order: std::collections::BTreeMap<&str, usize> =
        crate::rules().iter().enumerate().map(|(index, rule)| (rule.id, index)).collect();
    findings.sort_by(|a, b| {
        let place = |finding: &Finding| {
            let file = finding.at.file.as_ref().map(|range| (range.file.clone(), range.start));
            (file, finding.at.object.as_ref().map(|object| object.identity()), finding.message.clone())
        };
        let rule = |finding: &Finding| order.get(finding.rule).copied().unwrap_or(usize::MAX);
        b.severity.cmp(&a.severity).then_with(|| rule(a).cmp(&rule(b))).then_with(|| place(a).cmp(&place(b)))
    });
}

fn finish(review: &mut Review, started: Instant) {
    sort(&mut review.findings);
    let mut gaps: Vec<Gap> = Vec::new();
    for gap in review.gaps.drain(..) {
        // Several projects miss the same thing in the same words: said once, with all the rules.
        match gaps.iter_mut().find(|known| known.what == gap.what && known.why == gap.why) {
            Some(known) => {
                for rule in gap.skipped_rules {
                    if !known.skipped_rules.contains(&rule) {
                        known.skipped_rules.push(rule);
                    }
                }
            }
            None => gaps.push(gap),
        }
    }
    review.gaps = gaps;
    review.schemas.dedup();
    review.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
}
