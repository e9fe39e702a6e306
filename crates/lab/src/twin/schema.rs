//! The schema of a catalog, made again in an empty database.
//!
//! The definitions of a live database are as hostile as a migration: they run as the unprivileged owner only,
//! under the same limits of time and space as a replay. What the server refuses is told and left out.

use std::time::Instant;

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use pgsteward_sql::{ddl, quote_literal};

use crate::channel::{Channel, Outcome};
use crate::clone::Database;
use crate::error::LabError;
use crate::lab::Lab;
use crate::replay::adapt::Surroundings;
use crate::replay::failure;
use crate::walls::OWNER;

/// What came of building a schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// The statement or object that is not there as it should be, and why; lower case, without a full stop.
    pub skipped: Vec<(String, String)>,
}

/// Makes the objects of a catalog that introspection read. The database must be a new one; its sessions are
/// closed when this returns, so that it can be cloned at once. Owners, grants and rows are not made.
pub async fn build(lab: &Lab, database: &Database, catalog: &Catalog) -> Result<Built, LabError> {
    let started = Instant::now();
    let limit = lab.time_limit;
    // The lab ends the session at the limit; should that fail, the watchdog ends the server.
    let _outer_limit = lab.watchdog.limit(limit);
    let surroundings = lab.surroundings().await?;
    let superuser = database.superuser_session().await?;
    let mut built = Built { skipped: ddl::left_out(catalog) };
    make_roles(&superuser, ddl::roles(catalog).into_iter(), &mut built).await;
    superuser.close().await;
    let channel = Channel::open(lab, database, started, limit).await?;
    let mut builder = Builder { channel, settings: ddl::settings(catalog), surroundings, built };
    // The first statement is the settings, which every new session needs.
    let outcome = builder.all(ddl::create(catalog).split_off(1)).await;
    let Builder { channel, built, .. } = builder;
    channel.close().await;
    outcome?;
    let mut built = built;
    let invalid = ddl::invalid_indexes(catalog);
    if !invalid.is_empty() {
        let superuser = database.superuser_session().await?;
        for index in &invalid {
            invalidate(&superuser, index, &mut built).await;
        }
        superuser.close().await;
    }
    Ok(built)
}

/// Runs the statements of an exported schema, as [`build`] runs those of a catalog. The first sets the session up;
/// `roles` are those that policies name.
pub async fn build_statements(
    lab: &Lab,
    database: &Database,
    statements: &[String],
    roles: &[String],
) -> Result<Built, LabError> {
    let started = Instant::now();
    let limit = lab.time_limit;
    let _outer_limit = lab.watchdog.limit(limit);
    let surroundings = lab.surroundings().await?;
    let superuser = database.superuser_session().await?;
    let mut built = Built::default();
    make_roles(&superuser, roles.iter().map(String::as_str), &mut built).await;
    superuser.close().await;
    let Some((settings, rest)) = statements.split_first() else { return Ok(built) };
    let channel = Channel::open(lab, database, started, limit).await?;
    let mut builder = Builder { channel, settings: settings.clone(), surroundings, built };
    let outcome = builder.all(rest.to_vec()).await;
    let Builder { channel, built, .. } = builder;
    channel.close().await;
    outcome?;
    Ok(built)
}

/// Marks an index as a failed concurrent build leaves it. Names reach this session as values only, and only an
/// index of the owner's is touched.
async fn invalidate(superuser: &LabSession, index: &QName, built: &mut Built) {
    let sql = format!(
        "UPDATE pg_catalog.pg_index i SET indisvalid = false \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.oid = i.indexrelid AND c.oid >= 16384 AND c.relkind IN ('i', 'I') \
           AND n.nspname = {} AND c.relname = {} AND pg_catalog.pg_get_userbyid(c.relowner) = {} \
         RETURNING true",
        quote_literal(&index.namespace),
        quote_literal(&index.name),
        quote_literal(OWNER)
    );
    let why = match superuser.rows(&sql).await {
        Ok(rows) if rows.is_empty() => "it was not made".to_owned(),
        Ok(_) => return,
        Err(error) => error.message,
    };
    built.skipped.push((format!("invalid index \"{index}\""), why));
}

