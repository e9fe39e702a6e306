//! The typed parts of a finding in words: places, evidence, steps, proofs. All text is safe to print and of
//! one line. Shared by the formats that people read; knows no format.

use pgsteward_model::change::{EditAction, FileEdit, Fix, PrismaEdit, Step};
use pgsteward_model::finding::{Evidence, Finding};
use pgsteward_model::migration::ServerError;
use pgsteward_model::place::{ObjectKind, ObjectRef, Place};
use pgsteward_model::proof::{Observation, Proof, Run, Verdict};
use pgsteward_model::review::Review;
use pgsteward_model::source::FileRange;

use crate::{text, transitions};

/// The fix that may be shown: a refuted one is withdrawn.
pub(crate) fn offered_fix(finding: &Finding) -> Option<&Fix> {
    match &finding.proof {
        Some(Proof { verdict: Verdict::Refuted { .. }, .. }) => None,
        _ => finding.fix.as_ref(),
    }
}

/// The path of a reviewed file as seen from where the command ran, which is what terminals open and what
/// code hosts expect: under the reviewed path, where that was given as a relative one.
pub(crate) fn path(review: &Review, file: &str) -> String {
    let root = review.root.trim_start_matches("./").trim_end_matches('/');
    let is_plain = !root.is_empty()
        && root != "."
        && !root.starts_with('/')
        && !root.split('/').any(|part| part == "..")
        && !root.contains(['\\', ':']);
    if !is_plain {
        return file.to_owned();
    }
    // The reviewed path may be the file itself.
    if root == file || root.ends_with(&format!("/{file}")) {
        return root.to_owned();
    }
    format!("{root}/{file}")
}

/// `prisma/schema.prisma:12:3`.
pub(crate) fn file_place(review: &Review, range: &FileRange) -> String {
    format!("{}:{}:{}", text::line(&path(review, &range.file)), range.start.line, range.start.column)
}

