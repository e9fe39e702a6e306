//! What the application's code asks of the database, and how: calls of Prisma Client, raw SQL, transactions.

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[];
