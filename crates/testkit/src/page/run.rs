//! Holds a rule to its page.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use pgsteward_engine::NoProgress;
use pgsteward_engine::check::{assign_keys, sort};
use pgsteward_engine::collect::Collected;
use pgsteward_engine::prove::{Benches, ProveMode, prove};
use pgsteward_engine::resolve::resolve;
use pgsteward_lab::Lab;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::lock::LockMode;
use pgsteward_model::proof::{Observation, Verdict};
use pgsteward_model::rule::Rule;

use super::parse::{Case, HEADINGS, Page, parse};

/// What one case gave, for snapshots.
pub struct Outcome {
    pub findings: Vec<Finding>,
}

/// The page's form: its title, its headings and their order, cases on both sides.
pub fn check_form(rule: &Rule) -> Result<Page> {
    let mut page = parse(rule.page);
    ensure!(page.title == rule.id, "the title is `{}`, the rule `{}`", page.title, rule.id);
    ensure!(!rule.summary().is_empty(), "there is no summary line");
    let wanted: Vec<&&str> = HEADINGS
        .iter()
        .filter(|heading| **heading != "Proof" || page.headings.iter().any(|known| known == "Proof"))
        .collect();
    ensure!(
        page.headings.iter().eq(wanted.iter().map(|heading| **heading)),
        "the headings are {:?}, not {wanted:?}",
        page.headings
    );
    let runs = |wrong: bool| page.cases.iter().any(|case| case.wrong == wrong && runnable(case));
    // A rule whose findings the engine makes has nothing that `check` could run.
    if !rule.needs.is_empty() {
        ensure!(runs(true), "nothing runs under Wrong");
        ensure!(runs(false), "nothing runs under Right");
    }
    page.cases.retain(runnable);
    Ok(page)
}

/// Whether a case is more than an illustration.
fn runnable(case: &Case) -> bool {
    case.blocks
        .iter()
        .any(|block| block.path().is_some() || block.is("sql", "setup") || block.is("json", "cluster"))
}

/// Runs one case: the findings are where the marks are, and each fix is proven.
pub async fn check_case(rule: &'static Rule, page: &Page, case: &Case, lab: &Arc<Lab>) -> Result<Outcome> {
    let Collected { facts, database, twin, linked } = super::facts::of_case(case, lab).await?;
    if let Some(need) = rule.needs.iter().find(|need| !facts.has(**need)) {
        bail!("the case has no {} facts, which the rule needs", need.word());
    }
    let mut findings = (rule.check)(&facts);
    if let Some(failure) = facts
        .history
        .iter()
        .filter_map(|history| history.replay.as_ref())
        .flat_map(|replay| &replay.failures)
        .next()
        && !rule.id.contains("fail")
        && !foresees(&findings, failure.0)
    {
        bail!("the migration {} fails in the lab: {}", failure.0, failure.1.error.message);
    }
    assign_keys(&mut findings, &facts);
    sort(&mut findings);
    compare(case, &findings)?;
    for finding in &findings {
        check_words(finding)?;
    }
    resolve(&mut findings, &facts);
    let withdrawn = findings.iter().find_map(|finding| finding.proof.as_ref()?.verdict.reason());
    ensure!(withdrawn.is_none(), "a fix was withdrawn: {}", withdrawn.unwrap_or_default());
    let offered: Vec<bool> = findings.iter().map(|finding| finding.fix.is_some()).collect();
    let benches = Benches { lab, history: database.as_ref(), live: twin.as_ref() };
    let benches = Some(benches).filter(|_| database.is_some() || twin.is_some());
    prove(
        &mut findings,
        &facts,
        linked.as_ref(),
        benches,
        &pgsteward_engine::rules(),
        ProveMode::Thorough,
        &NoProgress,
    )
    .await?;
    for (finding, _) in findings.iter().zip(offered).filter(|(_, offered)| *offered) {
        check_proof(page, case, finding)?;
    }
    for made in database.into_iter().chain(twin) {
        lab.finish_database(made.database).await.context("drop the database of the case")?;
    }
    Ok(Outcome { findings })
}

/// An error at a statement of the migration: the rule says that it fails.
fn foresees(findings: &[Finding], migration: &str) -> bool {
    let in_it = |finding: &Finding| {
        let file = finding.at.file.as_ref().map(|range| range.file.to_string()).unwrap_or_default();
        file.split('/').any(|part| part == migration)
    };
    findings.iter().any(|finding| finding.severity == Severity::Error && in_it(finding))
}

