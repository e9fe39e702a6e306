//! A plan for a database whose migrations live in another namespace than `public`: that of its URL (`schema=`), which completes
//! the names that their authors leave without one. The parts are made and tried where the lab works, then say as little of a
//! namespace as the migration itself, and are tried once more where the names go into that of the URL.

use anyhow::Result;
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_sql::quote_ident;

use super::Run;
use super::enums::{FULL_NAMES, OWN_NAMES};
use super::pieces::Piece;
use crate::Progress;
use crate::collect::LabWish;
use crate::migrate::project::MigrationFolder;
use crate::migrate::shadow::{Script, Shadow};

/// Where the lab works, so what names in the pieces say that are not their author's.
const MADE_IN: &str = "public";

/// Whether a text names something by the namespace that the lab works in.
pub(super) fn says(text: &str) -> bool {
    !places(text).is_empty()
}

/// Takes the lab's namespace out of the pieces. Where their author names it, nobody could tell whose it is, and all stay as they are.
pub(super) fn leave_out(pieces: &mut [Piece], namespace: &str, author: &str) {
    if namespace == MADE_IN || says(author) {
        return;
    }
    let short = |text: &mut String| *text = with(text, "");
    let named = format!("{}.", quote_ident(namespace));
    for piece in pieces {
        short(&mut piece.text);
        piece.text = piece.text.replace(FULL_NAMES, OWN_NAMES);
        piece.down.as_mut().into_iter().for_each(short);
        if let Some(backfill) = &mut piece.backfill {
            short(&mut backfill.table);
            short(&mut backfill.set);
            backfill.condition.as_mut().into_iter().for_each(short);
        }
        // Who asks has no `search_path` of the migration's.
        piece.asks.as_mut().into_iter().for_each(|query| *query = with(query, &named));
    }
}

/// The text with other words where it has the namespace and its dot.
fn with(text: &str, words: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (from, to) in places(text) {
        out.push_str(text.get(copied..from).unwrap_or_default());
        out.push_str(words);
        copied = to;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

/// Where the namespace and its dot stand: in names, in strings that hold names, in bodies of functions and in comments alike.
fn places(text: &str) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for word in [format!("{MADE_IN}."), format!("\"{MADE_IN}\".")] {
        let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '.' | '"');
        let alone = |at: usize| !text.get(..at).is_some_and(|before| before.ends_with(is_part));
        let names = |end: usize| {
            let rest = text.get(end..).unwrap_or_default();
            rest.starts_with(|letter: char| {
                letter.is_alphanumeric() || matches!(letter, '_' | '"' | '\\') || !letter.is_ascii()
            })
        };
        let all = text.match_indices(&word).map(|(at, word)| (at, at + word.len()));
        found.extend(all.filter(|(from, to)| alone(*from) && names(*to)));
    }
    found.sort_unstable();
    found
}

impl Run<'_> {
    /// Why the pieces do not hold in the namespace of the database's URL, where that is another one than the lab's.
    pub(super) async fn not_there(&self, at: usize, text: &str, pieces: &[Piece]) -> Result<Option<String>> {
        let own = self.standing.map(|known| known.namespace.as_str()).filter(|own| *own != "public");
        let Some(own) = own else { return Ok(None) };
        let wish = LabWish { none: false, major: Some(self.lab.version().major()), offline: self.offline };
        let place = (own, self.project.init_shadow_db());
        Ok(prove(&wish, place, &self.folders[..at], text, pieces, self.progress).await?.err())
    }
}

/// Whether the pieces end where the migration does, in a database whose unqualified names are the namespace's. The inner error says
/// why they do not.
async fn prove(
    wish: &LabWish,
    (namespace, init): (&str, Option<String>),
    before: &[MigrationFolder],
    original: &str,
    pieces: &[Piece],
    progress: &dyn Progress,
) -> Result<Result<(), String>> {
    let shadow = Shadow::start(wish, namespace, init, progress).await?;
    let there: Vec<Script<'_>> =
        before.iter().map(|folder| Script { name: &folder.name, text: folder.script() }).collect();
    let start = shadow.replay(&there, progress).await?;
    let of = |words: &str| format!("in the namespace \"{namespace}\" {words}");
    let wanted = match shadow.attempt(&start, "the migration", original).await? {
        Ok(wanted) => wanted,
        Err(error) => {
            return Ok(Err(of(&format!("the migration itself fails in the lab: {}", error.message))));
        }
    };
    let mut made = start;
    for (piece, number) in pieces.iter().zip(1..) {
        made = match shadow.attempt(&made, &piece.slug, &piece.text).await? {
            Ok(made) => made,
            Err(error) => {
                return Ok(Err(of(&format!("part {number} of it fails in the lab: {}", error.message))));
            }
        };
    }
    let differ: Vec<String> = differences(&wanted.catalog, &made.catalog, ColumnOrder::Ignored)
        .iter()
        .map(ToString::to_string)
        .collect();
    Ok(match differ.is_empty() {
        true => Ok(()),
        false => Err(of(&format!("its parts end in another catalog: {}", differ.join("; ")))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::backfill::Definition;

    #[test]
    fn names_are_left_to_the_connection() {
        let text = "-- pgsteward: of public.\"User\" as \"::public.\\\"Kind\\\"\"\nSELECT 'public.\"User\"'::regclass, a.public.b, republic.c, to_regclass('public.d');\n\
                    DO $x$ BEGIN UPDATE \"public\".\"User\" SET a = NEW.a::public.kind; GRANT x TO PUBLIC; END $x$; -- in public.";
        let short = "-- pgsteward: of \"User\" as \"::\\\"Kind\\\"\"\nSELECT '\"User\"'::regclass, a.public.b, republic.c, to_regclass('d');\n\
                     DO $x$ BEGIN UPDATE \"User\" SET a = NEW.a::kind; GRANT x TO PUBLIC; END $x$; -- in public.";
        let made = || {
            let table = "public.\"User\"".to_owned();
            let backfill = Definition { table, set: "a = public.f(b)".into(), condition: None };
            let (backfill, asks) = (Some(backfill), Some("SELECT 'public.a'".to_owned()));
            Piece { backfill, asks, ..Piece::new("", text) }
        };
        let mut pieces = [made()];
        leave_out(&mut pieces, "public", "");
        leave_out(&mut pieces, "Our App", "ALTER TABLE public.a ADD b INT");
        assert_eq!(pieces[0].text, text);
        leave_out(&mut pieces, "Our App", "ALTER TABLE a ADD b INT");
        assert_eq!(pieces[0].text, short);
        let backfill = pieces[0].backfill.as_ref().unwrap();
        assert_eq!((backfill.table.as_str(), backfill.set.as_str()), ("\"User\"", "a = f(b)"));
        assert_eq!(pieces[0].asks.as_deref(), Some("SELECT '\"Our App\".a'"));
    }
}