/// A name in double quotes, doubled inside, as SQL writes it; one that has quotes already is left alone.
pub(crate) fn quoted(name: &str) -> String {
    let name = text::line(name);
    if name.len() > 1 && name.starts_with('"') && name.ends_with('"') {
        return name;
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `foreign key "Order_vendorId_fkey" of "Order"`. The namespace `public` goes without saying.
pub(crate) fn object(object: &ObjectRef) -> String {
    let kind = object.kind.word().replace('_', " ");
    let namespace = object.namespace.as_deref().filter(|name| *name != "public");
    let within = |name: &str| match namespace {
        Some(namespace) => format!("{}.{}", quoted(namespace), quoted(name)),
        None => quoted(name),
    };
    let arguments = object.arguments.as_deref().map(|list| format!("({})", text::line(list)));
    match (&object.relation, &object.column, &object.name) {
        (Some(relation), Some(column), None) => format!("{kind} {}.{}", within(relation), quoted(column)),
        (Some(relation), None, None) => format!("{kind} {}", within(relation)),
        (Some(relation), _, Some(name)) if object.kind != ObjectKind::Schema => {
            format!("{kind} {} of {}", quoted(name), within(relation))
        }
        (_, _, Some(name)) => format!("{kind} {}{}", within(name), arguments.unwrap_or_default()),
        _ => match &object.database {
            Some(database) => format!("{kind} {}", quoted(database)),
            None => kind,
        },
    }
}

/// The most exact words for a place: its file, else its object, setting or query.
pub(crate) fn place(review: &Review, place: &Place) -> Option<String> {
    place.file.as_ref().map(|range| file_place(review, range)).or_else(|| subject(place))
}

/// What a place is about, leaving the file out.
pub(crate) fn subject(place: &Place) -> Option<String> {
    if let Some(it) = &place.object {
        return Some(object(it));
    }
    if let Some(setting) = &place.setting {
        return Some(format!("setting {}", text::line(setting)));
    }
    place.query.as_ref().map(|query| format!("query {}", text::line(query)))
}

pub(crate) fn evidence(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Lock { relation, mode, blocks_reads, blocks_writes } => {
            let blocked = match (blocks_reads, blocks_writes) {
                (true, true) => ", blocks reads and writes",
                (true, false) => ", blocks reads",
                (false, true) => ", blocks writes",
                (false, false) => ", blocks neither reads nor writes",
            };
            format!("{mode} lock on {}{blocked}", quoted(relation))
        }
        Evidence::Rows { relation, rows } => {
            let noun = if rows.round() == 1.0 { "row" } else { "rows" };
            format!("about {} {noun} in {}", text::about(*rows), quoted(relation))
        }
        Evidence::Size { relation, bytes } => format!("{} in {}", text::bytes(*bytes), quoted(relation)),
        Evidence::Count { what, value } => {
            format!("{}: {}", text::line(what).replace('_', " "), text::thousands(*value))
        }
        Evidence::Share { what, value } => {
            format!("{}: {}", text::line(what).replace('_', " "), percent(*value))
        }
        Evidence::Setting { name, value } => format!("{} = {}", text::line(name), text::line(value)),
        Evidence::Sql { sql } => text::prose(sql),
        Evidence::ServerError(error) => server_error(error),
        Evidence::Transitions { column, allowed, .. } => {
            format!("{} may go {}", quoted(column), transitions::lines(allowed).join(", "))
        }
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p > 0.0 && p < 0.1 => "under 0.1 %".into(),
        p if p > 99.9 && p < 100.0 => "over 99.9 %".into(),
        p if p == p.round() => format!("{p:.0} %"),
        p => format!("{p:.1} %"),
    }
}

/// `relation "x" does not exist (SQLSTATE 42P01)`, with the server's detail and hint.
pub(crate) fn server_error(error: &ServerError) -> String {
    let mut out = format!("{} (SQLSTATE {})", text::prose(&error.message), text::line(&error.sqlstate));
    for (name, part) in [("detail", &error.detail), ("hint", &error.hint)] {
        if let Some(part) = part {
            out.push_str(&format!("; {name}: {}", text::prose(part)));
        }
    }
    out
}

/// A step of a rollback in one line. An edit is undone as a whole, so nothing of it needs to be said again.
pub(crate) fn step_back(review: &Review, step: &Step) -> String {
    match step {
        Step::Edit(FileEdit { file, action: EditAction::Replace(_) }) => {
            format!("undo the edit of {}", text::line(&path(review, file)))
        }
        other => self::step(review, other),
    }
}

/// A step in one line; SQL as it stands, with its semicolon.
pub(crate) fn step(review: &Review, step: &Step) -> String {
    match step {
        Step::Sql(step) => format!("{};", text::prose(&step.sql)),
        Step::Edit(edit) => file_edit(edit, &path(review, &edit.file)),
        Step::Prisma(edit) => prisma_edit(edit),
        Step::Wait { until } => format!("wait until {}", text::prose(until)),
    }
}

/// `path` is the edit's file as the reader knows it.
pub(crate) fn file_edit(edit: &FileEdit, path: &str) -> String {
    let file = text::line(path);
    match &edit.action {
        EditAction::Replace(_) => format!("edit {file}"),
        EditAction::Create(_) => format!("create {file}"),
        EditAction::Delete => format!("delete {file}"),
    }
}

pub(crate) fn prisma_edit(edit: &PrismaEdit) -> String {
    let line = |text: &str| text::line(text);
    match edit {
        PrismaEdit::AddBlockAttribute { model, attribute } => {
            format!("add {} to model {}", line(attribute), line(model))
        }
        PrismaEdit::AddFieldAttribute { model, field, attribute } => {
            format!("add {} to field {}.{}", line(attribute), line(model), line(field))
        }
        PrismaEdit::SetFieldAttribute { model, field, attribute } => {
            format!("set {} on field {}.{}", line(attribute), line(model), line(field))
        }
        PrismaEdit::SetFieldType { model, field, ty } => {
            format!("set the type of field {}.{} to {}", line(model), line(field), line(ty))
        }
        PrismaEdit::AddField { model, line: field } => {
            format!("add the field {} to model {}", text::prose(field), line(model))
        }
        PrismaEdit::Remove { file, .. } => format!("remove a line of {}", line(file)),
    }
}

/// `proven on PostgreSQL 15.18: CREATE INDEX CONCURRENTLY held SHARE UPDATE EXCLUSIVE on "Order"; rollback
/// restored the catalog; 12 ms`.
pub(crate) fn proof(proof: &Proof) -> String {
    let mut out = proof.verdict.word().to_owned();
    if let Some(server) = proof.server {
        out.push_str(&format!(" on PostgreSQL {server}"));
    }
    let mut said: Vec<String> = proof.verdict.reason().map(text::prose).into_iter().collect();
    let mut micros = 0;
    for observation in &proof.observations {
        match observation {
            Observation::Applied { micros: spent, .. } => micros += spent,
            Observation::RolledBack { micros: spent } => {
                micros += spent;
                said.push("rollback restored the catalog".into());
            }
            other => said.extend(observed(other)),
        }
    }
    said.dedup();
    if micros > 0 {
        said.push(text::micros(micros));
    }
    if !said.is_empty() {
        out.push_str(": ");
        out.push_str(&said.join("; "));
    }
    out
}

/// An observation in words; none for those that only carry a time.
fn observed(observation: &Observation) -> Option<String> {
    Some(match observation {
        Observation::Applied { .. } => return None,
        Observation::RolledBack { .. } => "rollback restored the catalog".into(),
        Observation::Lock { sql, relation, mode } => {
            format!("{} held {mode} on {}", command(sql), quoted(relation))
        }
        Observation::Rewrite { sql, relation } => format!("{} rewrote {}", command(sql), quoted(relation)),
        Observation::FindingGone => "the finding is gone".into(),
        Observation::FindingRemains => "the finding remains".into(),
        Observation::NewFinding { rule, message } => {
            format!("it brings a new finding, {}: {}", text::line(rule), text::prose(message))
        }
        Observation::CatalogDiffers { differences } => {
            let shown: Vec<String> = differences.iter().take(3).map(|it| text::prose(it)).collect();
            let more = differences.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("after the rollback the catalog differs: {}{more}", shown.join(", "))
        }
        Observation::SameCatalog => "the catalog is the one that the original makes".into(),
        Observation::AppliedAgain => "it applies again".into(),
        Observation::Failed { sql, error } => format!("{} failed: {}", command(sql), server_error(error)),
        Observation::FileParses { file } => format!("{} still parses", text::line(file)),
        Observation::Ran(run) => ran(run),
        Observation::SameRows { rows } => {
            format!(
                "before and after the same {}",
                text::count(usize::try_from(*rows).unwrap_or(usize::MAX), "row")
            )
        }
        Observation::Attacked { what, refused: Some(error), .. } => {
            format!("{} was refused: {}", text::prose(what), server_error(error))
        }
        Observation::Attacked { what, refused: None, rows, .. } => format!(
            "{} changed {}",
            text::prose(what),
            text::count(usize::try_from(*rows).unwrap_or(usize::MAX), "row")
        ),
        Observation::Deadlocked { error, .. } => format!("two sessions met: {}", server_error(error)),
    })
}

/// `as it is: 40,002 rows fetched to return 2 rows, 812 pages, 31 ms, Seq Scan on "Order"`.
fn ran(run: &Run) -> String {
    let many = |number: u64, noun: &str| text::count(usize::try_from(number).unwrap_or(usize::MAX), noun);
    let mut said = Vec::new();
    if run.statements > 1 {
        said.push(many(run.statements, "statement"));
    }
    let fetched = many(run.rows_fetched, "row");
    said.push(if run.rows_fetched == run.rows_returned {
        fetched
    } else {
        format!("{fetched} fetched to return {}", many(run.rows_returned, "row"))
    });
    if run.rows_removed > 0 {
        said.push(format!("{} read and thrown away", many(run.rows_removed, "more row")));
    }
    said.push(many(run.buffers, "page"));
    said.push(if run.micros < 50 { "under 0.1 ms".to_owned() } else { text::micros(run.micros) });
    if !run.plan.is_empty() {
        said.push(text::prose(&run.plan));
    }
    format!("{}: {}", text::prose(&run.what), said.join(", "))
}

/// The command of a statement without its objects: the words in capitals that it begins with.
pub(crate) fn command(sql: &str) -> String {
    let words: Vec<&str> = sql
        .split_whitespace()
        .take_while(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()))
        .take(3)
        .collect();
    if words.is_empty() { text::shorten(&text::prose(sql), 40) } else { words.join(" ") }
}

