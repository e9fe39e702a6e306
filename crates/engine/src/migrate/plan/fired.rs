//! Triggers of a table and its partitions: those that run for each row that a fill writes, where `ALTER COLUMN … TYPE` runs none,
//! and those that the one which keeps two columns equal has to run behind.

use pgsteward_model::catalog::{Catalog, Table, Trigger, TriggerEvent};

use super::exchange::short;
use super::family::partitions;
use super::pieces::note;

/// What the report says of them. `by_itself` fills no row: what is planned.
pub(super) fn tell(catalog: &Catalog, table: &Table, by_itself: &str, notes: &mut Vec<String>) {
    if let Some(names) = names(catalog, table) {
        note(
            notes,
            format!(
                "{names} for each row of {} that is filled, which {by_itself} would not do: an audit gets a line for each, a \
                 queue a message. Where it must not, let it return early while current_setting('application_name') is \
                 'pgsteward migrate'",
                table.name.display()
            ),
        );
    }
}

/// `the trigger "audit" runs`, `the triggers … run`; none where no trigger does. Those that a partition alone has are said with it.
pub(super) fn names(catalog: &Catalog, table: &Table) -> Option<String> {
    let fires = |trigger: &&Trigger| {
        let any_column = !trigger.definition.to_ascii_uppercase().contains("UPDATE OF ");
        trigger.enabled && trigger.row && any_column && trigger.events.contains(&TriggerEvent::Update)
    };
    let mut names: Vec<String> =
        table.triggers.iter().filter(fires).map(|trigger| format!("\"{}\"", trigger.name)).collect();
    for part in partitions(catalog, table) {
        let of_parent = |name: &str| {
            let parent = part.partition_of.as_ref().and_then(|of| catalog.table(&of.parent));
            parent.is_some_and(|parent| parent.triggers.iter().any(|other| other.name == name))
        };
        let own = part.triggers.iter().filter(fires).filter(|trigger| !of_parent(&trigger.name));
        names.extend(own.map(|trigger| format!("\"{}\" of \"{}\"", trigger.name, part.name.display())));
    }
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("the trigger {one} runs")),
        more => Some(format!("the triggers {} run", more.join(", "))),
    }
}

/// The name of the trigger that runs last of those before a row, of a table or of a partition. They run by name.
pub(super) fn last_before(catalog: &Catalog, table: &Table) -> Option<String> {
    let family = std::iter::once(table).chain(partitions(catalog, table));
    let before = family.flat_map(|one| &one.triggers).filter(|trigger| trigger.before && trigger.row);
    before.map(|trigger| trigger.name.clone()).max()
}

/// The name where it sorts behind the last one, else one made of it that does.
pub(super) fn behind(last: Option<&str>, name: String) -> String {
    match last {
        Some(last) if last >= name.as_str() => {
            let longer = short(&format!("{last}_{name}"));
            // Cut after 63 bytes it may sort before, and a tilde stands behind all letters of ASCII.
            if longer.as_str() > last { longer } else { short(&format!("~{name}")) }
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_sorts_behind_the_last() {
        let name = || "item_note_new_sync".to_owned();
        assert_eq!(behind(None, name()), name());
        assert_eq!(behind(Some("audit"), name()), name());
        assert_eq!(behind(Some("touch"), name()), "touch_item_note_new_sync");
        for last in ["touch".to_owned(), "z".repeat(60), "z".repeat(63)] {
            let made = behind(Some(&last), name());
            assert!(made > last && made.len() <= 63, "{made}");
        }
    }
}
