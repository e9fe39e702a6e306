//! Which files are worth reading in full: those whose text speaks of a database, of what may be one, of what is sent
//! outside, or of checks of input. Most files of an application are not.

/// A word in any of these makes a file be read in full. Operations are looked for with their dot.
const WORDS: [&str; 28] = [
    ".findUnique",
    ".findFirst",
    ".findMany",
    ".create(",
    ".createMany",
    ".update(",
    ".updateMany",
    ".upsert(",
    ".delete(",
    ".deleteMany",
    ".count(",
    ".aggregate(",
    ".groupBy(",
    "$transaction",
    "$queryRaw",
    "$executeRaw",
    "$extends",
    "PrismaClient",
    "PrismaService",
    "TransactionClient",
    "@prisma/",
    "prisma",
    "Prisma",
    "sql`",
    ".query(",
    "'pg'",
    "use server",
    "z.object(",
];

pub(super) fn interesting(text: &str) -> bool {
    WORDS.iter().any(|word| text.contains(word))
}