/// `pgsteward check` on the same path as before, with more arguments.
pub(crate) fn check_command(review: &Review, arguments: &str) -> String {
    let root = root_argument(review).map(|root| format!("{root} ")).unwrap_or_default();
    format!("pgsteward check {root}{arguments}").trim_end().to_owned()
}

/// `pgsteward fix` on the same path as before: of one key or `--rule RULE`.
pub(crate) fn fix_command(review: &Review, what: &str) -> String {
    let root = root_argument(review).map(|root| format!(" --path {root}")).unwrap_or_default();
    format!("pgsteward fix {}{root}", text::line(what))
}

/// The reviewed path, unless it is the current folder or a shell would need it quoted.
fn root_argument(review: &Review) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let root = review.root.as_str();
    (!root.is_empty() && root != "." && !root.starts_with('-') && root.chars().all(is_plain)).then_some(root)
}

/// What was reviewed: schemas, migrations, server.
pub(crate) fn reviewed(review: &Review) -> Vec<String> {
    let mut out = Vec::new();
    if !review.schemas.is_empty() {
        out.push(text::count(review.schemas.len(), "Prisma schema file"));
    }
    let because = text::prose(&review.judged_because);
    let because = if because.is_empty() { String::new() } else { format!(" ({because})") };
    if review.migrations > 0 {
        out.push(format!(
            "{} of {} judged{because}",
            text::thousands(review.judged as u64),
            text::count(review.migrations, "migration")
        ));
    }
    if let Some(code) = review.code.as_ref().filter(|code| code.calls + code.raw > 0) {
        let mut parts = Vec::new();
        // Rounded down: all is said of all only.
        if let Some(percent) = (code.understood * 100).checked_div(code.calls) {
            parts.push(format!("{} ({percent} % understood)", text::count(code.calls, "call")));
        }
        if code.raw > 0 {
            parts.push(text::count(code.raw, "raw query"));
        }
        out.push(format!("{} in {}", parts.join(" and "), text::count(code.files, "code file")));
    }
    if let Some(version) = review.server_version {
        out.push(format!("PostgreSQL {version}"));
    }
    out
}

