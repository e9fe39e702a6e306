//! What becomes of the result of a call.

use oxc_syntax::node::NodeId;

use super::reader::Reader;
use crate::unit::Usage;

impl Reader<'_, '_> {
    pub(super) fn usage(&mut self, node: NodeId) -> Usage {
        let _ = node;
        Usage::default()
    }
}
