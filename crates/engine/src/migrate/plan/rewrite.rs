//! The rewriting that rules offer as fixes, and the expansions that none offers, one after the other until nothing
//! is left to rewrite.

use pgsteward_model::change::Step;
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::source::Span;

use super::deck::{Deck, path_of, slug_of};
use super::pieces::{Piece, apart, left_whole, note};
use super::torn::torn;
use super::{
    added, alias, change, drops, enums, expand, keys, partition, rekeyed, relation, renewed, several,
};
use crate::prove::files::edited_files;

/// No migration of people has as many hazards.
const MOST: usize = 400;

/// The pieces that one text becomes. A single one that equals the text where nothing is to be rewritten.
pub(super) fn rewrite(deck: &Deck, text: &str, notes: &mut Vec<String>) -> Vec<Piece> {
    let mut pieces = vec![Piece::new("", text)];
    at_most(&mut || renewed::renew(deck, &mut pieces, notes));
    // What goes is put last before anything else is rewritten: that stands beside it still.
    while_any(deck, &mut pieces, &mut |facts, pieces| {
        drops::next(deck, facts, pieces, notes).or_else(|| several::behind_types(facts, pieces, notes))
    });
    pieces.sort_by_key(Piece::order);
    while_any(deck, &mut pieces, &mut |facts, pieces| drops::with_users(deck, facts, pieces, notes));
    pieces.sort_by_key(Piece::order);
    while_any(deck, &mut pieces, &mut |facts, pieces| types(deck, facts, pieces, notes));
    at_most(&mut || several::gather(deck, &mut pieces));
    while_any(deck, &mut pieces, &mut |facts, pieces| next(deck, facts, pieces, notes));
    rekeyed::outlive(deck, &mut pieces);
    pieces.sort_by_key(Piece::order);
    at_most(&mut || drops::clear(deck, &mut pieces));
    relation::follow(&mut pieces);
    keys::together(deck, &mut pieces);
    pieces
}

/// A piece of several, and what it becomes.
type Parts = Option<(usize, Vec<Piece>)>;

/// As long as there is something to do, and no longer than any migration of people has it.
fn at_most(step: &mut dyn FnMut() -> bool) {
    for _ in 0..MOST {
        if !step() {
            return;
        }
    }
}

fn while_any(deck: &Deck, pieces: &mut Vec<Piece>, next: &mut dyn FnMut(&Facts, &[Piece]) -> Parts) {
    for _ in 0..MOST {
        let facts = deck.facts(pieces);
        let Some((at, parts)) = next(&facts, pieces) else { return };
        pieces.splice(at..=at, parts);
    }
}

fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    types(deck, facts, pieces, notes)
        .or_else(|| expand::next(deck, facts, pieces, notes))
        .or_else(|| partition::next(deck, facts, pieces, notes))
        .or_else(|| alias::next(deck, facts, pieces, notes))
        .or_else(|| relation::next(facts, pieces, notes))
        .or_else(|| added::next(deck, facts, pieces, notes))
        .or_else(|| next_fix(deck, facts, pieces, notes))
}

fn types(deck: &Deck, facts: &Facts, pieces: &[Piece], notes: &mut Vec<String>) -> Parts {
    enums::next(deck, facts, pieces, notes).or_else(|| change::next(deck, facts, pieces, notes))
}

/// The first piece that a rule knows to write better, and what takes its place: the statement apart from the others
/// first, because in a file of its own more of it can be moved, then what the fix makes of it.
fn next_fix(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    let mut found: Vec<(usize, Span, Finding)> = Vec::new();
    for rule in pgsteward_rules::migration::REWRITES {
        found.extend((rule.check)(facts).into_iter().filter_map(|finding| {
            let (at, span) = statement_of(facts, pieces, &finding)?;
            Some((at, span, finding))
        }));
    }
    found.sort_by_key(|(at, span, _)| (*at, span.start));
    found.into_iter().find_map(|(at, span, finding)| {
        let parts = apart(&pieces[at], span);
        let cut = parts.len() > 1;
        let parts = if cut { parts } else { fixed(facts, pieces, at, &finding)? };
        if finding.fix.is_none() && !offers_fix(deck, pieces, at, &parts, finding.rule) {
            return None;
        }
        let file = facts.history.as_ref()?.files.get(at)?;
        let place = file.statements.iter().position(|one| one.span == span)?;
        if let Some(reason) = torn(file, place).filter(|_| cut) {
            note(notes, left_whole(&file.statements[place], &reason));
            return None;
        }
        Some((at, parts))
    })
}