/// `2 errors`, `37 warnings`, `84 info`: only what there is.
pub(crate) fn severities(review: &Review) -> Vec<(pgsteward_model::finding::Severity, String)> {
    use pgsteward_model::finding::Severity;
    [Severity::Error, Severity::Warning, Severity::Info]
        .into_iter()
        .map(|severity| (severity, review.count(severity)))
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| {
            let words = match severity {
                // "infos" is no word.
                Severity::Info => format!("{} info", text::thousands(count as u64)),
                other => text::count(count, other.word()),
            };
            (severity, words)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_where_the_command_ran() {
        for (root, file, seen) in [
            (".", "prisma/schema.prisma", "prisma/schema.prisma"),
            ("", "a.sql", "a.sql"),
            ("./examples/shop/", "a.sql", "examples/shop/a.sql"),
            ("/home/me/shop", "a.sql", "a.sql"),
            ("../shop", "a.sql", "a.sql"),
            ("prisma/schema.prisma", "schema.prisma", "prisma/schema.prisma"),
            ("C:\\shop", "a.sql", "a.sql"),
        ] {
            let review = Review { root: root.into(), ..Review::default() };
            assert_eq!(path(&review, file), seen, "{root}");
        }
    }

    #[test]
    fn commands_never_need_quotes() {
        let command = |root: &str| check_command(&Review { root: root.into(), ..Review::default() }, "--fix");
        assert_eq!(command("shop"), "pgsteward check shop --fix");
        assert_eq!(command("."), "pgsteward check --fix");
        assert_eq!(command("a; rm -rf ~"), "pgsteward check --fix");
        assert_eq!(command("--url"), "pgsteward check --fix");
        let review = Review { root: "shop".into(), ..Review::default() };
        assert_eq!(fix_command(&review, "--rule x"), "pgsteward fix --rule x --path shop");
    }

    #[test]
    fn objects_are_named_as_sql_names_them() {
        let said = |it: ObjectRef| object(&it);
        assert_eq!(said(ObjectRef::column("public", "Order", "total")), "column \"Order\".\"total\"");
        assert_eq!(
            said(ObjectRef::of_relation(ObjectKind::Index, "audit", "Event", "e\"x")),
            "index \"e\"\"x\" of \"audit\".\"Event\""
        );
        assert_eq!(said(ObjectRef::named(ObjectKind::Role, "app")), "role \"app\"");
        let function = ObjectRef {
            arguments: Some("integer, text".into()),
            ..ObjectRef::in_namespace(ObjectKind::Function, "public", "pay")
        };
        assert_eq!(said(function), "function \"pay\"(integer, text)");
        assert_eq!(
            said(ObjectRef::relation(ObjectKind::MaterializedView, "public", "m")),
            "materialized view \"m\""
        );
    }

    #[test]
    fn commands_of_statements_are_their_capitals() {
        assert_eq!(command("CREATE INDEX CONCURRENTLY \"a\" ON b"), "CREATE INDEX CONCURRENTLY");
        assert_eq!(command("alter table x"), "alter table x");
    }
}
