//! What the verbs of `migrate` and `db` say: lines for people, one file a verb, and one JSON envelope for all.

mod backfill;
mod conflicts;
mod deploy;
mod dev;
mod doctor;
mod plan;
mod pull;
mod rehearsal;
mod resolve;
mod rollback;
mod squash;
mod status;

use serde::Serialize;

pub use backfill::backfill_text;
pub use conflicts::conflicts_text;
pub use deploy::deploy_text;
pub use dev::{dev_text, push_text, reset_text};
pub use doctor::doctor_text;
pub use plan::plan_text;
pub use pull::{objects_text, pull_text};
pub use rehearsal::rehearsal_text;
pub use resolve::resolve_text;
pub use rollback::{adopt_text, rollback_text};
pub use squash::squash_text;
pub use status::status_text;

/// Version of the JSON of all verbs. It grows when a field changes its meaning or goes; new fields do not count.
pub const MIGRATE_JSON_VERSION: u32 = 1;

#[derive(Serialize)]
struct Envelope<'a, T> {
    version: u32,
    command: &'a str,
    #[serde(flatten)]
    report: &'a T,
}

/// A report of a verb ("migrate deploy") as JSON: the fields of the report, with version and command in front.
pub fn migrate_json<T: Serialize>(command: &str, report: &T) -> String {
    let envelope = Envelope { version: MIGRATE_JSON_VERSION, command, report };
    // Plain data with text keys: there is nothing in it that JSON could not say.
    serde_json::to_string_pretty(&envelope).unwrap_or_default()
}

/// `12 ms`, `3.4 s`.
pub(crate) fn duration(milliseconds: f64) -> String {
    if milliseconds < 1000.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.1} s", milliseconds / 1000.0)
    }
}
