//! Mistakes that a parser lets pass and every program that runs the file refuses.

use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;

use super::{TREES, make_room, nesting, parsed, source_type, unreadable};

/// How many mistakes a file has that keep it from running although its grammar holds: a name that is declared twice, a
/// `continue` whose label stands elsewhere. None where it is not read at all.
pub fn mistakes(path: &str, text: &str) -> Option<usize> {
    let source_type = source_type(path.rsplit('/').next().unwrap_or(path))?;
    if unreadable(text).is_some() {
        return None;
    }
    let room = nesting::room();
    let depth = if nesting::is_within(text, room) { 0 } else { nesting::depth(text) };
    if depth <= room {
        return count(text, source_type);
    }
    let apart = || count(text, source_type);
    (depth <= nesting::DEEPEST).then(|| nesting::apart(nesting::STACK, apart).ok()).flatten().flatten()
}

fn count(text: &str, source_type: SourceType) -> Option<usize> {
    TREES.with_borrow_mut(|allocator| {
        make_room(allocator, text);
        let parsed = parsed(allocator, text, source_type);
        let checked = SemanticBuilder::new().with_check_syntax_error(true).build(&parsed.program);
        (!parsed.panicked).then(|| parsed.diagnostics.len() + checked.diagnostics.len())
    })
}

#[cfg(test)]
mod tests {
    use super::{mistakes, nesting};

    #[test]
    fn a_name_twice_and_a_label_that_is_gone() {
        assert_eq!(mistakes("a.ts", "all: for (const a of b) { continue all }"), Some(0));
        assert!(
            mistakes("a.ts", "all: c()\nfor (const a of b) { continue all }").is_some_and(|count| count > 0)
        );
        assert!(mistakes("a.ts", "const a = 1; const a = 2").is_some_and(|count| count > 0));
        assert!(mistakes("a.ts", "const f = () => { await a() }").is_some_and(|count| count > 0));
        assert_eq!(mistakes("a.tsx", "export const a = async () => <b>{await c()}</b>"), Some(0));
    }

    #[test]
    fn deep_files_are_looked_at_too() {
        let deep = format!("const a = {}1{}\n", "[".repeat(400), "]".repeat(400));
        assert_eq!(mistakes("a.ts", &deep), Some(0));
        assert!(mistakes("a.ts", &format!("{deep}const a = 2")).is_some_and(|count| count > 0));
        let deeper = "(".repeat(nesting::DEEPEST + 1);
        assert_eq!(mistakes("a.ts", &deeper), None, "nothing is claimed of what is not read");
    }
}
