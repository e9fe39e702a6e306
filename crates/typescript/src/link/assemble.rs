//! The pieces of all files in one [`Code`], with indices that fit it.

use std::sync::Arc;

use pgsteward_model::code::{
    Call, Client, Code, Effect, FileRole, Function, FunctionRole, Hole, Invocation, Loop, Node, Object, Over,
    Property, RawQuery, Site, Source, Transaction, Value,
};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::calls::{Accepted, DYNAMIC_MODEL, Judged, MISSING_MODEL};
use super::linker::{Linker, Place};
use super::meaning::Meaning;
use super::reach::Reach;
use super::values::Filler;
use crate::unit::{Candidate, Imported, Origin, UnitRaw};

/// Where things of units went.
struct Places {
    functions: HashMap<Place, usize>,
    calls: HashMap<Place, usize>,
    transactions: HashMap<Place, usize>,
    /// Where the loops and tries of a unit begin; none for units that contribute nothing.
    loops: Vec<Option<usize>>,
    tries: Vec<Option<usize>>,
    /// Transactions of functions that are given to `$transaction` by name.
    callbacks: HashMap<Place, usize>,
}

pub(super) fn assemble(linker: &Linker<'_>) -> Code {
    let judged = linker.judge();
    let this = linker.this;
    let raws = raws(linker);
    let transactions: Vec<Place> = places(linker, |unit| unit.transactions.len())
        .filter(|(unit, index)| {
            let on = linker.mean(*unit, &linker.units[*unit].transactions[*index].on, 0).client();
            on.and_then(|client| client.project).unwrap_or_else(|| linker.nearest_with_schema(*unit)) == this
        })
        .collect();
    let clients: Vec<Place> = places(linker, |unit| unit.clients.len())
        .filter(|(unit, _)| {
            linker.imported_client(*unit).unwrap_or_else(|| linker.nearest_with_schema(*unit)) == this
        })
        .collect();
    let function_of = |unit: usize, site: &Site| (unit, site.function);
    let mut database: HashSet<Place> = HashSet::default();
    for accepted in &judged.calls {
        database.insert(function_of(accepted.unit, &candidate(linker, accepted).site));
    }
    database
        .extend(raws.iter().map(|(unit, index)| function_of(*unit, &linker.units[*unit].raw[*index].site)));
    database.extend(
        transactions
            .iter()
            .map(|(unit, index)| function_of(*unit, &linker.units[*unit].transactions[*index].site)),
    );
    let outside = places(linker, |unit| unit.effects.len())
        .map(|(unit, index)| function_of(unit, &linker.units[unit].effects[index].site))
        .collect();
    let dropped: HashSet<Place> = judged
        .claimed
        .iter()
        .filter_map(|(unit, index)| Some((*unit, linker.units[*unit].calls[*index].invocation?)))
        .collect();
    let reach = Reach::of(linker, database, outside, &dropped);
    let mut kept: HashSet<Place> = reach.functions.clone();
    kept.extend(
        clients.iter().map(|(unit, index)| function_of(*unit, &linker.units[*unit].clients[*index].site)),
    );

    let mut code = Code::default();
    let mut places = Places {
        functions: HashMap::default(),
        calls: judged.calls.iter().enumerate().map(|(new, one)| ((one.unit, one.candidate), new)).collect(),
        transactions: transactions.iter().enumerate().map(|(new, old)| (*old, new)).collect(),
        loops: vec![None; linker.units.len()],
        tries: vec![None; linker.units.len()],
        callbacks: HashMap::default(),
    };
    places.callbacks(linker, &transactions);
    let mut kept: Vec<Place> = kept.into_iter().collect();
    kept.sort_unstable();
    for (unit, index) in kept {
        places.functions.insert((unit, index), code.functions.len());
        code.functions.push(function(linker, unit, index, reach.recursive.contains(&(unit, index))));
        places.loops[unit] = Some(0);
    }
    for (unit, file) in linker.units.iter().enumerate() {
        if places.loops[unit].is_some() {
            places.loops[unit] = Some(code.loops.len());
            places.tries[unit] = Some(code.tries.len());
            for one in &file.loops {
                code.loops.push(places.looped(unit, one));
            }
            code.tries.extend(file.tries.iter().cloned());
        }
    }
    for accepted in &judged.calls {
        code.calls.push(call(linker, &places, accepted));
    }
    for (unit, index) in raws {
        code.raw.push(raw(linker, &places, unit, &linker.units[unit].raw[index]));
    }
    for (unit, index) in transactions {
        let old = &linker.units[unit].transactions[index];
        code.transactions.push(Transaction {
            site: places.site(unit, &old.site),
            kind: old.kind,
            client: old.client.clone(),
            isolation: old.isolation.clone(),
            timeout_ms: old.timeout_ms,
            retried: old.retried,
        });
    }
    // Which client it is that an extension was given to, a variable or a wrapper may hide.
    let extended = linker.units.iter().any(|unit| unit.extends);
    for (unit, index) in clients {
        let old = &linker.units[unit].clients[index];
        code.clients.push(Client {
            extended: old.extended || extended,
            site: places.site(unit, &old.site),
            argument: places.node(unit, old.argument.clone()),
            ..old.clone()
        });
    }
    invocations(linker, &places, &reach, &mut code);
    rest(linker, &places, &judged, &mut code);
    count(&judged, &mut code);
    code
}

