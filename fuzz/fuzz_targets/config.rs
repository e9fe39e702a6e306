//! `pgsteward.toml` and the comments that allow a finding. What is promised for every text:
//!
//! - nothing panics: the text is a configuration, or an error that says something;
//! - reading is repeatable;
//! - the allows of a configuration and of a source file can be applied, and what they are found guilty of
//!   lies inside the text.

#![no_main]

use std::collections::BTreeSet;
use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};
use pgsteward_engine::allow::{self, Configured, Date};
use pgsteward_engine::config::{FILE_NAME, Loaded, parse};
use pgsteward_model::change::{EditAction, FileEdit, Step, TextEdit};
use pgsteward_model::facts::Facts;
use pgsteward_model::source::SourceFile;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    let root = Path::new("/project");
    let mut loaded = Loaded::default();
    match parse(text) {
        Ok(config) => {
            let again = parse(text).expect("what was read once is read again");
            assert_eq!(format!("{config:?}"), format!("{again:?}"));
            loaded = Loaded { config, file: Some((root.join(FILE_NAME), text.to_owned())) };
        }
        Err(error) => assert!(!error.to_string().trim().is_empty(), "an error says something"),
    }

    let mut facts = Facts::default();
    let source = facts.sources.add(SourceFile::new("schema.prisma", text));
    let ran: BTreeSet<&str> = pgsteward_engine::rules().iter().map(|rule| rule.id).collect();
    let today = Date::parse("2026-01-01").expect("a date");
    let mut configured = Configured::read(&loaded, root, today);
    let mut findings = Vec::new();
    let taken = allow::apply(&mut findings, &facts, &mut configured, &ran);
    assert_eq!(taken, 0, "there was no finding to allow");
    findings.extend(configured.findings());
    for finding in &findings {
        let range = finding.at.file.as_ref().expect("a finding about an allow has a place");
        let slice = text.get(range.span.start..range.span.end);
        assert!(slice.is_some(), "{:?} does not fit {}", range.span, range.file);
        assert_eq!(range.start, source.position(range.span.start));
        for step in finding.fix.iter().flat_map(|fix| &fix.change.steps) {
            let Step::Edit(FileEdit { action: EditAction::Replace(edits), .. }) = step else {
                panic!("an allow is taken away by an edit");
            };
            assert!(TextEdit::apply_all(text, edits).is_some(), "{edits:?} do not fit the text");
        }
    }
    Corpus::Keep
});
