//! Columns that hold a state, and the ways between the states that the code takes: what `pgsteward queries --states` prints.

use crate::change::Fix;
use crate::facts::Gap;
use crate::proof::Proof;
use crate::source::FileRange;
use crate::version::ServerVersion;

/// Stands for every state where a way begins.
pub const ANY: &str = "*";

#[derive(Clone, Debug, Default)]
pub struct States {
    pub tool_version: String,
    /// The server that the triggers were tried on.
    pub server_version: Option<ServerVersion>,
    /// In the order of the schema.
    pub columns: Vec<StateColumn>,
    pub gaps: Vec<Gap>,
}

/// One column, its states as the database spells them.
#[derive(Clone, Debug, Default)]
pub struct StateColumn {
    pub model: String,
    pub field: String,
    /// As people write it: `Order`, `billing.Order`.
    pub relation: String,
    pub column: String,
    /// States that rows are created in, where that is known.
    pub begins: Vec<String>,
    pub ways: Vec<Way>,
    /// States of the enum that no known write sets. Empty where some writes are not known.
    pub unset: Vec<String>,
    /// Writes of the column that could not be followed.
    pub unknown: Vec<FileRange>,
    /// A trigger of the table looks at both states already.
    pub enforced: bool,
    /// Lets rows take these ways and no others.
    pub trigger: Option<Fix>,
    /// Why there is no trigger.
    pub no_trigger: Option<String>,
    pub proof: Option<Proof>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// [`ANY`] where no state is asked for.
    pub from: String,
    pub to: String,
    /// The updates that go it.
    pub at: Vec<FileRange>,
}

impl StateColumn {
    /// From and to.
    pub fn allowed(&self) -> Vec<(String, String)> {
        self.ways.iter().map(|way| (way.from.clone(), way.to.clone())).collect()
    }
}
