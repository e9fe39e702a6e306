//! Suppressions: a comment beside the thing, or an `[[allow]]` in `pgsteward.toml`. Each gives a reason, and
//! one that is unused, unknown, reasonless or expired is itself a finding.

mod date;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

pub use date::Date;
use globset::Glob;
use pgsteward_model::change::{Change, EditAction, FileEdit, Fix, Rollback, Safety, Step, TextEdit};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::Finding;
use pgsteward_model::place::Place;
use pgsteward_model::source::{SourceFile, Span};
use pgsteward_rules::config::{allow_without_reason, expired_allow, unknown_rule_in_allow, unused_allow};

use crate::config::Loaded;

const MARKER: &str = "pgsteward: allow(";

/// One allow of one rule.
struct Allow {
    rule: String,
    reason: Option<String>,
    until: Option<String>,
    scope: Scope,
    place: Place,
    /// File and span of the comment, where it allows this one rule only.
    comment: Option<(Arc<str>, Span)>,
    used: bool,
}

enum Scope {
    /// Findings that start on this line of this file.
    Line { file: Arc<str>, line: u32 },
    /// Findings on objects or files that the glob matches; none matches everything.
    Glob(Option<globset::GlobMatcher>),
}

/// The allows of `pgsteward.toml`: one list for all projects of a review.
pub struct Configured {
    allows: Vec<Allow>,
    ran: BTreeSet<String>,
    today: Date,
}

impl Configured {
    pub fn read(loaded: &Loaded, root: &Path, today: Date) -> Configured {
        Configured { allows: in_config(loaded, root), ran: BTreeSet::new(), today }
    }

    /// Findings about these allows themselves, once every project had its turn.
    pub fn findings(&self) -> Vec<Finding> {
        let ran: BTreeSet<&str> = self.ran.iter().map(String::as_str).collect();
        self.allows.iter().filter_map(|allow| allow.finding(&ran, self.today)).collect()
    }
}

/// Takes out what is allowed and adds findings about the comments that allow. Returns how many were taken
/// out. `ran` are the ids of the rules that had their say: an allow of another rule is not unused.
pub fn apply(
    findings: &mut Vec<Finding>,
    facts: &Facts,
    configured: &mut Configured,
    ran: &BTreeSet<&str>,
) -> usize {
    configured.ran.extend(ran.iter().map(|rule| (*rule).to_owned()));
    let today = configured.today;
    // Of files of code it is known which ones allow anything.
    let allowing = facts.code.iter().flat_map(|code| &code.allowing);
    let allowing = allowing.filter_map(|file| facts.sources.get(file));
    let files: BTreeMap<&str, &Arc<SourceFile>> =
        facts.sources.read_at_once().chain(allowing).map(|file| (&*file.path, file)).collect();
    let mut comments: Vec<Allow> = files.into_values().flat_map(|file| in_file(file)).collect();
    let before = findings.len();
    findings.retain(|finding| {
        let mut keep = true;
        for allow in comments
            .iter_mut()
            .chain(&mut configured.allows)
            .filter(|allow| allow.rule == finding.rule && allow.scope.covers(finding))
        {
            allow.used = true;
            if !allow.has_expired(today) {
                keep = false;
            }
        }
        keep
    });
    let taken = before - findings.len();
    // Nobody looks for hazards in migrations that are not judged, so their allows say nothing either way.
    let history = facts.history.iter().flat_map(|history| &history.files);
    let unjudged: BTreeSet<&str> = history.filter(|file| !file.judged).map(|file| &*file.path).collect();
    let about_these = |allow: &&Allow| match &allow.scope {
        Scope::Line { file, .. } => !unjudged.contains(&**file),
        Scope::Glob(_) => true,
    };
    findings.extend(comments.iter().filter(about_these).filter_map(|allow| allow.finding(ran, today)));
    taken
}

impl Allow {
    fn has_expired(&self, today: Date) -> bool {
        self.until.as_deref().and_then(Date::parse).is_some_and(|until| until < today)
    }

    /// What is wrong with the allow itself, if a rule that ran says so.
    fn finding(&self, ran: &BTreeSet<&str>, today: Date) -> Option<Finding> {
        let place = self.place.clone();
        let finding = if pgsteward_rules::find(&self.rule).is_none() {
            unknown_rule_in_allow::finding(place, &self.rule)
        } else if self.has_expired(today) {
            expired_allow::finding(place, &self.rule, self.until.as_deref().unwrap_or(""))
        } else if !self.used && ran.contains(self.rule.as_str()) {
            let mut finding = unused_allow::finding(place, &self.rule);
            finding.fix = self.comment.as_ref().map(|comment| removal(comment, &self.rule));
            finding
        } else if self.reason.is_none() {
            allow_without_reason::finding(place, &self.rule)
        } else {
            return None;
        };
        ran.contains(finding.rule).then_some(finding)
    }
}

