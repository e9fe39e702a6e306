//! Triggers of a table that run for each row that a fill writes: `ALTER COLUMN … TYPE` runs none.

use pgsteward_model::catalog::{Table, Trigger, TriggerEvent};

use super::pieces::note;

/// What the report says of them.
pub(super) fn tell(table: &Table, notes: &mut Vec<String>) {
    if let Some(names) = names(table) {
        note(
            notes,
            format!(
                "{names} for each row of {} that is filled, which a change of type by itself would not do: an audit gets a line for each, a \
                 queue a message. Where it must not, let it return early while current_setting('application_name') is \
                 'pgsteward migrate'",
                table.name.display()
            ),
        );
    }
}

/// `the trigger "audit" runs`, `the triggers … run`; none where no trigger does.
pub(super) fn names(table: &Table) -> Option<String> {
    let fires = |trigger: &&Trigger| {
        let any_column = !trigger.definition.to_ascii_uppercase().contains("UPDATE OF ");
        trigger.enabled && trigger.row && any_column && trigger.events.contains(&TriggerEvent::Update)
    };
    let names: Vec<String> =
        table.triggers.iter().filter(fires).map(|trigger| format!("\"{}\"", trigger.name)).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("the trigger {one} runs")),
        more => Some(format!("the triggers {} run", more.join(", "))),
    }
}
