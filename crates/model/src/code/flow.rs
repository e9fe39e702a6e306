//! What surrounds a call: functions, loops, transactions, error handling, effects outside of the database.

use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};

use super::value::{Node, Source};
use crate::prisma::At;

/// Where something happens in the code. Indices point into the vectors of [`super::Code`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Site {
    pub at: At,
    /// The innermost function that has a name or a role. Callbacks of loops, of `$transaction` and of promises belong
    /// to the function that they stand in.
    pub function: usize,
    /// Rank in the text among all sites of the function: what runs later has a higher one, loops aside.
    pub order: u32,
    /// Loops of the same function around it, outermost first.
    pub loops: Vec<usize>,
    pub transaction: Option<usize>,
    /// `try` blocks (and `.catch(…)`) around it, outermost first.
    pub tries: Vec<usize>,
    /// Conditions that it runs under, outermost first: early returns before it count.
    pub guards: Vec<Guard>,
    pub awaited: Awaited,
    /// Within its innermost loop: an `await` of something else comes before it in the same turn.
    pub after_await_in_loop: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Awaited {
    #[default]
    Await,
    /// The promise is returned.
    Returned,
    /// One of several promises of `Promise.all`, `allSettled`, `race`.
    Together,
    /// An element of the array form of `$transaction`.
    Batch,
    /// Nobody waits for it: `void`, an expression alone.
    Not,
}

/// A condition. `if (!row)`: sources are the row's, negated. All sites under one condition share what it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    pub sources: Arc<[Source]>,
    /// The site runs where the condition is false.
    pub negated: bool,
    /// The condition as written, cut at 120 characters.
    #[serde(with = "crate::repeated::text")]
    pub text: Arc<str>,
    /// What it is about holds outside of production only. Found out once, as every rule asks for it at every site.
    outside_production: bool,
}

impl Guard {
    pub fn new(sources: Arc<[Source]>, negated: bool, text: Arc<str>) -> Guard {
        let outside_production = Guard::is_outside(negated, &text);
        Guard { sources, negated, text, outside_production }
    }

    /// The same condition, of what its values come from elsewhere.
    pub fn with_sources(&self, sources: Arc<[Source]>) -> Guard {
        Guard { sources, ..self.clone() }
    }

    /// `if (!isProd)`, `if (process.env.NODE_ENV === 'development' && …)`
    pub fn is_outside_production(&self) -> bool {
        self.outside_production
    }

    fn is_outside(negated: bool, text: &str) -> bool {
        const OUTSIDE: [&str; 6] = [
            "!isProd",
            "!isProduction",
            "NODE_ENV!=='production'",
            "NODE_ENV!='production'",
            "NODE_ENV==='development'",
            "NODE_ENV==='test'",
        ];
        static NAMED: [LazyLock<Finder<'static>>; 2] =
            [LazyLock::new(|| Finder::new("NODE_ENV")), LazyLock::new(|| Finder::new("!isProd"))];
        if negated || NAMED.iter().all(|name| name.find(text.as_bytes()).is_none()) {
            return false;
        }
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let text = text.replace('"', "'");
        // Any part of a conjunction is enough; of alternatives none is.
        !text.contains("||")
            && text.split("&&").any(|part| {
                let part = part.trim_matches(['(', ')']);
                OUTSIDE.iter().any(|word| part == *word || part.ends_with(&format!(".{word}")))
            })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// `packingList`, `OrderService.cancel`, `POST /orders`, `(module)`.
    pub name: String,
    /// Its whole text.
    pub at: At,
    pub file_role: FileRole,
    pub role: FunctionRole,
    pub exported: bool,
    pub parameters: Vec<Parameter>,
    /// Indices into `Code::invocations` that call it.
    pub callers: Vec<usize>,
    /// True where something calls it that was not followed: it is exported from a package, given away as a value.
    pub called_from_elsewhere: bool,
    /// It calls itself, directly or through others.
    pub recursive: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Empty for a pattern.
    pub name: String,
    /// The type as written.
    pub ty: Option<String>,
    pub optional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileRole {
    Application,
    Test,
    Seed,
    /// A migration of data or schema in code.
    Migration,
    /// Run by hand: `scripts/`, a `bin`.
    Script,
    Generated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FunctionRole {
    /// The code of a file outside of functions.
    Module,
    Plain,
    /// Runs once for each request of a user: route handlers, server actions, tRPC procedures, controllers.
    RequestHandler,
    /// Receives events of another service.
    Webhook,
    /// Runs once for each object of a GraphQL result.
    FieldResolver,
    /// A component that a server renders.
    Component,
    /// Runs from a queue or a clock.
    Job,
}

/// A call of a function of this repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    pub site: Site,
    /// Index into `Code::functions`.
    pub callee: usize,
    pub arguments: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loop {
    /// Its head: `for (const x of xs)`, `xs.map(`.
    pub at: At,
    pub kind: LoopKind,
    pub over: Over,
    /// What it loops over, as written, cut at 80 characters.
    pub text: String,
    /// All turns run at once: `Promise.all(xs.map(async …))`, without a limiter such as `p-limit`.
    pub concurrent: bool,
    /// A limiter bounds how many turns run at once.
    pub limited: bool,
    /// The index of the loop around it in the same function.
    pub parent: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LoopKind {
    For,
    ForOf,
    ForIn,
    While,
    /// `map`, `forEach`, `filter`, `reduce`, `flatMap`, `some`, `every`, `find` with a callback.
    Callback,
}

/// What a loop goes through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// A list that is written out, an enum, `Object.keys` of a constant: its length if known.
    Constant(Option<usize>),
    /// Portions of a list: `chunk(ids, 1000)`, `i += BATCH`.
    Chunks,
    /// The same thing again until it works.
    Retry,
    /// Page after page, by cursor or offset, until none is left; a queue that is polled.
    Pages,
    /// Rows that a call returned: index into `Code::calls`.
    Rows(usize),
    Parameter(usize),
    /// From child to parent, step by step: the loop's variable is replaced by what the query in it returned.
    Ancestors,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    pub site: Site,
    pub kind: TransactionKind,
    /// The callback's parameter: `tx`.
    pub client: Option<String>,
    pub isolation: Option<String>,
    pub timeout_ms: Option<u64>,
    /// A loop or a wrapper around it tries it again (it looks for P2034 or 40P01, or is named so).
    pub retried: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransactionKind {
    /// `$transaction(async (tx) => …)`
    Interactive,
    /// `$transaction([a, b])`
    Batch,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    pub site: Site,
    pub kind: EffectKind,
    /// As written: `stripe.charges.create`.
    pub name: String,
    /// An idempotency key goes with it.
    pub idempotent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EffectKind {
    Request,
    Mail,
    Payment,
    Queue,
    /// A timer that is waited for.
    Sleep,
    /// Object storage.
    Storage,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Try {
    pub at: At,
    /// None: `try … finally`.
    pub catch: Option<Catch>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catch {
    /// Nothing is done, or a comment stands in for it.
    pub empty: bool,
    pub rethrows: bool,
    /// Writes to a log.
    pub logs: bool,
    /// Error codes that it looks for: `P2002`, `23505`.
    pub codes: Vec<String>,
    /// It uses the error in some way other than to log it, or answers the user.
    pub handles: bool,
}

/// `new PrismaClient(…)`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Client {
    pub site: Site,
    /// Kept in `globalThis`, a module or a static field: made once.
    pub once: bool,
    /// Names of preview features and extensions that were seen at it.
    pub extended: bool,
    pub argument: Node,
    /// The variable or member that holds it.
    pub name: Option<Arc<str>>,
}