/// What is allowed in one file of SQL, for who judges it without findings.
pub(crate) struct OfFile {
    allows: Vec<Allow>,
    today: Date,
}

impl OfFile {
    /// The comments of the file and the allows of the configuration; `root` is the folder that its paths are shown from.
    pub(crate) fn read(file: &SourceFile, loaded: &Loaded, root: &Path) -> OfFile {
        let mut allows = in_file(file);
        allows.extend(in_config(loaded, root));
        OfFile { allows, today: Date::today() }
    }

    /// Where the rule is allowed on one of these lines, or for one of these names, and the reason that was given.
    /// What has expired allows nothing.
    pub(crate) fn of(
        &self,
        rule: &str,
        lines: RangeInclusive<u32>,
        names: &[String],
    ) -> Option<(&str, Option<&str>)> {
        let covers = |scope: &Scope| match scope {
            Scope::Line { line, .. } => lines.contains(line),
            Scope::Glob(None) => true,
            Scope::Glob(Some(glob)) => names.iter().any(|name| glob.is_match(name)),
        };
        let mut valid = self.allows.iter().filter(|one| one.rule == rule && !one.has_expired(self.today));
        let allow = valid.find(|one| covers(&one.scope))?;
        let by = match &allow.scope {
            Scope::Line { .. } => "the migration",
            Scope::Glob(_) => crate::config::FILE_NAME,
        };
        Some((by, allow.reason.as_deref()))
    }
}

impl Scope {
    fn covers(&self, finding: &Finding) -> bool {
        match self {
            Scope::Line { file, line } => {
                finding.at.file.as_ref().is_some_and(|range| range.file == *file && range.start.line == *line)
            }
            Scope::Glob(None) => true,
            Scope::Glob(Some(glob)) => {
                let object = finding.at.object.as_ref();
                // `Order` allows the table and all its parts; `Order.total` one column.
                let names = object.into_iter().flat_map(|object| {
                    let relation = object.relation.clone();
                    let part = relation
                        .as_ref()
                        .zip(object.name.as_ref())
                        .map(|(relation, name)| format!("{relation}.{name}"));
                    [Some(object.display()), relation, part].into_iter().flatten()
                });
                names
                    .chain(finding.at.file.iter().map(|range| range.file.to_string()))
                    .chain(finding.at.setting.clone())
                    .any(|name| glob.is_match(name))
            }
        }
    }
}

/// What opens a comment in SQL, in Prisma, TypeScript and JavaScript, and in `.env` files.
const MARKS: [&str; 4] = ["--", "//", "/*", "#"];

/// Comments like `-- pgsteward: allow(rule, rule) reason`. A comment after code is about that line, a
/// comment on a line of its own about the next line that is no comment.
fn in_file(file: &SourceFile) -> Vec<Allow> {
    let mut allows = Vec::new();
    // Nearly no file has one, and whether it is there is told many times faster than where.
    if !file.text.contains(MARKER) {
        return allows;
    }
    for (at, _) in file.text.match_indices(MARKER) {
        let line_number = file.position(at).line;
        let Some(line_start) = file.line_start(line_number) else { continue };
        let before = &file.text[line_start..at];
        let Some(comment) = MARKS.iter().filter_map(|mark| before.rfind(mark)).max() else { continue };
        // In JSX a comment stands in braces.
        let comment = before[..comment].strip_suffix('{').map_or(comment, str::len);
        let rest = &file.text[at + MARKER.len()..];
        // The list ends on its line: open lists that reached over each other would cost the square of the text.
        let Some(end) = rest.find(['(', ')', '\n']).filter(|end| rest[*end..].starts_with(')')) else {
            continue;
        };
        let (rules, rest) = (&rest[..end], &rest[end + 1..]);
        let reason = rest.lines().next().unwrap_or("");
        let reason = reason.split("*/").next().unwrap_or("").trim();
        let own_line = before[..comment].trim().is_empty();
        let line = if own_line { next_code_line(file, line_number) } else { line_number };
        let span = Span::new(line_start + comment, at + MARKER.len() + rules.len() + 1);
        let line_end = file.text[at..].find('\n').map_or(file.text.len(), |end| at + end);
        let whole = match own_line {
            true => Span::new(line_start, (line_end + 1).min(file.text.len())),
            false => Span::new(line_start + before[..comment].trim_end().len(), line_end),
        };
        let alone = !rules.contains(',');
        for rule in rules.split(',').map(str::trim).filter(|rule| !rule.is_empty()) {
            allows.push(Allow {
                rule: rule.to_owned(),
                reason: (!reason.is_empty()).then(|| reason.to_owned()),
                until: None,
                scope: Scope::Line { file: file.path.clone(), line },
                place: Place::file(file.range(span)),
                comment: alone.then(|| (file.path.clone(), whole)),
                used: false,
            });
        }
    }
    allows
}

