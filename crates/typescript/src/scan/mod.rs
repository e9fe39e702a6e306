//! One file of TypeScript or JavaScript to a [`Unit`]. Pure: the same text gives the same unit.

mod bound;
mod built;
mod called;
mod calls;
mod cases;
mod classes;
mod clients;
mod conditions;
mod effects;
mod file_role;
mod fragments;
mod functions;
mod held;
mod invocations;
mod listed;
mod loops;
mod methods;
mod mistakes;
mod names;
mod nesting;
mod origin;
mod over;
mod passed;
mod prefilter;
mod quotes;
mod raw;
mod reader;
mod returns;
mod roles;
mod shape;
mod site;
mod skim;
mod sources;
mod spread;
mod syntax;
mod taken;
#[cfg(test)]
mod tests;
mod transactions;
mod tries;
mod types;
mod undefined;
mod usage;
mod validations;
mod value;
mod variables;
mod written;
mod written_out;

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;
use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_semantic::{Semantic, SemanticBuilder};
use oxc_span::SourceType;
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{FileRole, LeftOut};
use rustc_hash::FxHashMap as HashMap;

use crate::unit::{Depth, Export, Exported, Origin, Unit};
pub use mistakes::mistakes;
pub use nesting::{ROOMY_STACK, on_roomy_stack};
use reader::Reader;

/// Larger files are left out: nobody writes them by hand.
pub const LARGEST: usize = 2 * 1024 * 1024;

/// Reads a file as far as linking may need it: in full if its text speaks of a database, else its imports and exports
/// (see [`Depth`]). What cannot be read stands in [`Unit::left_out`].
pub fn scan(path: &str, text: &str) -> Unit {
    read(path, text, prefilter::interesting(text, file_role::of_path(path)))
}

/// The same for those whom tests do not concern: of a test only the names are read.
pub fn scan_but_tests(path: &str, text: &str) -> Unit {
    let role = file_role::of_path(path);
    read(path, text, role != FileRole::Test && prefilter::interesting(text, role))
}

/// Reads a file in full, whatever it speaks of.
pub fn scan_fully(path: &str, text: &str) -> Unit {
    read(path, text, true)
}

fn read(path: &str, text: &str, fully: bool) -> Unit {
    let file: Arc<str> = path.into();
    let mut unit = Unit {
        file: file.clone(),
        bytes: text.len(),
        role: Some(file_role::of_path(path)),
        allows: ALLOW.find(text.as_bytes()).is_some(),
        answers: answers(text),
        ..Unit::default()
    };
    let name = path.rsplit('/').next().unwrap_or(path);
    if [".d.ts", ".d.mts", ".d.cts"].iter().any(|end| name.ends_with(end)) {
        return unit;
    }
    let Some(source_type) = source_type(name) else {
        let why = "Its name is not one of TypeScript or JavaScript.".into();
        unit.left_out.push(LeftOut { file, why });
        return unit;
    };
    if let Some(why) = unreadable(text) {
        unit.left_out.push(LeftOut { file, why });
        return unit;
    }
    if !fully
        && let Some(skimmed) = skim::skim(text)
        && let Some(mut read) = parse_statements(&unit, &skimmed.statements, source_type)
    {
        read.exports.extend(skimmed.declared.into_iter().map(|(name, type_only)| Export {
            name: name.to_owned(),
            what: Exported::Local(Origin::Unknown),
            type_only,
        }));
        return read;
    }
    if fully && unit.role == Some(FileRole::Application) {
        unit.role = Some(file_role::of_text(name, text));
    }
    let room = nesting::room();
    if nesting::is_within(text, room) {
        return parse(unit, text, source_type, fully);
    }
    let depth = nesting::depth(text);
    if depth <= room {
        return parse(unit, text, source_type, fully);
    }
    if depth > nesting::DEEPEST {
        let why = format!("It is nested {depth} levels deep or more; {} are read.", nesting::DEEPEST);
        unit.left_out.push(LeftOut { file, why });
        return unit;
    }
    nesting::on_stack(nesting::STACK, depth, unit, |unit| parse(unit, text, source_type, fully))
}

thread_local! {
    /// The trees of one file after the other stand in the same memory: to ask the system for it anew each time costs as
    /// much as parsing.
    static TREES: RefCell<Allocator> = RefCell::default();
}

fn parse(unit: Unit, text: &str, source_type: SourceType, fully: bool) -> Unit {
    TREES.with_borrow_mut(|allocator| {
        make_room(allocator, text);
        read_tree(parsed(allocator, text, source_type), unit, text, fully)
    })
}

