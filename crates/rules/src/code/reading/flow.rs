//! What happens around a call, across functions: who calls, what is reached, what a value comes from.
//!
//! Nothing here guesses: where the code could not be followed the answer is the one that keeps a rule silent.

use std::collections::BTreeSet;

use memchr::memmem;
use pgsteward_model::code::{
    Awaited, Call, Code, FileRole, Function, FunctionRole, Guard, Invocation, Node, Over, Site, Source,
    TransactionKind, Value,
};
use pgsteward_model::facts::Facts;
use pgsteward_model::prisma::{FieldType, Model, PrismaSchema};
use pgsteward_model::source::Span;

use super::shared::sources;
use super::steps::Throws;
use super::text::holds;
use crate::shared::{any_word, kept_words};

/// Functions deeper than this below a call are not looked into.
const DEPTH: usize = 4;

pub(in crate::code) struct Flow<'a> {
    pub(in crate::code) facts: &'a Facts,
    pub(in crate::code) code: &'a Code,
    pub(in crate::code) schema: Option<&'a PrismaSchema>,
    calls: ByFunction,
    invocations: ByFunction,
    effects: ByFunction,
    raw: ByFunction,
    transactions: ByFunction,
    pub(in crate::code) throws: Throws,
}

/// What stands in each function, by its number: in one list, as each rule makes one.
struct ByFunction {
    /// Where those of a function begin; one more at the end.
    starts: Vec<usize>,
    all: Vec<usize>,
}

impl ByFunction {
    fn of<'s>(functions: usize, sites: impl Iterator<Item = &'s Site> + Clone) -> ByFunction {
        let mut starts = vec![0; functions + 1];
        sites.clone().for_each(|site| starts[site.function + 1] += 1);
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut all = vec![0; starts[functions]];
        for (index, site) in sites.enumerate() {
            all[next[site.function]] = index;
            next[site.function] += 1;
        }
        ByFunction { starts, all }
    }

    fn get(&self, function: usize) -> &[usize] {
        &self.all[self.starts[function]..self.starts[function + 1]]
    }
}

/// What a function does, itself and through the functions that it waits for: indices into [`Code`].
#[derive(Clone, Debug, Default)]
pub(in crate::code) struct Reach {
    pub(in crate::code) functions: BTreeSet<usize>,
    pub(in crate::code) calls: Vec<usize>,
    pub(in crate::code) raw: Vec<usize>,
    pub(in crate::code) effects: Vec<usize>,
}

/// Where a value begins, after following rows to the calls that returned them and loops to their lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::code) enum Root {
    Parameter(usize),
    Request,
    Session,
    Other,
}