fn places<'l>(
    linker: &'l Linker<'_>,
    count: impl Fn(&crate::unit::Unit) -> usize + 'l,
) -> impl Iterator<Item = Place> + 'l {
    linker
        .units
        .iter()
        .enumerate()
        .flat_map(move |(unit, file)| (0..count(file)).map(move |index| (unit, index)))
}

fn candidate<'a>(linker: &Linker<'a>, accepted: &Accepted) -> &'a Candidate {
    &linker.units[accepted.unit].calls[accepted.candidate]
}

fn raws(linker: &Linker<'_>) -> Vec<Place> {
    places(linker, |unit| unit.raw.len())
        .filter(|(unit, index)| {
            linker.project_of_raw(*unit, &linker.units[*unit].raw[*index]) == Some(linker.this)
        })
        .collect()
}

fn function(linker: &Linker<'_>, unit: usize, index: usize, recursive: bool) -> Function {
    let file = &linker.units[unit];
    let old = &file.functions[index];
    Function {
        name: old.name.clone(),
        at: old.at.clone(),
        file_role: file.role.unwrap_or(FileRole::Application),
        role: linker.role_of(unit, index),
        exported: old.exported,
        parameters: old.parameters.clone(),
        callers: Vec::new(),
        called_from_elsewhere: old.role != FunctionRole::Module && linker.called_from_elsewhere(unit, index),
        recursive,
    }
}

fn call(linker: &Linker<'_>, places: &Places, accepted: &Accepted) -> Call {
    let unit = accepted.unit;
    let old = candidate(linker, accepted);
    let mut argument = old.argument.clone();
    Filler::new(linker).fill(unit, &mut argument, true, 0);
    for (relation, inner) in &old.fluent {
        argument = fluent(argument, relation, inner);
    }
    Call {
        site: places.site(unit, &old.site),
        name_at: old.name_at.clone(),
        model: accepted.model.clone(),
        operation: old.operation,
        receiver: old.receiver.clone(),
        confidence: accepted.confidence,
        on_transaction: accepted.transaction,
        argument: places.node(unit, argument),
        result: linker.result(unit, old.site.function, &old.site.at, &old.usage),
        shape: old.shape.clone(),
        ordinal: old.ordinal,
        lowered: Default::default(),
    }
}

