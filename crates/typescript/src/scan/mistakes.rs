//! Mistakes that a parser lets pass and every program that runs the file refuses.

use oxc_semantic::SemanticBuilder;

use super::{TREES, make_room, nesting, parsed, source_type, unreadable};

/// How many mistakes a file has that keep it from running although its grammar holds: a name that is declared twice, a
/// `continue` whose label stands elsewhere. None where it is not read at all.
pub fn mistakes(path: &str, text: &str) -> Option<usize> {
    let source_type = source_type(path.rsplit('/').next().unwrap_or(path))?;
    if unreadable(text).is_some() || nesting::depth(text) > nesting::SHALLOW {
        return None;
    }
    TREES.with_borrow_mut(|allocator| {
        make_room(allocator, text);
        let parsed = parsed(allocator, text, source_type);
        let checked = SemanticBuilder::new().with_check_syntax_error(true).build(&parsed.program);
        (!parsed.panicked).then(|| parsed.diagnostics.len() + checked.diagnostics.len())
    })
}

#[cfg(test)]
mod tests {
    use super::mistakes;

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
}