impl<'a> Flow<'a> {
    pub(in crate::code) fn of(facts: &'a Facts) -> Option<Flow<'a>> {
        let code = facts.code.as_deref()?;
        let count = code.functions.len();
        Some(Flow {
            facts,
            code,
            schema: facts.prisma.as_deref(),
            calls: ByFunction::of(count, code.calls.iter().map(|call| &call.site)),
            invocations: ByFunction::of(count, code.invocations.iter().map(|invocation| &invocation.site)),
            effects: ByFunction::of(count, code.effects.iter().map(|effect| &effect.site)),
            raw: ByFunction::of(count, code.raw.iter().map(|raw| &raw.site)),
            transactions: ByFunction::of(
                count,
                code.transactions.iter().map(|transaction| &transaction.site),
            ),
            throws: Throws::default(),
        })
    }

    pub(in crate::code) fn calls_of(&self, function: usize) -> impl Iterator<Item = (usize, &'a Call)> + '_ {
        self.calls.get(function).iter().map(|index| (*index, &self.code.calls[*index]))
    }

    pub(in crate::code) fn invocations_of(
        &self,
        function: usize,
    ) -> impl Iterator<Item = (usize, &'a Invocation)> + '_ {
        self.invocations.get(function).iter().map(|index| (*index, &self.code.invocations[*index]))
    }

    pub(in crate::code) fn effects_of(&self, function: usize) -> &[usize] {
        self.effects.get(function)
    }

    pub(in crate::code) fn raw_of(&self, function: usize) -> &[usize] {
        self.raw.get(function)
    }

    pub(in crate::code) fn transactions_of(&self, function: usize) -> &[usize] {
        self.transactions.get(function)
    }

    pub(in crate::code) fn function(&self, site: &Site) -> &'a Function {
        &self.code.functions[site.function]
    }

    /// Functions of code that serves users, with their numbers.
    pub(in crate::code) fn serving(&self) -> impl Iterator<Item = (usize, &'a Function)> {
        self.code
            .functions
            .iter()
            .enumerate()
            .filter(|(_, function)| function.file_role == FileRole::Application)
    }

    /// What happens before a function returns to whoever waits for it.
    pub(in crate::code) fn reach(&self, function: usize) -> Reach {
        let mut reach = Reach::default();
        self.reach_into(function, DEPTH, &mut reach);
        reach
    }

    fn reach_into(&self, function: usize, depth: usize, reach: &mut Reach) {
        if !reach.functions.insert(function) {
            return;
        }
        let waited = |site: &Site| site.awaited != Awaited::Not;
        reach
            .calls
            .extend(self.calls_of(function).filter(|(_, call)| waited(&call.site)).map(|(index, _)| index));
        reach.raw.extend(self.raw.get(function).iter().filter(|index| waited(&self.code.raw[**index].site)));
        reach.effects.extend(
            self.effects.get(function).iter().filter(|index| waited(&self.code.effects[**index].site)),
        );
        if depth > 0 {
            for (_, invocation) in
                self.invocations_of(function).filter(|(_, invocation)| waited(&invocation.site))
            {
                self.reach_into(invocation.callee, depth - 1, reach);
            }
        }
    }

    /// Writes that a function makes in any case that goes on: what stands in an `if` may not happen.
    pub(in crate::code) fn sure_writes(&self, function: usize) -> Vec<&'a Call> {
        let mut found = Vec::new();
        self.sure_writes_of(function, DEPTH, &mut BTreeSet::new(), &mut found);
        found
    }

    fn sure_writes_of(
        &self,
        function: usize,
        depth: usize,
        seen: &mut BTreeSet<usize>,
        found: &mut Vec<&'a Call>,
    ) {
        if !seen.insert(function) {
            return;
        }
        // An early return before a site is a condition that is false there.
        let sure =
            |site: &Site| site.awaited != Awaited::Not && site.guards.iter().all(|guard| guard.negated);
        let calls = self.calls_of(function).map(|(_, call)| call);
        found.extend(calls.filter(|call| sure(&call.site) && call.operation.writes()));
        if depth > 0 {
            for (_, invocation) in
                self.invocations_of(function).filter(|(_, invocation)| sure(&invocation.site))
            {
                self.sure_writes_of(invocation.callee, depth - 1, seen, found);
            }
        }
    }

    /// The roles of a function and of all that lead to it.
    pub(in crate::code) fn entries(&self, function: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![function];
        while let Some(next) = open.pop() {
            if found.insert(next) {
                let callers = &self.code.functions[next].callers;
                open.extend(callers.iter().map(|caller| self.code.invocations[*caller].site.function));
            }
        }
        found
    }

    pub(in crate::code) fn has_role(&self, functions: &BTreeSet<usize>, roles: &[FunctionRole]) -> bool {
        functions.iter().any(|function| roles.contains(&self.code.functions[*function].role))
    }

    /// The call runs in a transaction that the code opened: through the client it gives, as an element of its list,
    /// or through a client that the caller hands on.
    pub(in crate::code) fn in_transaction(&self, call: &Call) -> bool {
        let batch = call
            .site
            .transaction
            .is_some_and(|transaction| self.code.transactions[transaction].kind == TransactionKind::Batch);
        call.on_transaction
            || batch
            || gives_transaction(&call.receiver)
            || self.client_of_caller(call).is_some_and(|ty| ty.is_transaction)
            || self.in_wrapper(call)
    }

    /// In a function that is named for transactions: an element of its list, `transaction([a, b])`, or a call on the
    /// client that it gives, `withTransaction(async (c) => …)`.
    fn in_wrapper(&self, call: &Call) -> bool {
        let start = self.function(&call.site).at.span.start;
        let before = Span::new(start, call.site.at.span.start);
        let text = self.facts.sources.get(&call.site.at.file).map_or("", |file| file.slice(before));
        // Hardly any text has one, and to look from its end takes long.
        let wraps = ["ransaction(", "$tx(", "Tx("];
        if wraps.iter().all(|word| memmem::find(text.as_bytes(), word.as_bytes()).is_none()) {
            return false;
        }
        let last = |word: &str| memmem::rfind(text.as_bytes(), word.as_bytes());
        let listed = last("ransaction([").is_some_and(|at| !holds(&text[at..], "])"));
        let root = call.receiver.split(['.', '?', '!', '(']).next().unwrap_or("");
        let given = !root.is_empty()
            && root != "this"
            && wraps.iter().filter_map(|wrapper| last(wrapper)).any(|at| {
                [format!("({root})"), format!("({root}:"), format!("({root},")]
                    .iter()
                    .any(|parameter| holds(&text[at..], parameter))
            });
        listed || given
    }

    /// The call's client is a parameter of its function.
    pub(in crate::code) fn client_of_caller(&self, call: &Call) -> Option<GivenClient> {
        let root = call.receiver.split(['.', '?', '!', '(']).next().unwrap_or("");
        let function = self.function(&call.site);
        let parameter = function.parameters.iter().find(|parameter| {
            parameter.name == root || parameter.name.is_empty() && matches!(root, "tx" | "trx")
        })?;
        let named = kept_words(&parameter.name)
            .iter()
            .any(|word| matches!(word.as_str(), "tx" | "trx" | "transaction"));
        let typed = parameter.ty.as_ref().is_some_and(|ty| ty.contains("Transaction"));
        let handed =
            function.callers.iter().any(|caller| self.code.invocations[*caller].site.transaction.is_some());
        Some(GivenClient { is_transaction: named || typed || handed || matches!(root, "tx" | "trx") })
    }

    /// The text of a function, callbacks and all.
    pub(in crate::code) fn text_of(&self, function: usize) -> &'a str {
        let at = &self.code.functions[function].at;
        self.facts.sources.get(&at.file).map_or("", |file| file.slice(at.span))
    }