/// Statements that were taken out of a file. None where they are none after all.
fn parse_statements(unit: &Unit, statements: &str, source_type: SourceType) -> Option<Unit> {
    // What else stands on their lines may be nested as deep as anything.
    let room = nesting::room();
    if !nesting::is_within(statements, room) && nesting::depth(statements) > room {
        return None;
    }
    TREES.with_borrow_mut(|allocator| {
        make_room(allocator, statements);
        let parsed = parsed(allocator, statements, source_type);
        let clean = !parsed.panicked && parsed.diagnostics.is_empty();
        clean.then(|| read_tree(parsed, unit.clone(), statements, false))
    })
}

/// Empties the memory of trees. A tree takes some ten times as much as its text: a larger piece at once is cheaper than ever
/// larger ones, of which the smaller are thrown away.
fn make_room(allocator: &mut Allocator, text: &str) {
    let needed = text.len() * 10;
    if needed > (1 << 20) && allocator.capacity() < needed {
        *allocator = Allocator::with_capacity(needed);
    } else {
        allocator.reset();
    }
}

fn parsed<'a>(allocator: &'a Allocator, text: &'a str, source_type: SourceType) -> ParserReturn<'a> {
    let options = ParseOptions {
        preserve_parens: false,
        allow_return_outside_function: true,
        ..ParseOptions::default()
    };
    Parser::new(allocator, text, source_type).with_options(options).parse()
}

fn read_tree(parsed: ParserReturn<'_>, mut unit: Unit, text: &str, fully: bool) -> Unit {
    let file = unit.file.clone();
    if parsed.panicked {
        let why = "It could not be parsed.".to_string();
        unit.left_out.push(LeftOut { file, why });
        return unit;
    }
    unit.directive = parsed
        .program
        .directives
        .iter()
        .map(|one| one.directive.as_str())
        .find(|one| matches!(*one, "use server" | "use client"))
        .map(str::to_string);
    // Names alone need no scopes: what is imported and exported stands at the top level.
    let semantic = match fully {
        true => SemanticBuilder::new().with_build_nodes(true).build(&parsed.program).semantic,
        false => Semantic::default(),
    };
    unit.depth = if fully { Depth::Full } else { Depth::Names };
    let mut reader = Reader {
        text,
        file,
        nodes: semantic.nodes(),
        scoping: semantic.scoping(),
        unit,
        functions: HashMap::default(),
        function_nodes: Vec::new(),
        classes: HashMap::default(),
        variables: HashMap::default(),
        imports: HashMap::default(),
        module_calls: HashMap::default(),
        calls: HashMap::default(),
        raw: HashMap::default(),
        transactions: HashMap::default(),
        clients: HashMap::default(),
        invocations: HashMap::default(),
        loops: HashMap::default(),
        tries: HashMap::default(),
        tested: HashMap::default(),
        awaits: Vec::new(),
        fuel: std::cell::Cell::new(reader::FUEL),
        callbacks: std::cell::Cell::new(0),
        following: Vec::new(),
        references: Vec::new(),
        reading: 0,
        there: HashMap::default(),
        written: RefCell::default(),
        circles: std::cell::Cell::default(),
        ours: RefCell::default(),
    };
    reader.read_imports(&parsed.program.body);
    if fully {
        reader.read_body();
    }
    reader.read_exports(&parsed.program.body);
    reader.finish()
}

impl Reader<'_, '_> {
    fn read_body(&mut self) {
        self.module_function(pgsteward_model::source::Span::new(0, self.text.len()));
        let mut classes = Vec::new();
        let mut variables = Vec::new();
        let mut calls = Vec::new();
        let mut returns = Vec::new();
        // First what has a name, then what refers to names.
        for (node, entry) in self.nodes.iter_enumerated() {
            match entry.kind() {
                AstKind::Class(_) => {
                    self.read_class(node);
                    classes.push(node);
                }
                AstKind::Function(_) => self.read_function(node),
                AstKind::ArrowFunctionExpression(_) => {
                    self.read_function(node);
                    returns.push(node);
                }
                AstKind::ReturnStatement(_) => returns.push(node),
                AstKind::VariableDeclarator(_) => variables.extend(self.read_variable(node)),
                AstKind::TSEnumDeclaration(_) => self.read_enum(node),
                AstKind::ImportExpression(_) => self.module_call(node),
                AstKind::CallExpression(_) => {
                    self.module_call(node);
                    calls.push(node);
                }
                AstKind::NewExpression(_) | AstKind::TaggedTemplateExpression(_) => calls.push(node),
                AstKind::AwaitExpression(wait) => self.awaits.push(syntax::span(wait)),
                AstKind::TSTypeAliasDeclaration(_) | AstKind::TSInterfaceDeclaration(_) => {
                    self.read_type(node);
                }
                _ => {}
            }
        }
        self.awaits.sort_unstable();
        for node in &calls {
            self.register(*node);
        }
        // Of large things the room for more of them is worth giving back.
        self.unit.invocations.shrink_to_fit();
        for symbol in variables {
            self.fill_variable(symbol);
        }
        for (index, node) in classes.into_iter().enumerate() {
            self.fill_class(node, index);
        }
        for node in &calls {
            self.fill(*node);
        }
        for node in returns {
            self.read_return(node);
        }
        self.read_taken();
        self.mark_given_away();
        self.count_ordinals();
    }