/// Policies name roles, which only the lab may make: without any right.
async fn make_roles<'a>(superuser: &LabSession, roles: impl Iterator<Item = &'a str>, built: &mut Built) {
    for role in roles {
        let sql = format!("SELECT pg_lab.create_role({})", quote_literal(role));
        if let Err(error) = superuser.simple(&sql).await {
            built.skipped.push((format!("role \"{role}\""), error.message));
        }
    }
}

struct Builder<'a> {
    channel: Channel<'a>,
    settings: String,
    surroundings: Surroundings,
    built: Built,
}

impl Builder<'_> {
    async fn all(&mut self, statements: Vec<String>) -> Result<(), LabError> {
        self.set().await?;
        // Extensions live in schemas, and everything else in both.
        let (first, rest): (Vec<_>, Vec<_>) =
            statements.into_iter().partition(|sql| is_schema(sql) || is_extension(sql));
        for sql in first {
            self.schema_or_extension(sql).await?;
        }
        if rest.is_empty() {
            return Ok(());
        }
        // In one message, which is one transaction, unless something is refused.
        match self.channel.send(&rest.join(";\n")).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(_) => self.one_by_one(rest).await,
            Outcome::Stopped(_) => {
                self.set().await?;
                self.one_by_one(rest).await
            }
        }
    }

    /// Statement by statement, again and again while there is progress: some may have come too early.
    async fn one_by_one(&mut self, mut left: Vec<String>) -> Result<(), LabError> {
        loop {
            let before = left.len();
            let mut refused = Vec::new();
            for sql in std::mem::take(&mut left) {
                if self.channel.is_late() {
                    refused.push((sql, self.channel.out_of_time()));
                    continue;
                }
                match self.channel.send(&sql).await? {
                    Outcome::Done => {}
                    Outcome::Refused(error) => refused.push((sql, why(&error))),
                    Outcome::Stopped(error) => {
                        self.set().await?;
                        self.skip(sql, why(&error));
                    }
                }
            }
            if refused.is_empty() {
                return Ok(());
            }
            if refused.len() == before || self.channel.is_late() {
                self.built.skipped.extend(refused);
                return Ok(());
            }
            left = refused.into_iter().map(|(sql, _)| sql).collect();
        }
    }

    /// An extension is made as a migration's is: those on the lab's list, stand-ins for some others.
    async fn schema_or_extension(&mut self, sql: String) -> Result<(), LabError> {
        let parsed = pgsteward_sql::parse(&sql);
        let edit = parsed.statements.first().and_then(|one| self.surroundings.edit(&one.statement, &sql));
        let (message, told) = edit.unwrap_or((sql.clone(), None));
        if let Some((_, why)) = told {
            self.skip(sql.clone(), why);
        }
        match self.channel.send(&message).await? {
            Outcome::Done => {}
            Outcome::Refused(error) => self.skip(sql, why(&error)),
            Outcome::Stopped(error) => {
                self.set().await?;
                self.skip(sql, why(&error));
            }
        }
        Ok(())
    }

    async fn set(&mut self) -> Result<(), LabError> {
        match self.channel.send(&self.settings).await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(error) | Outcome::Stopped(error) => {
                Err(LabError::server("set up a session", error))
            }
        }
    }

    fn skip(&mut self, sql: String, why: String) {
        self.built.skipped.push((sql, why));
    }
}

fn is_extension(sql: &str) -> bool {
    sql.starts_with("CREATE EXTENSION ")
}

fn is_schema(sql: &str) -> bool {
    sql.starts_with("CREATE SCHEMA ") || sql.starts_with("DROP SCHEMA ")
}

fn why(error: &ServerError) -> String {
    if failure::is_ours(error) {
        return format!("the lab has not the rights it needs: {}", error.message);
    }
    error.message.clone()
}
