//! Facts about the whole server: settings, roles, memberships, databases.

use std::collections::BTreeMap;

use pgsteward_model::cluster::{Cluster, Membership, Role, ServerSetting};
use pgsteward_model::facts::{Gap, Need};
use pgsteward_model::version::ServerVersion;
use tokio_postgres::{Client, Error, Row};

use crate::error::{ReadError, server_error};
use crate::grants::identifier;
use crate::introspect::{BEGIN, COMMIT, SETTINGS, pipeline};

/// Read before the transaction changes settings of its own.
const SETTING_SQL: &str = "SELECT name, setting, unit, source FROM pg_catalog.pg_settings";

/// Settings whose values are this connection's own and say nothing about the server.
const OWN_SETTINGS: [&str; 6] = [
    "application_name",
    "client_encoding",
    "default_transaction_read_only",
    "transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
];

const ROLE_SQL: &str = "SELECT rolname, rolsuper, rolcanlogin, rolcreaterole, rolcreatedb, rolreplication, \
     rolbypassrls, rolinherit, rolconnlimit, rolconfig FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname";

const MEMBERSHIP_SQL: &str = "SELECT pg_get_userbyid(roleid), pg_get_userbyid(member), bool_or(admin_option) \
     FROM pg_auth_members GROUP BY 1, 2 ORDER BY 1, 2";

const DATABASE_SQL: &str =
    "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname";

const SESSION_SQL: &str = "SELECT current_user::text, pg_is_in_recovery(), \
     (SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), \
     pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')";

/// Needs EXECUTE, which some managed services take away; asked by itself so that only it can fail.
const IDENTIFIER_SQL: &str = "SELECT system_identifier FROM pg_catalog.pg_control_system()";

pub(crate) async fn cluster(
    client: &Client,
    version: ServerVersion,
) -> Result<(Cluster, Vec<Gap>), ReadError> {
    let failed = ReadError::server("read settings and roles");
    let texts = [BEGIN, SETTING_SQL, SETTINGS, ROLE_SQL, MEMBERSHIP_SQL, DATABASE_SQL, SESSION_SQL, COMMIT];
    let rows = pipeline(client, &texts, 0..0, &[]).await.map_err(&failed)?;
    let mut gaps = Vec::new();
    let session = rows[6].first();
    let text = |position: usize| session.map(|row| row.try_get::<_, String>(position)).transpose();
    let flag = |position: usize| session.map_or(Ok(None), |row| row.try_get::<_, Option<bool>>(position));
    let current_role = text(0).map_err(&failed)?;
    let role = current_role.as_deref().unwrap_or_default();
    if flag(3).map_err(&failed)? != Some(true) {
        gaps.push(
            Gap::new(
                "hidden settings",
                format!("The role \"{role}\" may not see settings that the server keeps for superusers."),
                format!("run GRANT pg_read_all_settings TO {};", identifier(role)),
            )
            .for_needs(&[Need::Cluster]),
        );
    }
    let system_identifier = match system_identifier(client).await {
        Ok(identifier) => identifier,
        Err(error) => {
            let error = server_error(&error);
            let hint = format!("run GRANT EXECUTE ON FUNCTION pg_control_system() TO {};", identifier(role));
            let why = format!("The server does not tell its identity: {}.", error.message);
            gaps.push(Gap::new("system identifier", why, hint));
            None
        }
    };
    let cluster = Cluster {
        version,
        system_identifier,
        settings: settings(&rows[1]).map_err(&failed)?,
        roles: roles(&rows[3]).map_err(&failed)?,
        memberships: memberships(&rows[4]).map_err(&failed)?,
        databases: rows[5].iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(&failed)?,
        encrypted: flag(2).map_err(&failed)?,
        in_recovery: flag(1).map_err(&failed)? == Some(true),
        current_role,
    };
    Ok((cluster, gaps))
}

/// The server prints the unsigned number as a signed one.
async fn system_identifier(client: &Client) -> Result<Option<u64>, Error> {
    let rows = pipeline(client, &[BEGIN, IDENTIFIER_SQL, COMMIT], 0..0, &[]).await?;
    let read = |row: &Row| row.try_get::<_, i64>(0).map(i64::cast_unsigned);
    rows[1].first().map(read).transpose()
}

fn settings(rows: &[Row]) -> Result<BTreeMap<String, ServerSetting>, Error> {
    let mut settings = BTreeMap::new();
    for row in rows {
        let name: String = row.try_get(0)?;
        if OWN_SETTINGS.contains(&name.as_str()) {
            continue;
        }
        let setting = ServerSetting {
            value: row.try_get::<_, Option<String>>(1)?.unwrap_or_default(),
            unit: row.try_get(2)?,
            source: row.try_get(3)?,
        };
        settings.insert(name, setting);
    }
    Ok(settings)
}

fn roles(rows: &[Row]) -> Result<Vec<Role>, Error> {
    rows.iter()
        .map(|row| {
            Ok(Role {
                name: row.try_get(0)?,
                superuser: row.try_get(1)?,
                login: row.try_get(2)?,
                create_role: row.try_get(3)?,
                create_database: row.try_get(4)?,
                replication: row.try_get(5)?,
                bypass_row_security: row.try_get(6)?,
                inherit: row.try_get(7)?,
                connection_limit: row.try_get(8)?,
                settings: row.try_get::<_, Option<Vec<String>>>(9)?.unwrap_or_default(),
            })
        })
        .collect()
}

fn memberships(rows: &[Row]) -> Result<Vec<Membership>, Error> {
    rows.iter()
        .map(|row| Ok(Membership { role: row.try_get(0)?, member: row.try_get(1)?, admin: row.try_get(2)? }))
        .collect()
}
