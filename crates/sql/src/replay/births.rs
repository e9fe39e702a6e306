//! When relations came into being, and what else a session remembers between statements: the search path and
//! the temporary tables. The catalog itself keeps none of it.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::QName;
use pgsteward_model::effect::Age;

/// Which file and which deploy made each relation. Call [`Births::start_deploy`] before the first file of a deploy
/// and [`Births::start_file`] before each of its other files.
#[derive(Clone, Debug, PartialEq)]
pub struct Births {
    file: u32,
    deploy: u32,
    born: BTreeMap<QName, (u32, u32)>,
    pub(crate) search_path: Vec<String>,
    pub(crate) temporary: BTreeSet<String>,
}

impl Default for Births {
    fn default() -> Births {
        Births {
            file: 0,
            deploy: 0,
            born: BTreeMap::new(),
            search_path: vec!["public".to_owned()],
            temporary: BTreeSet::new(),
        }
    }
}

impl Births {
    /// A new file begins: what was made until now is older than it. Its session starts with the search path
    /// `public` and without temporary tables.
    pub fn start_file(&mut self) {
        self.file += 1;
        self.search_path = vec!["public".to_owned()];
        self.temporary.clear();
    }

    /// A new deploy begins, and its first file with it: what was made until now is populated as far as anyone
    /// knows.
    pub fn start_deploy(&mut self) {
        self.deploy += 1;
        self.start_file();
    }

    /// The age of a relation as the statement that comes next sees it.
    pub fn age(&self, relation: &QName) -> Age {
        match self.born.get(relation) {
            Some((file, _)) if *file == self.file => Age::SameFile,
            Some((_, deploy)) if *deploy == self.deploy => Age::SameDeploy,
            Some(_) => Age::Earlier,
            None => Age::Unknown,
        }
    }

    /// Says that relations of a catalog that was not replayed were there before.
    pub fn existed(&mut self, relation: QName) {
        // Counted from below zero: older than every file and deploy.
        self.born.insert(relation, (u32::MAX, u32::MAX));
    }

    pub(crate) fn created(&mut self, relation: &QName) {
        self.born.insert(relation.clone(), (self.file, self.deploy));
    }

    pub(crate) fn renamed(&mut self, from: &QName, to: &QName) {
        if let Some(birth) = self.born.remove(from) {
            self.born.insert(to.clone(), birth);
        }
    }

    pub(crate) fn dropped(&mut self, relation: &QName) {
        self.born.remove(relation);
    }
}