/// `findUnique({ … }).posts({ … })` asks for what `select: { posts: { … } }` asks for.
fn fluent(mut argument: Node, relation: &str, inner: &Node) -> Node {
    let span = inner.span;
    let asked = match inner.value {
        Value::Undefined => Node { span, value: Value::Bool(true) },
        _ => inner.clone(),
    };
    let property = |name: &str, value: Node| Property::new(name, span, value);
    let select = Object { properties: vec![property(relation, asked)], open: false };
    if let Value::Object(object) = &mut argument.value {
        object.properties.retain(|one| !matches!(one.name.as_str(), "select" | "include"));
        object.properties.push(property("select", Node { span, value: Value::Object(select) }));
    }
    argument
}

fn raw(linker: &Linker<'_>, places: &Places, unit: usize, old: &UnitRaw) -> RawQuery {
    let filler = Filler::new(linker);
    let holes = old.holes.iter().map(|hole| {
        let mut value = hole.value.clone();
        filler.fill(unit, &mut value, false, 0);
        Hole { value: places.node(unit, value), kind: hole.kind }
    });
    RawQuery {
        site: places.site(unit, &old.site),
        method: old.method.clone(),
        text: old.text.clone(),
        holes: holes.collect(),
        file: old.typed.as_ref().and_then(|origin| typed_file(linker, unit, origin)),
        lowered: Default::default(),
    }
}

/// The file of a function of TypedSQL: `sql/<name>.sql` beside the schema.
fn typed_file(linker: &Linker<'_>, unit: usize, origin: &Origin) -> Option<Arc<str>> {
    let Origin::Import(index) = origin.root() else { return None };
    let import = &linker.units[unit].imports[*index];
    let name = match (&import.name, origin) {
        (Imported::Name(name), _) => name,
        (_, Origin::Member(_, name)) => name,
        (_, Origin::Call(callee, _)) => match &**callee {
            Origin::Member(_, name) => name,
            _ => return None,
        },
        _ => return None,
    };
    let schema = linker.world.projects.get(linker.this)?.schema.as_ref()?;
    let main = schema.datasource.as_ref().map(|source| &source.at.file).or(schema.files.first())?;
    let folder = super::modules::folder_of(main);
    let file = format!("sql/{name}.sql");
    Some(if folder.is_empty() { file.into() } else { format!("{folder}/{file}").into() })
}

fn invocations(linker: &Linker<'_>, places: &Places, reach: &Reach, code: &mut Code) {
    let mut kept: Vec<Place> = reach.invocations.iter().copied().collect();
    kept.sort_unstable();
    for (unit, index) in kept {
        let old = &linker.units[unit].invocations[index];
        let Some(callee) = linker.callees.get(&(unit, index)).and_then(|callee| places.functions.get(callee))
        else {
            continue;
        };
        code.functions[*callee].callers.push(code.invocations.len());
        code.invocations.push(Invocation {
            site: places.site(unit, &old.site),
            callee: *callee,
            arguments: old.arguments.iter().map(|node| places.node(unit, node.clone())).collect(),
        });
    }
}

/// Effects of functions that are told of, checks of input, files that were left out.
fn rest(linker: &Linker<'_>, places: &Places, judged: &Judged, code: &mut Code) {
    let several = linker.world.projects.len() > 1;
    for (unit, file) in linker.units.iter().enumerate() {
        for effect in &file.effects {
            if places.functions.contains_key(&(unit, effect.site.function)) {
                code.effects.push(Effect { site: places.site(unit, &effect.site), ..effect.clone() });
            }
        }
        let here = !several || linker.nearest_with_schema(unit) == linker.this;
        // A file whose calls are all of another project is that one's.
        let ours = |index: usize| places.calls.contains_key(&(unit, index));
        let theirs =
            (0..file.calls.len()).any(|index| judged.claimed.contains(&(unit, index)) && !ours(index));
        // One that asks the databases of several is each one's.
        let told = (0..file.functions.len()).any(|index| places.functions.contains_key(&(unit, index)));
        if told || here && !theirs {
            if file.allows {
                code.allowing.push(file.file.clone());
            }
            // Tests and browsers answer nobody.
            let serves = file.role == Some(FileRole::Application);
            if file.answers && serves && file.directive.as_deref() != Some("use client") {
                code.answering.push(file.file.clone());
            }
        }
        if !here {
            continue;
        }
        code.validations.extend(file.validations.iter().cloned());
        code.left_out.extend(file.left_out.iter().cloned());
        code.counts.files += 1;
        code.counts.bytes += file.bytes;
    }
}