/// Each mark has its finding and each finding its mark.
fn compare(case: &Case, findings: &[Finding]) -> Result<()> {
    let mut expected: Vec<String> = Vec::new();
    for block in &case.blocks {
        for mark in &block.marks {
            expected.push(match (&mark.name, block.path()) {
                (Some(name), _) => name.clone(),
                (None, Some(path)) => format!("{path}:{}", mark.line),
                (None, None) => bail!(
                    "line {}: a mark without a name in a block without a path",
                    block.line + mark.line as usize
                ),
            });
        }
    }
    let mut seen: Vec<String> = Vec::new();
    for finding in findings {
        let names: Vec<String> = [
            finding.at.file.as_ref().map(|range| format!("{}:{}", range.file, range.start.line)),
            finding.at.object.as_ref().map(|object| object.display()),
            finding.at.setting.clone(),
        ]
        .into_iter()
        .flatten()
        .collect();
        let Some(name) = names.iter().find(|name| expected.contains(name)).or(names.first()) else {
            bail!("a finding without a place: {}", finding.message)
        };
        seen.push(name.clone());
    }
    expected.sort();
    seen.sort();
    if case.wrong {
        ensure!(!expected.is_empty(), "nothing is marked under Wrong");
    } else {
        ensure!(expected.is_empty(), "a mark under Right");
    }
    if seen != expected {
        let messages: Vec<String> = findings
            .iter()
            .map(|finding| {
                format!(
                    "  {} ({:?})",
                    finding.message,
                    finding.at.object.as_ref().map(|object| object.display())
                )
            })
            .collect();
        bail!("expected findings at {expected:?}, found them at {seen:?}:\n{}", messages.join("\n"));
    }
    Ok(())
}

/// The manners of messages.
fn check_words(finding: &Finding) -> Result<()> {
    let message = &finding.message;
    ensure!(
        !message.is_empty() && !finding.detail.is_empty() && !finding.hint.is_empty(),
        "message, detail and hint are all wanted: {finding:?}"
    );
    let first = message.chars().find(|character| character.is_alphabetic());
    let acronym = message.split_whitespace().next().is_some_and(|word| {
        word.chars().filter(|character| character.is_uppercase()).count() > 1 || word.starts_with('"')
    });
    ensure!(
        first.is_none_or(|first| first.is_lowercase()) || acronym,
        "the message does not begin in lower case: {message}"
    );
    ensure!(!message.ends_with('.'), "the message ends with a full stop: {message}");
    ensure!(
        finding.detail.trim_end().ends_with(['.', '!', '?', ')', ':', ';', '`', '"']),
        "the detail is no full sentence: {}",
        finding.detail
    );
    ensure!(!finding.hint.trim_end().ends_with('.'), "the hint ends with a full stop: {}", finding.hint);
    Ok(())
}

/// The fix was proven, with no stronger lock than the page says.
fn check_proof(page: &Page, case: &Case, finding: &Finding) -> Result<()> {
    let proof = finding
        .proof
        .as_ref()
        .with_context(|| format!("the fix of \"{}\" was not tried", finding.message))?;
    if proof.verdict != Verdict::Proven {
        bail!(
            "the fix of \"{}\" is {}: {}\n{:#?}",
            finding.message,
            proof.verdict.word(),
            proof.verdict.reason().unwrap_or(""),
            proof.observations
        );
    }
    let claimed = LockMode::ALL.into_iter().filter(|mode| mentions(&page.proof, *mode)).max();
    for observation in &proof.observations {
        let Observation::Lock { sql, relation, mode } = observation else { continue };
        // What the migration does besides, before and after the fix alike, is not the fix's claim.
        if case.blocks.iter().any(|block| block.path().is_some() && block.text.contains(sql.as_str())) {
            continue;
        }
        if *mode > claimed.unwrap_or(LockMode::RowExclusive) {
            bail!(
                "`{sql}` held {mode} on {relation}; the page's Proof claims {}",
                claimed.map_or("no lock".to_owned(), |mode| mode.to_string())
            );
        }
    }
    Ok(())
}

/// Whether a text names a lock mode in capitals, and not as a part of a longer mode's name.
fn mentions(text: &str, mode: LockMode) -> bool {
    let mut rest: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut modes = LockMode::ALL.to_vec();
    modes.sort_by_key(|mode| std::cmp::Reverse(mode.to_string().len()));
    for longer in modes {
        let name = longer.to_string();
        if longer == mode {
            return rest
                .split(|character: char| !character.is_ascii_uppercase() && character != ' ')
                .any(|run| run.trim() == name);
        }
        rest = rest.replace(&name, "-");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_names_are_told_apart() {
        let text = "it holds `SHARE\nUPDATE EXCLUSIVE` only";
        assert!(mentions(text, LockMode::ShareUpdateExclusive));
        assert!(!mentions(text, LockMode::Share));
        assert!(!mentions(text, LockMode::Exclusive));
        assert!(mentions("`ACCESS EXCLUSIVE`, then `SHARE`", LockMode::Share));
    }
}
