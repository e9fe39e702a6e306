//! Text of a repository that tries to command a terminal, forge lines, hide itself or show a password.

use pgsteward_report::{Format, RenderOptions, render};

use crate::fixture::hostile;

fn all() -> impl Iterator<Item = (Format, String)> {
    let review = hostile();
    Format::ALL.into_iter().flat_map(move |format| {
        [false, true].map(|verbose| {
            (format, render(&review, format, &RenderOptions { verbose, ..RenderOptions::default() }))
        })
    })
}

#[test]
fn no_format_passes_control_or_bidirectional_characters() {
    for (format, text) in all() {
        for character in text.chars().filter(|character| *character != '\n') {
            assert!(
                !character.is_control()
                    && !matches!(character, '\u{202e}' | '\u{2028}' | '\u{200b}' | '\u{e0041}'),
                "{format}: {character:?}"
            );
        }
    }
}

/// Sentences are masked everywhere. Names, statements and new text of files are data in the formats that
/// programs read, who must get them unaltered.
#[test]
fn no_format_shows_a_password() {
    for (format, text) in all() {
        let text = match format {
            Format::Json | Format::Sarif => sentences(&serde_json::from_str(&text).expect("it is JSON")),
            _ => text,
        };
        assert!(text.contains("u:***@h"), "{format}");
        assert!(!text.contains("hunter2"), "{format}: {}", around(&text, "hunter2"));
    }
}

fn sentences(value: &serde_json::Value) -> String {
    const SENTENCES: [&str; 12] = [
        "message",
        "detail",
        "hint",
        "why",
        "title",
        "reason",
        "impossible",
        "description",
        "until",
        "before",
        "root",
        "value",
    ];
    match value {
        serde_json::Value::Object(members) => members
            .iter()
            .map(|(name, member)| match member {
                _ if SENTENCES.contains(&name.as_str()) => format!("{member}\n"),
                other => sentences(other),
            })
            .collect(),
        serde_json::Value::Array(items) => items.iter().map(sentences).collect(),
        _ => String::new(),
    }
}

fn around<'a>(text: &'a str, needle: &str) -> &'a str {
    let at = text.find(needle).unwrap_or(0);
    let start = (0..=at.saturating_sub(200)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[start..at]
}

#[test]
fn json_gives_names_back_as_they_are() {
    let text = render(&hostile(), Format::Json, &RenderOptions::default());
    let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let name = value["findings"][0]["object"]["name"].as_str().expect("a name");
    assert!(name.contains('\u{1b}') && name.contains('\u{202e}') && name.contains('\u{e0041}'));
}

#[test]
fn no_line_is_forged() {
    let review = hostile();
    let lines = |format| render(&review, format, &RenderOptions::default());
    let agent = lines(Format::Agent);
    assert_eq!(agent.lines().count(), review.findings.len() + review.gaps.len() + 1);
    for line in agent.lines() {
        let first = line.split(' ').next().unwrap_or("");
        assert!(["warning", "gap", "summary"].contains(&first), "{line}");
    }
    for line in agent.lines().take(review.findings.len()) {
        let head = line.split(" | ").next().unwrap_or("");
        assert_eq!(head.split(' ').count(), 5, "{head}");
    }
    let github = lines(Format::Github);
    assert_eq!(github.lines().count(), review.findings.len() + review.gaps.len());
    for line in github.lines() {
        assert!(line.starts_with("::warning ") || line.starts_with("::notice "), "{line}");
        let properties = line.trim_start_matches(':').split("::").next().unwrap_or("");
        assert!(!properties.contains("injected,") && !properties.contains('\n'));
    }
}

#[test]
fn markdown_shows_text_rather_than_obeying_it() {
    let text = render(&hostile(), Format::Markdown, &RenderOptions::default());
    let mut fence: Option<String> = None;
    for line in text.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None if ticks.len() >= 3 && !line[ticks.len()..].contains('`') => fence = Some(ticks),
            None => {
                let shown = without_code(line);
                assert!(!shown.contains("<img"), "{line}");
                assert!(!shown.contains("](javascript") || shown.contains("\\]("), "{line}");
                assert!(!shown.contains("@everyone"), "{line}");
                let is_ours = line == "</details>" || !shown.contains("</details>");
                assert!(is_ours, "{line}");
            }
        }
    }
    assert_eq!(fence, None, "every block is closed");
}

/// A line without its code spans, as CommonMark finds them: runs of backticks of equal length.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        if rest[..at].ends_with('\\') {
            out.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        }
        out.push_str(&rest[..at]);
        let run = rest[at..].chars().take_while(|c| *c == '`').count();
        rest = &rest[at + run..];
        let mut from = 0;
        let close = loop {
            let Some(next) = rest[from..].find('`') else { break None };
            let found = rest[from + next..].chars().take_while(|c| *c == '`').count();
            if found == run {
                break Some(from + next + run);
            }
            from += next + found;
        };
        if let Some(close) = close {
            rest = &rest[close..];
        }
    }
    out.push_str(rest);
    out
}
