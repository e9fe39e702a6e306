//! Columns that a migration dropped and put others in the place of, under their names: `DROP COLUMN "x", ADD COLUMN "x"`, as
//! Prisma writes a change between types that it knows no cast for. The values are other ones; that the names are the same is
//! no reason why those of the one would fit the other.

use std::collections::BTreeSet;

use pgsteward_model::catalog::QName;
use pgsteward_model::identity::{Called, ObjectClass};

use super::state::State;

/// Tables with a column of theirs.
pub(super) type Columns = BTreeSet<(QName, String)>;

/// Columns of tables that stayed, by their names before and after.
pub(super) fn replaced(before: &State, after: &State) -> Columns {
    let columns = |state: &State| -> BTreeSet<(u32, Called)> {
        let objects = state.identities.objects.iter();
        let columns = objects.filter(|(id, _)| id.class == ObjectClass::Column);
        columns.map(|(id, called)| (id.oid, called.clone())).collect()
    };
    let now = &after.identities.objects;
    let gone = before.identities.objects.iter().filter(|(id, called)| {
        id.class == ObjectClass::Column && now.get(id).is_none_or(|other| other.name != called.name)
    });
    let there = columns(after);
    gone.filter(|(id, called)| there.contains(&(id.oid, (*called).clone())))
        .map(|(_, called)| (QName::new(&called.namespace, &called.inside), called.name.clone()))
        .collect()
}