    /// Two sites that one run of their function cannot both pass.
    pub(in crate::code) fn exclusive(&self, a: &Site, b: &Site) -> bool {
        a.guards.iter().any(|first| b.guards.iter().any(|second| contradict(first, second)))
            || self.in_handler(a) != self.in_handler(b)
            || self.in_other_case(a, b)
    }

    /// Another label of a `switch` stands between the two.
    fn in_other_case(&self, a: &Site, b: &Site) -> bool {
        let (first, second) = if a.order <= b.order { (a, b) } else { (b, a) };
        let between = Span::new(first.at.span.end, second.at.span.start);
        let text = self.facts.sources.get(&a.at.file).map_or("", |file| file.slice(between));
        text.lines()
            .map(str::trim_start)
            .any(|line| line.starts_with("case ") && line.contains(':') || line.starts_with("default:"))
    }

    /// The site stands in the `catch` or `finally` of a `try` of its function.
    pub(in crate::code) fn in_handler(&self, site: &Site) -> bool {
        self.code.tries.iter().enumerate().any(|(index, attempt)| {
            attempt.at.file == site.at.file
                && attempt.at.span.contains(site.at.span)
                && !site.tries.contains(&index)
        })
    }

    /// Where the values of a node begin, within its function: rows are followed to the arguments of their calls.
    pub(in crate::code) fn roots(&self, node: &Node) -> BTreeSet<Root> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<Source> = sources(node).into_iter().cloned().collect();
        while let Some(source) = open.pop() {
            if !seen.insert(source.clone()) {
                continue;
            }
            match source {
                Source::Parameter { index } => {
                    found.insert(Root::Parameter(index));
                }
                Source::Request => {
                    found.insert(Root::Request);
                }
                Source::Session => {
                    found.insert(Root::Session);
                }
                Source::Result { call, .. } => open.extend(self.argument_sources(call)),
                Source::Loop { of } => match &self.code.loops[of].over {
                    Over::Rows(call) => open.extend(self.argument_sources(*call)),
                    Over::Parameter(index) => {
                        found.insert(Root::Parameter(*index));
                    }
                    _ => {
                        found.insert(Root::Other);
                    }
                },
                Source::Constant | Source::Time | Source::Random | Source::Environment => {}
                Source::Function { .. } | Source::Unknown => {
                    found.insert(Root::Other);
                }
            }
        }
        found
    }

    fn argument_sources(&self, call: usize) -> impl Iterator<Item = Source> + use<'a> {
        sources(&self.code.calls[call].argument).into_iter().cloned()
    }

    /// True where whoever sends a request chooses the value: directly, or through parameters that callers fill. Rows
    /// that a call returned are not followed: the database vouches for them.
    pub(in crate::code) fn chosen_by_user(&self, function: usize, node: &Node) -> bool {
        self.chosen_by_user_within(function, node, 3)
    }

    /// The same of a parameter as a whole.
    pub(in crate::code) fn parameter_chosen_by_user(&self, function: usize, index: usize) -> bool {
        self.parameter_by_user(function, index, None, 3)
    }

    fn chosen_by_user_within(&self, function: usize, node: &Node, depth: usize) -> bool {
        let root = root_of(node);
        sources(node).iter().any(|source| match source {
            Source::Request => true,
            Source::Parameter { index } => self.parameter_by_user(function, *index, root, depth),
            Source::Loop { of } => match self.code.loops[*of].over {
                Over::Parameter(index) => self.parameter_by_user(function, index, None, depth),
                _ => false,
            },
            _ => false,
        })
    }

    /// `root` is the name that the value begins with. Where the parameter is a pattern, it picks the caller's property.
    fn parameter_by_user(&self, function: usize, index: usize, root: Option<&str>, depth: usize) -> bool {
        let pattern =
            self.code.functions[function].parameters.get(index).is_some_and(|given| given.name.is_empty());
        depth > 0
            && self.code.functions[function].callers.iter().any(|caller| {
                let invocation = &self.code.invocations[*caller];
                invocation.arguments.get(index).is_some_and(|given| {
                    let picked = root.filter(|_| pattern).and_then(|root| given.get(root)).unwrap_or(given);
                    self.chosen_by_user_within(invocation.site.function, picked, depth - 1)
                })
            })
    }

    pub(in crate::code) fn model(&self, name: &str) -> Option<&'a Model> {
        self.schema?.model(name)
    }

    /// A foreign key leads from one of the models to the other.
    pub(in crate::code) fn related(&self, a: &str, b: &str) -> bool {
        let points = |from: &str, to: &str| {
            self.model(from).is_some_and(|model| {
                model.fields.iter().any(|field| {
                    matches!(&field.ty, FieldType::Model(target) if target == to)
                        && field.relation.as_ref().is_some_and(|relation| !relation.fields.is_empty())
                })
            })
        };
        a != b && (points(a, b) || points(b, a))
    }

    /// The function, or a file that it stands in, is for the operators of the application: they may see everything.
    pub(in crate::code) fn is_admin(&self, function: usize) -> bool {
        const WORDS: [&str; 9] =
            ["admin", "admins", "backoffice", "superadmin", "internal", "support", "staff", "system", "cron"];
        let function = &self.code.functions[function];
        [&*function.name, &*function.at.file].iter().any(|name| any_word(name, |word| WORDS.contains(&word)))
    }
}

