//! A setting with which a crash or a broken page loses data.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};

use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "crash-unsafe-setting",
    group: Group::Config,
    severity: Severity::Error,
    needs: &[Need::Cluster],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("crash_unsafe_setting.md"),
    check,
};

struct Unsafe {
    name: &'static str,
    value: &'static str,
    detail: &'static str,
    hint: &'static str,
}

static SETTINGS: &[Unsafe] = &[
    Unsafe {
        name: "fsync",
        value: "off",
        detail: "The server does not wait until what it wrote is on disk: after a crash of the machine the whole cluster may be \
                 unreadable, not only the last transactions.",
        hint: "set fsync = on, reload, and run CHECKPOINT and the system's sync, so that what was written before is on disk, \
               too; for speed at the price of the last moments only there is synchronous_commit = off",
    },
    Unsafe {
        name: "full_page_writes",
        value: "off",
        detail: "A page that was half written when the machine crashed cannot be repaired from the write-ahead log.",
        hint: "set full_page_writes = on and reload",
    },
    Unsafe {
        name: "zero_damaged_pages",
        value: "on",
        detail: "A page whose header is damaged is read as empty: its rows vanish, and the next write makes that final.",
        hint: "reset zero_damaged_pages; it is for rescuing the rest of a broken table, in one session",
    },
    Unsafe {
        name: "ignore_checksum_failure",
        value: "on",
        detail: "Pages with a wrong checksum are read as if they were right: damage spreads and reaches the backups.",
        hint: "reset ignore_checksum_failure; it is for rescuing the rest of a broken table, in one session",
    },
];

fn check(facts: &Facts) -> Vec<Finding> {
    SETTINGS
        .iter()
        .filter(|known| shared::setting(facts, known.name) == Some(known.value))
        .map(|known| {
            let Unsafe { name, value, detail, hint } = known;
            Finding::on_object(&RULE, Place::setting(*name), format!("{name} is {value}: data may be lost"))
                .detail(*detail)
                .hint(*hint)
                .evidence(Evidence::Setting { name: (*name).into(), value: (*value).into() })
        })
        .collect()
}
