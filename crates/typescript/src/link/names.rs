//! Where units declare what others ask for by name, so that nobody has to look through them.

use rustc_hash::FxHashMap as HashMap;

use crate::unit::{Exported, Origin, Unit};

pub(super) struct Names<'a> {
    /// The first export of a unit under a name.
    pub(super) exports: HashMap<(usize, &'a str), usize>,
    /// `export *` of a unit, in their order.
    pub(super) stars: HashMap<usize, Vec<usize>>,
    /// The first method of a name, by unit and class.
    pub(super) methods: HashMap<(usize, usize, &'a str), usize>,
    /// Invocations that call a parameter, by unit, function and position, in their order.
    pub(super) parameters_called: HashMap<(usize, usize, usize), Vec<usize>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(units: &'a [Unit]) -> Names<'a> {
        let mut names = Names {
            exports: HashMap::default(),
            stars: HashMap::default(),
            methods: HashMap::default(),
            parameters_called: HashMap::default(),
        };
        for (unit, file) in units.iter().enumerate() {
            for (index, export) in file.exports.iter().enumerate() {
                names.exports.entry((unit, &export.name)).or_insert(index);
                if matches!(export.what, Exported::Star { .. }) {
                    names.stars.entry(unit).or_default().push(index);
                }
            }
            for (index, function) in file.functions.iter().enumerate() {
                if let (Some(class), Some(method)) = (function.class, &function.method) {
                    names.methods.entry((unit, class, method)).or_insert(index);
                }
            }
            for (invocation, called) in file.invocations.iter().enumerate() {
                if let Origin::Parameter { function, index } = called.callee {
                    names.parameters_called.entry((unit, function, index)).or_default().push(invocation);
                }
            }
        }
        names
    }
}
