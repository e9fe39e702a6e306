//! Which files are worth reading in full whatever imports them: those whose text speaks of a database, of what may be
//! one, or of checks of input. Most files of an application are not. Files that use such files, or are used by them, are asked for by
//! linking.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use pgsteward_model::code::FileRole;

/// A word in any of these makes a file be read in full. Operations are looked for with their dot.
const WORDS: [&str; 17] = [
    ".findUnique",
    ".findFirst",
    ".findMany",
    ".createMany",
    ".updateMany",
    ".deleteMany",
    "$transaction",
    "$queryRaw",
    "$executeRaw",
    "$extends",
    "$use(",
    "PrismaClient",
    "PrismaService",
    "TransactionClient",
    "sql`",
    ".query(",
    "'pg'",
];

/// Operations whose names maps, sets and many others have as well: how they are called tells.
const COMMON: [&str; 7] =
    [".create(", ".update(", ".upsert(", ".delete(", ".count(", ".aggregate(", ".groupBy("];

/// A check of input.
const CHECK: &str = "z.object(";

/// All of them at once: one pass over a text costs a tenth of one for each word. None has the end of another in front, so
/// that no word hides behind one that counts for nothing.
static ALL: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = WORDS.iter().chain(&COMMON).chain([&CHECK]);
    #[expect(clippy::expect_used, reason = "it fails for more words than memory holds")]
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(words).expect("two dozen words")
});

pub(super) fn interesting(text: &str, role: FileRole) -> bool {
    ALL.find_iter(text).any(|found| match found.pattern().as_usize() {
        word if word < WORDS.len() => true,
        word if word < WORDS.len() + COMMON.len() => may_ask(text, found.start(), found.len()),
        // What tests check of their input is no check of the application.
        _ => role != FileRole::Test,
    })
}

/// Whether a call may be one of Prisma Client: `….user.delete(`, or of what holds `….user`, with an object or a name in
/// its brackets. `at`: the dot before its name.
fn may_ask(text: &str, at: usize, length: usize) -> bool {
    let first = text[at + length..].trim_start().bytes().next();
    match first {
        Some(b'{') => return true,
        Some(b'\'' | b'"' | b'`' | b'[' | b'0'..=b'9') => return false,
        _ => {}
    }
    let receiver =
        text[..at].trim_end_matches(|sign: char| sign.is_whitespace() || matches!(sign, '?' | '!'));
    if receiver.ends_with([')', ']', '>']) {
        return true;
    }
    let part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '#');
    let before = receiver.trim_end_matches(part).trim_end();
    before.len() < receiver.len() && before.ends_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_a_client_are_told_from_those_of_a_map() {
        let asks = |text: &str| interesting(text, FileRole::Application);
        for text in [
            "ctx.db.user.delete(input)",
            "this.users.count()",
            "const u = db.user; u.update({ data })",
            "db[model].create(\n  {",
            "db\n  .user\n  ?.delete(where)",
            "clients().user!.upsert(args)",
            "db.user.findMany",
            "export const guard = (client) => client.$use(look)",
        ] {
            assert!(asks(text), "{text}");
        }
        for text in [
            "seen.delete(key)",
            "hash.update('x')",
            "this.map.delete(`a`)",
            "Object.create(null)",
            "delete(x)",
        ] {
            assert!(!asks(text), "{text}");
        }
        assert!(asks("z.object({ a })") && !interesting("z.object({ a })", FileRole::Test));
    }
}
