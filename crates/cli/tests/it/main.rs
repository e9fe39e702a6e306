//! The binary as users run it: on projects of every shape, on live servers, and when things go wrong.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where its helpers fail, and says why it did not run"
)]

mod allow;
mod code;
mod code_edits;
mod discovery;
mod facts;
mod faults;
mod fixes;
mod formats;
mod judging;
mod lab;
mod live;
mod loudness;
mod migrate_adopt;
mod migrate_backfill;
mod migrate_backfill_fired;
mod migrate_checks;
mod migrate_conflicts;
mod migrate_crashes;
mod migrate_deploy;
mod migrate_deploy_12;
mod migrate_dev;
mod migrate_diff;
mod migrate_doctor;
mod migrate_faults;
mod migrate_messages;
mod migrate_next_steps;
mod migrate_plain;
mod migrate_plan;
mod migrate_plan_added;
mod migrate_plan_back;
mod migrate_plan_both_names;
mod migrate_plan_by_hand;
mod migrate_plan_changed;
mod migrate_plan_columns;
mod migrate_plan_enums;
mod migrate_plan_hands;
mod migrate_plan_kept;
mod migrate_plan_numbers;
mod migrate_plan_partitions;
mod migrate_plan_plain;
mod migrate_plan_readers;
mod migrate_plan_recreated;
mod migrate_plan_strangers;
mod migrate_plan_tables;
mod migrate_plan_type_and_name;
mod migrate_plan_types;
mod migrate_plan_upserts;
mod migrate_plan_values;
mod migrate_push;
mod migrate_rehearse;
mod migrate_rehearse_faults;
mod migrate_rehearse_load;
mod migrate_rehearse_plans;
mod migrate_resolve;
mod migrate_rollback;
mod migrate_rollback_functions;
mod migrate_rollback_keys;
mod migrate_rollback_steps;
mod migrate_rollback_values;
mod migrate_rollback_views;
mod migrate_seen;
mod migrate_squash;
mod migrate_squash_kills;
mod migrate_squash_unrecorded;
mod migrate_standby;
mod migrate_statistics;
mod migrate_status;
mod migrate_subscribers;
mod migrate_support;
mod migrate_warnings;
mod migrate_words;
mod postmaster;
mod processes;
mod pull;
mod reading;
mod servers;
mod small_places;
mod states;
mod support;
mod verbs;
