//! How a generation of Prisma Client looks in code. Prisma 5, 6 and 7 share one; another API is another [`Frontend`].

use pgsteward_model::code::Operation;

pub(super) trait Frontend: Sync {
    /// Whether a package holds the client that `prisma generate` makes where no output is named.
    fn is_default_module(&self, specifier: &str) -> bool;
    /// The class of clients.
    fn is_client_class(&self, name: &str) -> bool;
    /// Methods of a client that return a client.
    fn returns_client(&self, method: &str) -> bool;
    /// The property of the client that stands for a model.
    fn delegate(&self, model: &str) -> String;
    /// Properties that the argument of an operation may have.
    fn arguments(&self, operation: Operation) -> &'static [&'static str];
}

/// Prisma Client 5 to 7: `prisma.user.findMany({ … })`.
pub(super) struct Delegates;

const READ: &[&str] = &[
    "where",
    "select",
    "include",
    "omit",
    "orderBy",
    "cursor",
    "take",
    "skip",
    "distinct",
    "relationLoadStrategy",
];
const UNIQUE: &[&str] = &["where", "select", "include", "omit", "relationLoadStrategy"];
const WRITE: &[&str] =
    &["where", "data", "select", "include", "omit", "relationLoadStrategy", "skipDuplicates", "limit"];
const AGGREGATE: &[&str] = &[
    "where", "orderBy", "cursor", "take", "skip", "_count", "_sum", "_avg", "_min", "_max", "select", "by",
    "having",
];

impl Frontend for Delegates {
    fn is_default_module(&self, specifier: &str) -> bool {
        let under = |package: &str| {
            specifier.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        under("@prisma/client") || under(".prisma/client")
    }

    fn is_client_class(&self, name: &str) -> bool {
        name == "PrismaClient"
    }

    fn returns_client(&self, method: &str) -> bool {
        matches!(method, "$extends" | "$primary" | "$replica" | "$parent")
    }

    fn delegate(&self, model: &str) -> String {
        let mut characters = model.chars();
        characters.next().map_or(String::new(), |first| first.to_lowercase().chain(characters).collect())
    }

    fn arguments(&self, operation: Operation) -> &'static [&'static str] {
        match operation {
            Operation::FindUnique | Operation::FindUniqueOrThrow => UNIQUE,
            Operation::FindFirst | Operation::FindFirstOrThrow | Operation::FindMany => READ,
            Operation::Upsert => &["where", "create", "update", "select", "include", "omit"],
            Operation::Count | Operation::Aggregate | Operation::GroupBy => AGGREGATE,
            _ => WRITE,
        }
    }
}

/// The front end of the clients that are read today.
pub(super) static FRONTEND: &dyn Frontend = &Delegates;
