//! What becomes of the rows that a call returns, through the functions that return them to their callers.

use pgsteward_model::code::{FunctionRole, ResultUse, Whole};
use pgsteward_model::prisma::At;
use rustc_hash::FxHashSet as HashSet;

use super::linker::{Linker, Place};
use crate::unit::{Usage, Use};

const MAX_DEPTH: usize = 6;
/// Functions that rows are followed into, one below the other.
const MAX_TAKEN: usize = 3;

/// A value that holds the rows: below `wrap` of it is `base` of them.
#[derive(Clone)]
struct Holder {
    base: Vec<String>,
    wrap: Vec<String>,
}

struct Gather<'l, 'a> {
    linker: &'l Linker<'a>,
    result: ResultUse,
    used: bool,
    seen: HashSet<(Place, Vec<String>)>,
    /// The invocations that gave the rows to the function whose uses are looked at, the last one innermost.
    givers: Vec<Place>,
    /// The functions that the rows were followed into, outermost first.
    inside: Vec<Place>,
}

impl<'a> Linker<'a> {
    /// `at`: the call itself. `function`: the function that it stands in.
    pub(super) fn result(&self, unit: usize, function: usize, at: &At, usage: &'a Usage) -> ResultUse {
        let result = ResultUse { binding: usage.binding.clone(), complete: true, ..ResultUse::default() };
        let mut gather = Gather {
            linker: self,
            result,
            used: false,
            seen: HashSet::default(),
            givers: Vec::new(),
            inside: Vec::new(),
        };
        let holder = Holder { base: Vec::new(), wrap: Vec::new() };
        gather.usage(unit, function, at, usage, &holder, 0);
        let Gather { mut result, used, .. } = gather;
        result.unused = result.complete && !used;
        result.followed.sort();
        result.followed.dedup();
        result.paths.sort();
        result.paths.dedup();
        let mut whole = Vec::new();
        for one in result.whole.drain(..) {
            if !whole.contains(&one) {
                whole.push(one);
            }
        }
        result.whole = whole;
        result
    }

    /// Whether something calls a function that was not followed.
    pub(super) fn called_from_elsewhere(&self, unit: usize, function: usize) -> bool {
        let called = &self.units[unit].functions[function];
        let role = self.role_of(unit, function);
        if role == FunctionRole::Module {
            return false;
        }
        role != FunctionRole::Plain
            || called.given_away
            || called.method.as_deref().is_some_and(|name| self.loose.contains(name))
            || !self.callers.contains_key(&(unit, function)) && (called.exported || called.class.is_some())
    }
}

