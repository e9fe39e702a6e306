//! Which files are worth reading in full whatever imports them: those whose text speaks of a database, of what may be
//! one, or of checks of input. Most files of an application are not. Files that use such files, or are used by them, are asked for by
//! linking.

use pgsteward_model::code::FileRole;

/// A word in any of these makes a file be read in full. Operations are looked for with their dot.
const WORDS: [&str; 16] = [
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

pub(super) fn interesting(text: &str, role: FileRole) -> bool {
    WORDS.iter().any(|word| text.contains(word))
        // Whether a word is there is told many times faster than where.
        || COMMON.iter().any(|word| {
            text.contains(word) && text.match_indices(word).any(|(at, _)| may_ask(text, at, word.len()))
        })
        // What tests check of their input is no check of the application.
        || (role != FileRole::Test && text.contains("z.object("))
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
