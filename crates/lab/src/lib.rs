//! Throw-away PostgreSQL servers: find or fetch binaries, start, clone databases, replay migrations, trace
//! locks and rewrites, and the walls around hostile SQL.
//!
//! The lab starts and ends servers and nothing else: it speaks to them through the `pg` crate only, judges
//! nothing and knows no rule. Everything it makes lies in one private folder and goes with the [`Lab`].

#[cfg(not(unix))]
compile_error!(
    "pgsteward runs on Linux and macOS: its lab needs Unix sockets, users and process groups. On Windows, build \
     and run it in the Windows Subsystem for Linux."
);

mod binaries;
mod channel;
mod cleanup;
mod clone;
mod cluster;
mod code;
mod error;
mod files;
mod lab;
mod persistent;
mod privileges;
mod replay;
mod template;
mod trace;
mod twin;
mod walls;
mod watchdog;

pub use binaries::{Found, Origin, installed};
pub use clone::Database;
pub use code::{Clash, PlanNode, Values, Whose, Workbench, bind, clash, read_plan};
pub use error::LabError;
pub use lab::{Bound, Lab, LabOptions, Progress, stop_all};
pub use persistent::{DATABASE, Down, PREVIOUS, Server, ServerOptions, Snapshot, Up};
pub use replay::{Adapted, ReplayOptions, adapt, replay, replay_files};
pub use trace::{StatementTrace, Tracer, trace_statement};
pub use twin::{Built, DataOptions, Filled, MoreRows, build, build_statements, fill};
pub use walls::OWNER;
