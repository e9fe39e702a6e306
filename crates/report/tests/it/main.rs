//! Every format of one realistic review by snapshot, and what must hold for any review.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod sarif;

use pgsteward_model::rule::Rule;
use pgsteward_report::{Format, RenderOptions, render, render_explain, render_rules_table};

fn plain() -> RenderOptions {
    RenderOptions::default()
}

#[test]
fn terminal() {
    insta::assert_snapshot!(render(&fixture::shop(), Format::Terminal, &plain()));
}

#[test]
fn terminal_verbose_shows_every_finding() {
    let text = render(&fixture::shop(), Format::Terminal, &RenderOptions { verbose: true, ..plain() });
    assert_eq!(text.matches("info[timestamp-without-time-zone]").count(), 5);
    assert!(!text.contains("--verbose"));
    insta::assert_snapshot!(text);
}

#[test]
fn colour_changes_no_word() {
    let colored = render(&fixture::shop(), Format::Terminal, &RenderOptions { color: true, ..plain() });
    assert!(colored.contains('\u{1b}'));
    let plain = render(&fixture::shop(), Format::Terminal, &plain());
    assert_eq!(without_styles(&colored), plain);
}

/// The text without SGR sequences.
fn without_styles(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = rest.split_once('m').map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

/// `PGSTEWARD_SHOW=1 cargo test -p pgsteward-report look -- --nocapture` shows the colours.
#[test]
fn look() {
    let options = RenderOptions { color: true, ..plain() };
    let texts = [
        render(&fixture::shop(), Format::Terminal, &options),
        render(&fixture::many(), Format::Terminal, &options),
        render(&fixture::nothing(), Format::Terminal, &options),
        render_rules_table(&fixture::nothing().rules, false, &options),
        render_explain(&fixture::FOREIGN_KEY, &options),
    ];
    for text in texts {
        assert_eq!(text.matches("\u{1b}[0m").count() > 0, text.contains("\u{1b}["));
        if std::env::var_os("PGSTEWARD_SHOW").is_some() {
            println!("{text}");
        }
    }
}

#[test]
fn terminal_keeps_its_width() {
    for review in [fixture::shop(), fixture::nothing(), fixture::many()] {
        for width in [60, 80, 120] {
            let text = render(&review, Format::Terminal, &RenderOptions { width, ..plain() });
            // Places and commands are for copying and never broken.
            let is_copied = |line: &&str| line.contains("--> ") || line.contains("pgsteward ");
            for line in text.lines().filter(|line| !(is_copied(line) && width < 80)) {
                assert!(line.chars().count() <= width, "{width} columns: {line}");
            }
        }
    }
    // Absurd widths do no harm.
    render(&fixture::shop(), Format::Terminal, &RenderOptions { width: 0, ..plain() });
}

#[test]
fn json() {
    let text = render(&fixture::shop(), Format::Json, &plain());
    let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(value["findings"][0]["fix"], serde_json::Value::Null, "a refuted fix is withdrawn");
    assert_eq!(value["findings"][0]["proof"]["verdict"], "refuted");
    insta::assert_snapshot!(text);
}

/// Absent members are null, not missing: all objects in the same place have the same members.
#[test]
fn json_members_are_never_missing() {
    let text = render(&fixture::shop(), Format::Json, &plain());
    let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let findings = value["findings"].as_array().expect("a list");
    let members = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    for finding in findings {
        assert_eq!(members(finding), members(&findings[0]));
    }
    for gap in value["gaps"].as_array().expect("a list") {
        assert_eq!(members(gap).len(), 4, "{gap}");
    }
}

#[test]
fn markdown() {
    insta::assert_snapshot!(render(&fixture::shop(), Format::Markdown, &plain()));
}

#[test]
fn github() {
    insta::assert_snapshot!(render(&fixture::shop(), Format::Github, &plain()));
}

#[test]
fn agent() {
    let text = render(&fixture::shop(), Format::Agent, &plain());
    // Ten findings, two gaps, the summary.
    assert_eq!(text.lines().count(), 13);
    insta::assert_snapshot!(text);
}

#[test]
fn nothing_found_is_said_in_every_format_for_people() {
    let review = fixture::nothing();
    insta::assert_snapshot!("nothing_terminal", render(&review, Format::Terminal, &plain()));
    insta::assert_snapshot!("nothing_json", render(&review, Format::Json, &plain()));
    insta::assert_snapshot!("nothing_markdown", render(&review, Format::Markdown, &plain()));
    insta::assert_snapshot!("nothing_agent", render(&review, Format::Agent, &plain()));
    assert_eq!(render(&review, Format::Github, &plain()), "");
}

#[test]
fn two_hundred_findings_of_one_rule_are_one_block() {
    let review = fixture::many();
    let text = render(&review, Format::Terminal, &plain());
    assert_eq!(text.matches("[timestamp-without-time-zone]").count(), 1);
    assert!(text.contains("200 findings in 40 tables"));
    assert!(text.lines().count() < 80);
    insta::assert_snapshot!("many_terminal", text);

    let text = render(&review, Format::Markdown, &plain());
    assert!(text.contains("<summary>195 more</summary>"));
    let mut huge = fixture::many();
    let findings = huge.findings.clone();
    (0..10).for_each(|_| huge.findings.extend(findings.clone()));
    huge.findings.iter_mut().for_each(|finding| finding.detail = "Long. ".repeat(4_000));
    let text_of_huge = render(&huge, Format::Markdown, &plain());
    assert!(text_of_huge.chars().count() < 65_536, "it fits into a comment");
    assert!(text_of_huge.contains("… and 2,175 more"));
    let json: serde_json::Value =
        serde_json::from_str(&render(&review, Format::Json, &plain())).expect("it is JSON");
    assert_eq!(json["findings"].as_array().expect("a list").len(), 201);
}

#[test]
fn rules() {
    let rules: Vec<&'static Rule> = fixture::nothing().rules;
    insta::assert_snapshot!("rules_table", render_rules_table(&rules, false, &plain()));
    insta::assert_snapshot!("rules_json", render_rules_table(&rules, true, &plain()));
    let narrow = render_rules_table(&rules, false, &RenderOptions { width: 60, ..plain() });
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
}

#[test]
fn explain() {
    let page = render_explain(&fixture::FOREIGN_KEY, &plain());
    assert_eq!(page, fixture::FOREIGN_KEY.page);
    let options = RenderOptions { color: true, hyperlinks: true, ..plain() };
    insta::assert_snapshot!(
        "explain_color",
        render_explain(&fixture::FOREIGN_KEY, &options).escape_debug().to_string().replace("\\n", "\n")
    );
}

#[test]
fn formats_have_names() {
    for (format, name) in Format::ALL.into_iter().zip(Format::NAMES) {
        assert_eq!(format.name(), name);
        assert_eq!(name.parse(), Ok(format));
    }
    let error = "html\n".parse::<Format>().expect_err("no such format").to_string();
    assert_eq!(
        error,
        "unknown format \"html\\n\"; use one of terminal, json, sarif, markdown, github, agent"
    );
}
