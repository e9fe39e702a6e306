//! One file per verb.

use std::process::ExitCode;

use anyhow::Result;

use crate::output;

pub(crate) mod check;
pub(crate) mod db;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod facts;
pub(crate) mod fix;
pub(crate) mod format;
pub(crate) mod init;
pub(crate) mod lab;
pub(crate) mod migrate;
pub(crate) mod queries;
pub(crate) mod review_arguments;
pub(crate) mod rules;
pub(crate) mod validate;

/// The end of a verb that answers as Prisma does: 1 for every error, which is said here.
pub(crate) fn ended(result: Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        output::error(&error);
        ExitCode::FAILURE
    })
}