impl Flow<'_> {
    /// Only operators get here, through a page or a command of theirs.
    pub(in crate::code) fn is_for_operators(&self, function: usize) -> bool {
        self.is_for_operators_within(function, DEPTH)
    }

    fn is_for_operators_within(&self, function: usize, depth: usize) -> bool {
        let callers = &self.code.functions[function].callers;
        let by_operators = |caller: &usize| {
            self.is_for_operators_within(self.code.invocations[*caller].site.function, depth - 1)
        };
        self.is_admin(function) || depth > 0 && !callers.is_empty() && callers.iter().all(by_operators)
    }
}

/// `this.prisma.txClient()`: the client of the transaction around the request, if there is one.
fn gives_transaction(receiver: &str) -> bool {
    receiver.split_once('(').is_some_and(|(called, _)| {
        let name = called.rsplit('.').next().unwrap_or(called);
        any_word(name, |word| matches!(word, "tx" | "trx" | "transaction"))
    })
}

/// A client that the caller hands to a function.
#[derive(Clone, Copy, Debug)]
pub(in crate::code) struct GivenClient {
    /// By name, by type or by what callers give, it is (or may be) a transaction's.
    pub(in crate::code) is_transaction: bool,
}

/// Rows that tell what happened and that nothing depends on.
pub(in crate::code) fn is_log(model: &str) -> bool {
    const WORDS: [&str; 21] = [
        "log",
        "logs",
        "audit",
        "event",
        "events",
        "history",
        "activity",
        "activities",
        "notification",
        "notifications",
        "analytics",
        "metric",
        "metrics",
        "usage",
        "trace",
        "visit",
        "view",
        "session",
        "stat",
        "error",
        "errors",
    ];
    kept_words(model).iter().any(|word| WORDS.contains(&word.as_str()))
}

