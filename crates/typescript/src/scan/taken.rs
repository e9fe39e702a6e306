//! What a function does with what it is given: the uses of its parameters, for rows that callers hand to it.

use oxc_syntax::node::NodeId;
use pgsteward_model::code::{FunctionRole, Parameter};

use super::reader::Reader;
use super::syntax::Code;
use super::usage::{Held, Trail};
use crate::unit::Usage;

/// Parameters that are followed: who takes more is seldom given a row in one of the last.
const PARAMETERS: usize = 4;

impl<'a> Reader<'_, 'a> {
    /// After invocations have their numbers.
    pub(super) fn read_taken(&mut self) {
        for (at, node) in self.function_nodes.clone().into_iter().enumerate() {
            // The first function is the module.
            let index = at + 1;
            let function = &self.unit.functions[index];
            let plain = function.role == FunctionRole::Plain && function.class.is_none();
            if plain && function.parameters.iter().any(may_be_rows) {
                self.unit.functions[index].taken = self.taken(node, index);
            }
        }
    }

    fn taken(&self, node: NodeId, index: usize) -> Vec<Usage> {
        let Some(code) = Code::of_kind(self.nodes.kind(node)) else { return Vec::new() };
        let described = &self.unit.functions[index].parameters;
        let items = code.parameters().items.iter().zip(described).take(PARAMETERS);
        items
            .map(|(item, parameter)| {
                if !may_be_rows(parameter) {
                    return Usage::default();
                }
                let mut trail = Trail::default();
                self.bind(&item.pattern, Held { path: &[], wrap: &[] }, &mut trail);
                Usage { binding: None, complete: !trail.lost, uses: trail.uses }
            })
            .collect()
    }
}

/// Texts, numbers and clients are no rows.
fn may_be_rows(parameter: &Parameter) -> bool {
    const NONE: [&str; 12] = [
        "string",
        "number",
        "boolean",
        "bigint",
        "Date",
        "string[]",
        "number[]",
        "Request",
        "Response",
        "NextRequest",
        "PrismaClient",
        "unknown",
    ];
    let ty = parameter.ty.as_deref().unwrap_or("").trim();
    !NONE.contains(&ty)
        && !ty.contains("Transaction")
        && !matches!(parameter.name.as_str(), "tx" | "req" | "res" | "ctx")
}