/// Whether the rule has a fix for one of the parts once they stand for themselves.
fn offers_fix(deck: &Deck, pieces: &[Piece], at: usize, parts: &[Piece], rule: &str) -> bool {
    let mut pieces = pieces.to_vec();
    pieces.splice(at..=at, parts.iter().cloned());
    let facts = deck.facts(&pieces);
    let own = at..at + parts.len();
    pgsteward_rules::find(rule).is_some_and(|rule| {
        (rule.check)(&facts).iter().any(|finding| {
            finding.fix.is_some()
                && statement_of(&facts, &pieces, finding).is_some_and(|(at, _)| own.contains(&at))
        })
    })
}

/// What the fix makes of a piece.
fn fixed(facts: &Facts, pieces: &[Piece], at: usize, finding: &Finding) -> Option<Vec<Piece>> {
    let fix = finding.fix.as_ref()?;
    if !fix.change.steps.iter().all(|step| matches!(step, Step::Edit(_))) {
        return None;
    }
    let edited = edited_files(&fix.change.steps, facts).ok()?;
    let own = path_of(at);
    let mut parts = Vec::new();
    if let Some(Some(text)) = edited.get(own.as_str()) {
        parts.push(Piece { text: text.clone(), ..pieces[at].clone() });
    }
    let following = edited.iter().filter(|(path, _)| ***path != *own);
    parts.extend(following.filter_map(|(path, text)| Some(Piece::new(&slug_of(path, at), text.clone()?))));
    parts.retain(|piece| !piece.is_empty());
    (!parts.is_empty()).then_some(parts)
}

/// The piece and the statement that the finding points at.
fn statement_of(facts: &Facts, pieces: &[Piece], finding: &Finding) -> Option<(usize, Span)> {
    let range = finding.at.file.as_ref()?;
    let at = (0..pieces.len()).find(|at| *range.file == *path_of(*at) && !pieces[*at].settled)?;
    let file = facts.history.as_ref()?.files.get(at)?;
    let holds = |span: &Span| span.start <= range.span.start && range.span.start < span.end;
    file.statements.iter().map(|statement| statement.span).find(holds).map(|span| (at, span))
}

/// Rules without a rewriting whose hazards a plan may leave where an expansion is not to be had.
const OTHERS: [&str; 14] = [
    "column-dropped",
    "table-dropped",
    "column-recreated",
    "type-change-rewrites",
    "column-renamed",
    "table-renamed",
    "type-renamed",
    "enum-value-renamed",
    "enum-value-removed",
    "generated-column-rewrites",
    "exclusion-constraint-builds-index",
    "partitioned-parent-locked",
    "backfill-in-migration",
    "work-hidden-in-do-block",
];

/// What the rules about locks and old code still say of statements that were not expanded, each sentence once.
pub(super) fn left(deck: &Deck, pieces: &[Piece]) -> Vec<String> {
    let facts = deck.facts(pieces);
    let others = OTHERS.iter().filter_map(|id| pgsteward_rules::find(id));
    let mut left: Vec<String> = Vec::new();
    for rule in pgsteward_rules::migration::REWRITES.iter().copied().chain(others) {
        for finding in (rule.check)(&facts) {
            let ours = statement_of(&facts, pieces, &finding).is_none();
            if finding.severity > Severity::Info && !ours && !left.contains(&finding.message) {
                left.push(finding.message);
            }
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use pgsteward_model::rule::SAFELY_WRITTEN;

    #[test]
    fn pages_of_what_is_rewritten_name_the_safe_path() {
        for rule in pgsteward_rules::migration::REWRITES {
            assert!(SAFELY_WRITTEN.contains(&rule.id), "{}", rule.id);
        }
    }
}
