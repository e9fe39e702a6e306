//! Every rule page, on every pinned major version. `UPDATE=1` rewrites the snapshots of the pages.

use std::path::PathBuf;

use libtest_mimic::{Arguments, Failed, Trial};
use pgsteward_model::rule::Rule;
use pgsteward_testkit::labs::{MAJORS, lab, runtime};
use pgsteward_testkit::page::{run, snapshot};

#[expect(clippy::print_stderr, reason = "what is skipped is said where the run shows")]
fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for rule in pgsteward_engine::rules() {
        for major in MAJORS {
            let missing = if arguments.list { None } else { lab(major).err() };
            if let Some(reason) = &missing {
                eprintln!("skipped {} on {major}: {reason}", rule.id);
            }
            trials.push(
                Trial::test(format!("{}::{} on {major}", rule.group.word(), rule.id), move || {
                    page(rule, major)
                })
                .with_ignored_flag(missing.is_some()),
            );
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    pgsteward_lab::stop_all();
    conclusion.exit();
}

fn page(rule: &'static Rule, major: u32) -> Result<(), Failed> {
    let page = run::check_form(rule).map_err(|error| format!("{error:#}"))?;
    let lab = lab(major)?;
    let mut failures = Vec::new();
    let mut stale = Vec::new();
    for case in &page.cases {
        match runtime().block_on(run::check_case(rule, &page, case, &lab)) {
            Ok(outcome) if major == MAJORS[0] => stale.extend(snapshot::stale(case, &outcome.findings)),
            Ok(_) => {}
            Err(error) => failures.push(format!("{}: {error:#}", case.title)),
        }
    }
    if !stale.is_empty() {
        if std::env::var_os("UPDATE").is_some() {
            let path = page_path(rule);
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("read {}: {error}", path.display()))?;
            std::fs::write(&path, snapshot::rewrite(&text, &stale))
                .map_err(|error| format!("write {}: {error}", path.display()))?;
        } else {
            failures.push(format!(
                "snapshots differ at lines {:?}; run with UPDATE=1 and read the change:\n{}",
                stale.iter().map(|(line, _)| line).collect::<Vec<_>>(),
                stale[0].1
            ));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n\n").into()) }
}

fn page_path(rule: &Rule) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!(
        "../rules/src/{}/{}.md",
        rule.group.word(),
        rule.id.replace('-', "_")
    ))
}
