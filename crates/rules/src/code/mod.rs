//! What the application's code asks of the database, and how: calls of Prisma Client, raw SQL, transactions.

mod shared;

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[];