/// The name that an expression begins with: `envelope` of `envelope.id`.
fn root_of(node: &Node) -> Option<&str> {
    let Value::Expression { text, .. } = &node.value else { return None };
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '$');
    Some(&text[..end.unwrap_or(text.len())]).filter(|root| !root.is_empty())
}

fn contradict(a: &Guard, b: &Guard) -> bool {
    let (first, first_negated) = plain(a);
    let (second, second_negated) = plain(b);
    if first == second {
        return first_negated != second_negated;
    }
    if first_negated || second_negated {
        return false;
    }
    let others = comparisons(second);
    comparisons(first)
        .iter()
        .any(|(left, right)| others.iter().any(|(same, other)| left == same && right != other))
}

/// The condition without its leading `!`, and whether it must be false.
fn plain(guard: &Guard) -> (&str, bool) {
    let text = guard.text.trim();
    match text.strip_prefix('!') {
        Some(rest) if !rest.contains(['&', '|', '=', ' ']) => (rest, !guard.negated),
        _ => (text, guard.negated),
    }
}

/// `type === 'a'` among the conditions that all hold: what is compared, with which literal.
fn comparisons(text: &str) -> Vec<(&str, &str)> {
    if text.contains("||") {
        return Vec::new();
    }
    text.split("&&")
        .filter_map(|part| part.split_once("===").or_else(|| part.split_once("==")))
        .map(|(left, right)| (left.trim().trim_start_matches('('), right.trim().trim_end_matches(')')))
        .filter(|(_, right)| {
            let constant = right.split('.').next_back().unwrap_or("");
            right.starts_with(['\'', '"', '`']) || right.parse::<f64>().is_ok() || is_constant_name(constant)
        })
        .collect()
}

fn is_constant_name(name: &str) -> bool {
    name.chars().next().is_some_and(char::is_uppercase) && !name.contains('(')
}

/// The fields that a `where` compares for equality, with their values: `AND` and compound keys are laid out.
pub(in crate::code) fn equalities(filter: &Node) -> Vec<(&str, &Node)> {
    let mut found = Vec::new();
    let Some(object) = filter.object() else { return found };
    for property in &object.properties {
        match (&*property.name, &property.value.value) {
            ("AND", Value::List(parts)) => {
                let there = Value::elements(parts).filter(|(_, there)| *there);
                there.for_each(|(part, _)| found.extend(equalities(part)));
            }
            ("AND", Value::Object(_)) => found.extend(equalities(&property.value)),
            ("OR" | "NOT", _) => {}
            (name, Value::Object(inner)) => {
                if let Some(value) = inner.get("equals") {
                    found.push((name, &value.value));
                } else if name.contains('_') && inner.properties.len() > 1 {
                    found.extend(equalities(&property.value));
                }
            }
            (name, _) => found.push((name, &property.value)),
        }
    }
    found
}

/// True where a `where` names a field at all, below whatever operators.
pub(in crate::code) fn mentions(filter: &Node, field: &str) -> bool {
    match &filter.value {
        Value::Object(object) => object
            .properties
            .iter()
            .any(|property| property.name == field || mentions(&property.value, field)),
        Value::List(nodes) | Value::Choice { nodes, .. } => nodes.iter().any(|node| mentions(node, field)),
        _ => false,
    }
}

/// The same value, wherever it stands.
pub(in crate::code) fn same_value(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Expression { text, sources, .. }, Value::Expression { text: other, sources: others, .. }) => {
            text == other || !sources.is_empty() && sources == others && !sources.contains(&Source::Unknown)
        }
        (first, second) => first == second && !matches!(first, Value::Object(_) | Value::List(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(text: &str, negated: bool) -> Guard {
        Guard::new([].into(), negated, text.into())
    }

    #[test]
    fn conditions_that_cannot_both_hold() {
        assert!(contradict(&guard("row", false), &guard("row", true)));
        assert!(contradict(&guard("!row", false), &guard("row", false)));
        assert!(contradict(&guard("kind === 'a'", false), &guard("row && kind === 'b'", false)));
        assert!(contradict(&guard("status == Status.PAID", false), &guard("status == Status.OPEN", false)));
    }

    #[test]
    fn conditions_that_may_both_hold() {
        assert!(!contradict(&guard("row", false), &guard("other", true)));
        assert!(!contradict(&guard("kind === 'a'", true), &guard("kind === 'b'", false)));
        assert!(!contradict(&guard("kind === 'a' || all", false), &guard("kind === 'b'", false)));
        assert!(!contradict(&guard("first === second", false), &guard("first === third", false)));
    }
}
