//! One file per verb.

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
