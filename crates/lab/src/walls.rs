//! The walls around hostile SQL that stand inside the server: the role it runs as, the extensions it may
//! have, the settings it lives under. The walls outside (time, disk, processes) are in `watchdog` and
//! `cluster`.

use pgsteward_model::version::ServerVersion;

/// Superuser of every lab server. Repository SQL never runs as this role.
pub(crate) const SUPERUSER: &str = "pgsteward";

/// Owner of every lab database, without any right beyond it. It bears the name that dumps and hand-written
/// migrations use most for an owner, so that their `OWNER TO postgres` works, but it is no superuser.
pub const OWNER: &str = "postgres";

/// Extensions that may be made in a lab. None of them brings a programming language, reads or writes files
/// or opens connections. Sources: PostgreSQL documentation, appendix "Additional Supplied Modules"; the
/// control files (`trusted`) of 13 to 18.
pub(crate) const EXTENSIONS: &[&str] = &[
    "bloom",
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "dict_int",
    "dict_xsyn",
    "earthdistance",
    "fuzzystrmatch",
    "hstore",
    "intarray",
    "isn",
    "lo",
    "ltree",
    "moddatetime",
    "pg_stat_statements",
    "pg_trgm",
    "pg_uuidv7",
    "pgcrypto",
    "plpgsql",
    "seg",
    "tablefunc",
    "tcn",
    "tsm_system_rows",
    "tsm_system_time",
    "unaccent",
    "uuid-ossp",
    "vector",
];

/// What is run once in `template1`, as single-user mode wants it: a statement ends at a semicolon and an
/// empty line.
pub(crate) fn setup_sql(version: ServerVersion) -> String {
    let mut sql: String = include_str!("walls.sql").to_owned();
    for name in EXTENSIONS {
        sql.push_str(&format!("INSERT INTO pg_lab.allowed_extension VALUES ('{name}');\n\n"));
    }
    // Nobody needs it here, and it is a third of what each lab copies.
    sql.push_str("UPDATE pg_database SET datistemplate = false WHERE datname = 'template0';\n\n");
    sql.push_str("DROP DATABASE template0;\n\n");
    // From 15 on the owner of the database owns "public" through pg_database_owner.
    if version.major() < 15 {
        sql.push_str(&format!("ALTER SCHEMA public OWNER TO {OWNER};\n\n"));
    }
    sql
}

/// `postgresql.conf` of a lab server. Speed before safety of data: nothing here outlives the process.
pub(crate) fn settings(
    socket_folder: &str,
    port: u16,
    dynamic_memory: &str,
    temp_file_limit_kb: u64,
) -> String {
    let quoted = socket_folder.replace('\'', "''");
    format!(
        "listen_addresses = ''\n\
         unix_socket_directories = '{quoted}'\n\
         unix_socket_permissions = 0700\n\
         port = {port}\n\
         max_connections = 40\n\
         superuser_reserved_connections = 5\n\
         shared_buffers = 32MB\n\
         huge_pages = off\n\
         dynamic_shared_memory_type = {dynamic_memory}\n\
         max_locks_per_transaction = 512\n\
         fsync = off\n\
         synchronous_commit = off\n\
         full_page_writes = off\n\
         wal_level = minimal\n\
         max_wal_senders = 0\n\
         max_replication_slots = 0\n\
         max_wal_size = 512MB\n\
         checkpoint_timeout = 1h\n\
         autovacuum = off\n\
         bgwriter_lru_maxpages = 0\n\
         max_logical_replication_workers = 0\n\
         jit = off\n\
         temp_file_limit = {temp_file_limit_kb}kB\n\
         logging_collector = off\n\
         log_destination = 'stderr'\n\
         log_min_messages = error\n\
         log_min_error_statement = panic\n\
         log_checkpoints = off\n\
         lc_messages = 'C'\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         datestyle = 'iso, mdy'\n\
         default_text_search_config = 'pg_catalog.english'\n"
    )
}
