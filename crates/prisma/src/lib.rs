//! The Prisma schema language: text to facts and back, the difference of two catalogs, and its SQL.