fn count(judged: &Judged, code: &mut Code) {
    let missing: usize = judged.missing.values().sum();
    code.counts.calls = code.calls.len() + missing + judged.dynamic;
    if missing > 0 {
        code.counts.not_understood.insert(MISSING_MODEL.into(), missing);
    }
    if judged.dynamic > 0 {
        code.counts.not_understood.insert(DYNAMIC_MODEL.into(), judged.dynamic);
    }
    code.counts.missing_models.clone_from(&judged.missing);
}

impl Places {
    fn callbacks(&mut self, linker: &Linker<'_>, transactions: &[Place]) {
        for (unit, index) in transactions {
            let Some(callback) = &linker.units[*unit].transactions[*index].callback else { continue };
            if let Meaning::Function(of, function) = linker.mean(*unit, callback, 0)
                && !linker.callers.contains_key(&(of, function))
            {
                self.callbacks.insert((of, function), self.transactions[&(*unit, *index)]);
            }
        }
    }

    fn site(&self, unit: usize, old: &Site) -> Site {
        let offset = |base: &[Option<usize>], index: &usize| base[unit].map(|base| base + index);
        let transaction = old.transaction.and_then(|index| self.transactions.get(&(unit, index)).copied());
        Site {
            at: old.at.clone(),
            function: self.functions.get(&(unit, old.function)).copied().unwrap_or(0),
            order: old.order,
            loops: old.loops.iter().filter_map(|index| offset(&self.loops, index)).collect(),
            transaction: transaction.or_else(|| self.callbacks.get(&(unit, old.function)).copied()),
            tries: old.tries.iter().filter_map(|index| offset(&self.tries, index)).collect(),
            guards: old
                .guards
                .iter()
                .map(|guard| {
                    let mut sources = guard.sources.to_vec();
                    self.sources(unit, &mut sources);
                    guard.with_sources(sources.into())
                })
                .collect(),
            awaited: old.awaited,
            after_await_in_loop: old.after_await_in_loop,
        }
    }

    fn looped(&self, unit: usize, old: &Loop) -> Loop {
        Loop {
            over: match &old.over {
                Over::Rows(call) => {
                    self.calls.get(&(unit, *call)).map_or(Over::Unknown, |call| Over::Rows(*call))
                }
                other => other.clone(),
            },
            parent: old.parent.and_then(|parent| Some(self.loops[unit]? + parent)),
            ..old.clone()
        }
    }

    fn node(&self, unit: usize, mut node: Node) -> Node {
        self.renumber(unit, &mut node);
        node
    }

    fn renumber(&self, unit: usize, node: &mut Node) {
        match &mut node.value {
            Value::Object(object) => {
                object.properties.iter_mut().for_each(|property| self.renumber(unit, &mut property.value));
            }
            Value::List(nodes) | Value::Choice { nodes, .. } => {
                nodes.iter_mut().for_each(|node| self.renumber(unit, node));
            }
            Value::Expression { sources, .. } => self.sources(unit, sources),
            _ => {}
        }
    }

    fn sources(&self, unit: usize, sources: &mut [Source]) {
        for source in sources {
            match source {
                Source::Result { call, .. } => match self.calls.get(&(unit, *call)) {
                    Some(new) => *call = *new,
                    None => *source = Source::Unknown,
                },
                Source::Loop { of } => match self.loops[unit] {
                    Some(base) => *of += base,
                    None => *source = Source::Unknown,
                },
                _ => {}
            }
        }
    }
}
