//! Which functions reach the database, directly or through others, and which of them call themselves.

use super::linker::{Linker, Place};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

#[derive(Default)]
pub(super) struct Reach {
    /// Functions to tell of.
    pub(super) functions: HashSet<Place>,
    /// Invocations to tell of.
    pub(super) invocations: HashSet<Place>,
    pub(super) recursive: HashSet<Place>,
}

impl Reach {
    /// `database` and `outside`: functions that ask a database, or something else outside of the process, themselves.
    /// `dropped`: invocations that are calls of Prisma Client.
    pub(super) fn of(
        linker: &Linker<'_>,
        database: HashSet<Place>,
        outside: HashSet<Place>,
        dropped: &HashSet<Place>,
    ) -> Reach {
        let mut edges: Vec<(Place, Place, Place)> = linker
            .callees
            .iter()
            .filter(|(invocation, _)| !dropped.contains(invocation))
            .map(|(invocation, callee)| {
                let caller = linker.units[invocation.0].invocations[invocation.1].site.function;
                ((invocation.0, caller), *callee, *invocation)
            })
            .collect();
        edges.sort_unstable();
        let mut callers: HashMap<Place, Vec<Place>> = HashMap::default();
        for (caller, callee, _) in &edges {
            callers.entry(*callee).or_default().push(*caller);
        }
        let functions = upwards(database, &callers);
        let effects = upwards(outside, &callers);
        let mut reach = Reach { functions, ..Reach::default() };
        // What a function that reaches the database does outside counts too, through whatever it calls.
        let mut below: Vec<Place> = reach.functions.iter().copied().collect();
        below.sort_unstable();
        let mut callees: HashMap<Place, Vec<(Place, Place)>> = HashMap::default();
        for (caller, callee, invocation) in &edges {
            callees.entry(*caller).or_default().push((*callee, *invocation));
        }
        let mut kept: HashMap<Place, Vec<Place>> = HashMap::default();
        while let Some(function) = below.pop() {
            for (callee, invocation) in callees.get(&function).into_iter().flatten() {
                if !reach.functions.contains(callee) {
                    if !effects.contains(callee) {
                        continue;
                    }
                    reach.functions.insert(*callee);
                    below.push(*callee);
                }
                if reach.invocations.insert(*invocation) {
                    kept.entry(function).or_default().push(*callee);
                }
            }
        }
        reach.recursive = cycles(&kept);
        reach
    }
}

/// All that call some functions, directly or through others, and these themselves.
fn upwards(start: HashSet<Place>, callers: &HashMap<Place, Vec<Place>>) -> HashSet<Place> {
    let mut left: Vec<Place> = start.iter().copied().collect();
    left.sort_unstable();
    let mut found = start;
    while let Some(function) = left.pop() {
        for caller in callers.get(&function).into_iter().flatten() {
            if found.insert(*caller) {
                left.push(*caller);
            }
        }
    }
    found
}

/// Functions that lie on a cycle of calls: components of the graph with more than one function, and functions that
/// call themselves. Kosaraju's algorithm with stacks of its own, because call chains may be deep.
fn cycles(calls: &HashMap<Place, Vec<Place>>) -> HashSet<Place> {
    let mut order = Vec::new();
    let mut seen = HashSet::default();
    let mut starts: Vec<Place> = calls.keys().copied().collect();
    starts.sort_unstable();
    for start in &starts {
        let mut stack = vec![(*start, 0)];
        if !seen.insert(*start) {
            continue;
        }
        while let Some((function, next)) = stack.pop() {
            let callee = calls.get(&function).and_then(|callees| callees.get(next));
            match callee {
                Some(callee) => {
                    stack.push((function, next + 1));
                    if seen.insert(*callee) {
                        stack.push((*callee, 0));
                    }
                }
                None => order.push(function),
            }
        }
    }
    let mut backwards: HashMap<Place, Vec<Place>> = HashMap::default();
    for start in &starts {
        for callee in &calls[start] {
            backwards.entry(*callee).or_default().push(*start);
        }
    }
    let mut recursive = HashSet::default();
    let mut assigned = HashSet::default();
    for root in order.into_iter().rev() {
        if !assigned.insert(root) {
            continue;
        }
        let mut component = Vec::new();
        let mut stack = vec![root];
        while let Some(function) = stack.pop() {
            component.push(function);
            for caller in backwards.get(&function).into_iter().flatten() {
                if assigned.insert(*caller) {
                    stack.push(*caller);
                }
            }
        }
        let itself = calls.get(&root).is_some_and(|callees| callees.contains(&root));
        if component.len() > 1 || itself {
            recursive.extend(component);
        }
    }
    recursive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_on_cycles_are_recursive() {
        let calls = HashMap::from_iter([
            ((0, 1), vec![(0, 2), (0, 9)]),
            ((0, 2), vec![(0, 3)]),
            ((0, 3), vec![(0, 1)]),
            ((0, 4), vec![(0, 4)]),
            ((0, 5), vec![(0, 1)]),
        ]);
        assert_eq!(cycles(&calls), HashSet::from_iter([(0, 1), (0, 2), (0, 3), (0, 4)]));
    }
}