/// Takes the comment out: a text edit that changes no database.
fn removal((file, span): &(Arc<str>, Span), rule: &str) -> Fix {
    let edit = TextEdit { span: *span, text: String::new() };
    Fix {
        title: format!("take the allow of \"{rule}\" away"),
        safety: Safety::Safe,
        change: Change {
            steps: vec![Step::Edit(FileEdit { file: file.clone(), action: EditAction::Replace(vec![edit]) })],
            rollback: Rollback::Steps(Vec::new()),
        },
    }
}

fn next_code_line(file: &SourceFile, line: u32) -> u32 {
    let comment = |text: &str| {
        let text = text.strip_prefix('{').filter(|rest| rest.starts_with("/*")).unwrap_or(text);
        text.is_empty() || text.starts_with("*/") || MARKS.iter().any(|mark| text.starts_with(mark))
    };
    let mut next = line + 1;
    while let Some(start) = file.line_start(next) {
        if !comment(file.line_at(start).trim()) {
            break;
        }
        next += 1;
    }
    next
}

fn in_config(loaded: &Loaded, root: &Path) -> Vec<Allow> {
    let Some((path, text)) = &loaded.file else { return Vec::new() };
    let source = SourceFile::new(crate::discover::relative(root, path), text.as_str());
    // Headers open their line; the same words in a comment or a reason do not.
    let opens_line = |at: &usize| {
        text[..*at].lines().next_back().is_none_or(|line| line.trim().is_empty())
            || text[..*at].ends_with('\n')
    };
    let blocks: Vec<usize> = text.match_indices("[[allow]]").map(|(at, _)| at).filter(opens_line).collect();
    let allows = loaded.config.allow.iter().enumerate();
    allows
        .map(|(index, allow)| Allow {
            rule: allow.rule.clone(),
            reason: allow.reason.clone().filter(|reason| !reason.trim().is_empty()),
            until: allow.until.clone(),
            scope: Scope::Glob(
                allow.object.as_deref().and_then(|glob| Some(Glob::new(glob).ok()?.compile_matcher())),
            ),
            place: Place::file(source.range(
                blocks.get(index).map_or(Span::default(), |at| Span::new(*at, at + "[[allow]]".len())),
            )),
            comment: None,
            used: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_on_its_line() {
        let text = format!("{})\n", "-- pgsteward: allow(a,\n".repeat(3_000));
        assert!(in_file(&SourceFile::new("m.sql", text)).is_empty());
        let allows = in_file(&SourceFile::new("m.sql", "-- pgsteward: allow(a -- pgsteward: allow(b) c\n"));
        let rules: Vec<&str> = allows.iter().map(|allow| allow.rule.as_str()).collect();
        assert_eq!(rules, ["b"]);
    }

    #[test]
    fn comments_of_typescript_name_their_line() {
        let text = "i--; // pgsteward: allow(a) once\n/* pgsteward: allow(b) small */\n\n// more\nconst x = 1\n\
                    <p>\n  {/* pgsteward: allow(c) few */}\n  {rows}\n</p> /* pgsteward: allow(d) */\n";
        let file = SourceFile::new("a.tsx", text);
        let allows = in_file(&file);
        let seen: Vec<(&str, Option<&str>, u32)> = allows
            .iter()
            .map(|allow| {
                let Scope::Line { line, .. } = &allow.scope else { panic!("a line") };
                (allow.rule.as_str(), allow.reason.as_deref(), *line)
            })
            .collect();
        assert_eq!(
            seen,
            [("a", Some("once"), 1), ("b", Some("small"), 5), ("c", Some("few"), 8), ("d", None, 9)]
        );
        let (_, removed) = allows[2].comment.as_ref().unwrap();
        assert_eq!(file.slice(*removed), "  {/* pgsteward: allow(c) few */}\n");
    }

    #[test]
    fn comments_name_their_line() {
        let text = "-- pgsteward: allow(a, b) because\n\n-- more\nCREATE TABLE t ();\nDROP TABLE u; -- pgsteward: allow(c)\n";
        let allows = in_file(&SourceFile::new("m.sql", text));
        let seen: Vec<(&str, Option<&str>, u32)> = allows
            .iter()
            .map(|allow| {
                let Scope::Line { line, .. } = &allow.scope else { panic!("a line") };
                (allow.rule.as_str(), allow.reason.as_deref(), *line)
            })
            .collect();
        assert_eq!(seen, [("a", Some("because"), 4), ("b", Some("because"), 4), ("c", None, 5)]);
    }
}