impl<'a> Gather<'_, 'a> {
    fn usage(
        &mut self,
        unit: usize,
        function: usize,
        at: &At,
        usage: &'a Usage,
        holder: &Holder,
        depth: usize,
    ) {
        self.result.complete &= usage.complete;
        for one in &usage.uses {
            let path = match one {
                Use::Read { path }
                | Use::Tested { path }
                | Use::Returned { path, .. }
                | Use::Response { path, .. }
                | Use::Argument { path, .. }
                | Use::Passed { path, .. }
                | Use::Query { path, .. }
                | Use::Other { path } => path,
            };
            // Of the value that holds the rows, this use may take another part.
            let (of_rows, still_wrapped) =
                match (path.strip_prefix(&holder.wrap[..]), holder.wrap.strip_prefix(&path[..])) {
                    (Some(rest), _) => ([&holder.base[..], rest].concat(), Vec::new()),
                    (None, Some(rest)) => (holder.base.clone(), rest.to_vec()),
                    (None, None) => continue,
                };
            self.used = true;
            match one {
                Use::Tested { .. } if of_rows.is_empty() => {}
                Use::Read { .. } | Use::Tested { .. } | Use::Query { .. } if !of_rows.is_empty() => {
                    self.path(&of_rows);
                }
                Use::Read { .. } | Use::Tested { .. } | Use::Query { .. } | Use::Other { .. } => {
                    self.whole(of_rows, Whole::Other);
                }
                Use::Response { at, .. } => self.whole(of_rows, Whole::Response { at: at.clone() }),
                Use::Passed { to, .. } => self.whole(of_rows, Whole::Passed { to: to.clone() }),
                Use::Argument { invocation, position, wrap, .. } => {
                    let wrap = [&wrap[..], &still_wrapped].concat();
                    let holder = Holder { base: of_rows.clone(), wrap };
                    if !self.followed(unit, *invocation, *position, &holder, depth) {
                        let to = self.linker.units[unit].invocations[*invocation].name.clone();
                        self.whole(of_rows, Whole::Passed { to });
                    }
                }
                Use::Returned { wrap, .. } => {
                    // A part that the code names is read, whether or not a caller looks at it.
                    if !of_rows.is_empty() {
                        self.path(&of_rows);
                    }
                    let wrap = [&wrap[..], &still_wrapped].concat();
                    // Rows that a function was given go back to whoever gave them, and to no other caller.
                    match self.givers.pop() {
                        Some(giver) => {
                            // Of a part it is known by now that it is read.
                            if of_rows.is_empty() {
                                self.given_back(giver, &Holder { base: of_rows, wrap }, depth);
                            }
                            self.givers.push(giver);
                        }
                        None => self.returned(unit, function, at, &Holder { base: of_rows, wrap }, depth),
                    }
                }
            }
        }
    }

    /// Follows rows into a function of this repository that is given them. False where that did not tell what it reads:
    /// then nothing is known of it.
    fn followed(
        &mut self,
        unit: usize,
        invocation: usize,
        position: usize,
        holder: &Holder,
        depth: usize,
    ) -> bool {
        let Some((of, function)) = self.linker.callees.get(&(unit, invocation)).copied() else {
            return false;
        };
        let called = &self.linker.units[of].functions[function];
        let plain = self.linker.role_of(of, function) == FunctionRole::Plain;
        let Some(usage) = called.taken.get(position).filter(|usage| plain && usage.complete) else {
            return false;
        };
        if depth >= MAX_TAKEN || self.inside.contains(&(of, function)) {
            return false;
        }
        let before = (self.result.clone(), self.used, self.seen.clone());
        self.givers.push((unit, invocation));
        self.inside.push((of, function));
        self.usage(of, function, &called.at, usage, holder, depth + 1);
        self.inside.pop();
        self.givers.pop();
        let known =
            self.result.complete && !self.result.whole.iter().any(|whole| !before.0.whole.contains(whole));
        if !known {
            (self.result, self.used, self.seen) = before;
        } else if holder.base.is_empty() {
            self.result.followed.push(called.name.clone());
        }
        known
    }

    fn given_back(&mut self, (unit, invocation): Place, holder: &Holder, depth: usize) {
        if depth >= MAX_DEPTH {
            self.result.complete = false;
            return;
        }
        let given = &self.linker.units[unit].invocations[invocation];
        self.usage(unit, given.site.function, &given.site.at, &given.usage, holder, depth + 1);
    }

    /// A use of all that lies below a path. Of a part it is known which one.
    fn whole(&mut self, path: Vec<String>, whole: Whole) {
        if path.is_empty() {
            self.result.whole.push(whole);
        } else {
            self.path(&path);
        }
    }

    /// A path that is read. What is left of a row when names were taken out of it (`-name`) may be read whole, but it
    /// is not the row any more that goes on.
    fn path(&mut self, path: &[String]) {
        let plain: Vec<String> = path.iter().filter(|name| !name.starts_with('-')).cloned().collect();
        if plain.is_empty() {
            self.result.whole.push(Whole::Other);
        } else {
            self.result.paths.push(plain);
        }
    }

    fn returned(&mut self, unit: usize, function: usize, at: &At, holder: &Holder, depth: usize) {
        match self.linker.role_of(unit, function) {
            FunctionRole::RequestHandler | FunctionRole::Webhook => {
                return self.whole(holder.base.clone(), Whole::Response { at: at.clone() });
            }
            FunctionRole::FieldResolver | FunctionRole::Component | FunctionRole::Job => {
                return self.whole(holder.base.clone(), Whole::Returned);
            }
            FunctionRole::Plain | FunctionRole::Module => {}
        }
        if !self.seen.insert(((unit, function), holder.base.clone())) {
            return;
        }
        if depth >= MAX_DEPTH {
            self.result.complete = false;
            return;
        }
        if self.linker.called_from_elsewhere(unit, function) {
            self.whole(holder.base.clone(), Whole::Returned);
            // Of a part it is known which one is read, whoever reads it.
            self.result.complete &= !holder.base.is_empty();
        }
        for (of, invocation) in self.linker.callers.get(&(unit, function)).into_iter().flatten() {
            let invocation = &self.linker.units[*of].invocations[*invocation];
            let (at, caller) = (&invocation.site.at, invocation.site.function);
            self.usage(*of, caller, at, &invocation.usage, holder, depth + 1);
        }
    }
}
