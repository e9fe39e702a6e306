//! Whether a place in the callback of a transaction runs while the transaction does.
//!
//! Read from the text between the two. It says no where it is not sure.

use crate::code::text::mentions_word;

/// A bracket that is still open.
#[derive(Default)]
struct Open {
    at: usize,
    /// A function without braces, or the head of one with them, began behind it and has not ended.
    arrow: bool,
    /// That holds for all that stands in it.
    block: bool,
    /// `.map(`: its callback runs at once.
    each: bool,
}

/// `callback` begins with the brackets of `$transaction` and ends before the place. Nothing that is still open there is a
/// function of its own, but for those that go through a list, nor what deals with an error; and nothing gives `client`
/// another meaning.
pub(in crate::code) fn runs_within(callback: &str, client: &str) -> bool {
    let mut open: Vec<Open> = Vec::new();
    let mut closed = 0;
    let mut characters = callback.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        let before = || callback[..at].trim_end();
        match character {
            '(' | '[' | '{' => {
                let word =
                    |text: &str| text.rsplit(|one: char| !one.is_alphanumeric()).next().map(str::to_owned);
                let head = match before().strip_suffix(')') {
                    Some(_) => callback[..closed].trim_end(),
                    None => before(),
                };
                let head = word(head).unwrap_or_default();
                // Behind other words in front of brackets a function of that name begins.
                let plain = ["if", "for", "await", "while", "switch", "function"].contains(&head.as_str());
                let other = matches!(head.as_str(), "catch" | "finally") || before().ends_with(')') && !plain;
                let each = [".map", ".flatMap", ".forEach"].iter().any(|name| before().ends_with(name));
                let block = character == '{' && other;
                open.push(Open { at, arrow: block, block, each: character == '(' && each });
            }
            ')' | ']' | '}' => match open.pop() {
                Some(last) => closed = last.at,
                None => return false,
            },
            '=' if characters.peek().is_some_and(|(_, next)| *next == '>') => {
                let Some(last) = open.last_mut() else { return false };
                let head = &callback[last.at..at];
                // The first one is the callback itself.
                let own = last.at == callback.find('(').unwrap_or_default();
                if !own && (!last.each || mentions_word(head, client)) {
                    last.arrow = true;
                }
            }
            // Of a block they end statements, and not the block.
            ',' | ';' => {
                if let Some(last) = open.last_mut() {
                    last.arrow &= last.block;
                }
            }
            '\'' | '"' | '`' => loop {
                match characters.next() {
                    None => return false,
                    Some((_, '\\')) => {
                        characters.next();
                    }
                    Some((_, end)) if end == character => break,
                    Some(_) => {}
                }
            },
            '/' if characters.peek().is_some_and(|(_, next)| *next == '/') => {
                while characters.next_if(|(_, next)| *next != '\n').is_some() {}
            }
            _ => {}
        }
    }
    let functions = callback.matches("function").count() + callback.matches(" => {").count().min(1);
    let declared = ["const", "let", "var"].iter().any(|word| callback.contains(&format!("{word} {client} ")));
    functions <= 1 && !declared && open.iter().all(|bracket| !bracket.arrow)
}

#[cfg(test)]
mod tests {
    use super::runs_within;

    #[test]
    fn what_runs_in_the_callback_itself() {
        for callback in [
            "(async (tx) => { await ",
            "((tx) => ",
            "(async function (tx) { await ",
            "(async (tx) => { if (a.some((b) => b.c)) { await ",
            "(async (tx) => { const c = () => 1; await ",
            "(async (tx) => { await Promise.all(rows.map(async (row) => { await ",
            "(async (tx) => { await Promise.all(rows.map((row) => ",
            "(async (tx) => { try { await a() } catch (e) { log(e) } await ",
            "(async (tx) => { // it's\n await ",
        ] {
            assert!(runs_within(callback, "tx"), "{callback}");
        }
        for callback in [
            "(async (tx) => { try { await a() } catch (e) { await ",
            "(async (tx) => { try { await a() } catch { await ",
            "(async (tx) => { try { await a() } finally { await ",
            "(async (tx) => { setTimeout(async () => { await ",
            "(async (tx) => { after(() => ",
            "(async (tx) => { const later = () => ",
            "(async (tx) => { async function later() { await ",
            "(async (tx) => { await a().catch(() => ",
            "(async (tx) => { await Promise.all(rows.map(async (tx) => { await ",
            "(async (tx) => { const tx = 1; await ",
            "(async (tx) => { try { await a() } catch (e) { log(e); await ",
            "(async (tx) => { return { async later() { const a = 1; await ",
        ] {
            assert!(!runs_within(callback, "tx"), "{callback}");
        }
    }
}