    /// Gives what happens its number, before anything is followed to it.
    fn register(&mut self, node: NodeId) {
        let registered = self.register_client(node) || self.register_raw(node);
        if registered {
            return;
        }
        if let AstKind::CallExpression(call) = self.nodes.kind(node) {
            let method = syntax::as_member(&call.callee).and_then(|member| member.name);
            self.unit.extends |= matches!(method, Some("$extends" | "$use"));
            if self.register_transaction(node, call) {
                return;
            }
            if let Some(parts) = self.parts(call) {
                self.register_call(node, &parts);
            }
        }
        if self.unit.role != Some(FileRole::Test) {
            self.register_invocation(node);
        }
    }

    fn fill(&mut self, node: NodeId) {
        if let Some(index) = self.transactions.get(&node).copied() {
            self.fill_transaction(node, index);
        }
        if let Some(index) = self.clients.get(&node).copied() {
            self.fill_client(node, index);
        }
        if let Some(index) = self.calls.get(&node).copied() {
            self.fill_call(node, index);
        }
        if let Some(index) = self.raw.get(&node).copied() {
            self.fill_raw(node, index);
        }
        if let Some(index) = self.invocations.get(&node).copied() {
            self.fill_invocation(node, index);
        }
        if self.unit.role != Some(FileRole::Test) {
            self.read_effect(node);
            self.read_validation(node);
        }
    }

    fn finish(mut self) -> Unit {
        if self.fuel.get() == 0 {
            let why = "Its names lead to each other in too many ways to follow them all: what was not followed counts \
                       as unknown.";
            self.unit.left_out.push(LeftOut { file: self.file.clone(), why: why.into() });
        }
        self.references.sort_by_key(|reference| reference.span);
        self.references.dedup_by_key(|reference| reference.span);
        self.references.shrink_to_fit();
        self.unit.references = self.references;
        self.unit
    }
}

/// What excuses a finding.
static ALLOW: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("pgsteward: allow("));
/// Prisma's and PostgreSQL's code of a broken unique key.
static CODES: [LazyLock<Finder<'static>>; 2] =
    [LazyLock::new(|| Finder::new("P2002")), LazyLock::new(|| Finder::new("23505"))];

/// The text knows the code of a broken unique key, and one place that answers all errors: an error handler, an exception
/// filter.
fn answers(text: &str) -> bool {
    const PLACES: [&str; 6] = [
        "setErrorHandler",
        "ExceptionFilter",
        "errorHandler",
        "errorFormatter",
        "onError",
        "errorMiddleware",
    ];
    CODES.iter().any(|code| code.find(text.as_bytes()).is_some())
        && PLACES.iter().any(|place| text.contains(place))
}

/// Why a text is not worth a parser's time.
fn unreadable(text: &str) -> Option<String> {
    if text.len() > LARGEST {
        return Some(format!("It has {} bytes; files over {LARGEST} bytes are not read.", text.len()));
    }
    // A line of that length was written by a program: a bundle, a minified file, data.
    if text.len() > 50_000 {
        let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
        if text.len() / lines > 1_000 {
            return Some(
                "It is minified or generated: its lines are longer than 1000 bytes on average.".into(),
            );
        }
    }
    None
}

fn source_type(name: &str) -> Option<SourceType> {
    let end = name.rsplit('.').next()?;
    Some(match end {
        "ts" | "mts" => SourceType::ts(),
        "cts" => SourceType::ts(),
        "tsx" => SourceType::tsx(),
        // JavaScript may hold JSX whatever it is called, and both kinds of modules.
        "js" | "jsx" | "mjs" => SourceType::jsx(),
        "cjs" => SourceType::jsx().with_commonjs(true),
        _ => return None,
    })
}
