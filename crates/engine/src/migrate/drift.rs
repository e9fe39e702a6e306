//! Whether the database is what its history makes: the applied migrations are replayed in the lab, and everything that
//! the catalog knows is compared, also what no Prisma schema can say. What a history makes is remembered, so that a
//! database that has exactly that needs no lab.

mod remembered;

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::catalog_compare::{ColumnOrder, differences, schema_only};
use pgsteward_model::migration::OWN_TABLES;
use pgsteward_pg::{ReadSession, Witness, WriteSession};

use super::error::MigrateError;
use super::project::{MigrateProject, MigrationFolder};
use super::server;
use super::shadow::{Script, Shadow, ToReplay, without_external};
use super::squash;
use crate::Progress;
use crate::collect::LabWish;
use remembered::Remembered;

/// What the comparison came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// Sorted lines; none: equal.
    Differences(Vec<String>),
    /// Why it was not compared.
    Not(String),
}

/// The applied migrations of a project, in the order that they ran, and where unqualified names go.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) project: &'a MigrateProject,
    pub(super) namespace: &'a str,
    pub(super) applied: &'a [&'a MigrationFolder],
}

impl Made<'_> {
    /// Holds `live`, which was read without statistics, against what the migrations make. The histories' tables do not
    /// count.
    pub(super) async fn compare(&self, live: &Catalog, wish: &LabWish, progress: &dyn Progress) -> Compared {
        let plain = self.comparable(live);
        let remembered = Remembered::of(self, live.version.major());
        if remembered.as_ref().is_some_and(|known| known.has(&plain)) {
            return Compared::Differences(Vec::new());
        }
        let wish = LabWish { major: wish.major.or(Some(live.version.major())), ..wish.clone() };
        let not = |why: String| Compared::Not(format!("drift was not looked for: {why}"));
        let in_words = |error: MigrateError| {
            let hint = error.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{}{hint}", error.message.replace('\n', " "))
        };
        let init = self.project.init_shadow_db();
        let scripts: Vec<Script<'_>> =
            self.applied.iter().map(|folder| Script { name: &folder.name, text: folder.script() }).collect();
        // The files are read while the lab starts.
        let read = async { ToReplay::read(init.as_deref(), &scripts, live.version) };
        let starting = Shadow::start(&wish, self.namespace, init.clone(), progress);
        let (shadow, read) = tokio::join!(starting, read);
        let shadow = match shadow {
            Ok(shadow) => shadow,
            Err(error) => return not(in_words(error)),
        };
        if shadow.version().major() != live.version.major() {
            return not(format!(
                "the lab has PostgreSQL {} and the server is {}",
                shadow.version(),
                live.version
            ));
        }
        let replayed = match shadow.replay_what_ran(&read, progress).await {
            Ok(replayed) => replayed,
            Err(error) => return not(in_words(error)),
        };
        if let Some(lost) = left_out(&replayed.notes) {
            return not(lost.to_owned());
        }
        let made = self.comparable(&replayed.catalog);
        let found = lines(&made, &plain);
        if let Some(known) = remembered {
            // Columns in another order are no difference, and another text.
            let equal = found.is_empty().then_some(&plain);
            known.add([Some(&made), equal].into_iter().flatten());
        }
        Compared::Differences(found)
    }

    /// Keeps what a replay in the lab has made, unless the lab left something out.
    pub(super) fn remember(&self, made: &Catalog, notes: &[String]) {
        if let (None, Some(known)) = (left_out(notes), Remembered::of(self, made.version.major())) {
            known.add([&self.comparable(made)].into_iter());
        }
    }

    /// Keeps the fingerprint of a database that nobody but these migrations has made anything in. Where the server does not
    /// say, nothing is kept, and the deploy is as good without.
    pub(super) async fn saw(&self, session: &WriteSession, witness: Witness) {
        if let Ok(Some(fingerprint)) = witness.end(session).await
            && let Some(known) = Remembered::of(self, session.version().major())
        {
            known.saw(&fingerprint);
        }
    }

    /// Whether a deploy has seen the database become what it is, so that `live`, which was read since, is what the
    /// migrations make. Then it is remembered as that.
    pub(super) async fn was_seen(&self, session: &ReadSession, live: &Catalog) {
        let Some(known) = Remembered::of(self, live.version.major()) else { return };
        let plain = self.comparable(live);
        if !known.was_any_seen() || known.has(&plain) {
            return;
        }
        // Nothing has touched the schema between the deploy and now: neither before nor after it was read.
        if session.fingerprint().await.is_ok_and(|now| known.was_seen(&now)) {
            known.add([&plain].into_iter());
        }
    }

    fn comparable(&self, catalog: &Catalog) -> Catalog {
        let plain = comparable(catalog, &server::namespaces(self.project, self.namespace));
        match &self.project.config {
            Some(config) => without_external(&plain, &config.external_tables, &config.external_enums),
            None => plain,
        }
    }
}

/// A witness of what the migrations are about to make, where that can be told from what else there is: in a database that
/// holds nothing yet, and without squashed migrations, which need not run.
pub(super) async fn begin(
    session: &WriteSession,
    project: &MigrateProject,
    folders: &[MigrationFolder],
) -> Option<Witness> {
    // A lab begins with what no deploy runs.
    let prepared = project.init_shadow_db().is_some_and(|sql| !sql.trim().is_empty());
    if prepared || folders.is_empty() || !squash::joined(folders).is_empty() {
        return None;
    }
    // A server that does not say needs no error: a connection that broke shows with the next message.
    Witness::begin(session).await.ok().flatten()
}

/// Where a comparable catalog of a database is not that of its history: a line an object.
pub(super) fn lines(history: &Catalog, live: &Catalog) -> Vec<String> {
    differences(history, live, ColumnOrder::Ignored)
        .iter()
        .map(|difference| {
            let what = match difference.what.as_str() {
                "only before" => "is missing in the database".to_owned(),
                "only after" => "is in the database and in no migration".to_owned(),
                // Values follow; the first is the history's.
                other => format!("history and database differ: {other}"),
            };
            format!("{}: {what}", difference.object)
        })
        .collect()
}

/// The first thing that a replay lacks; roles are no part of a comparison.
pub(super) fn left_out(notes: &[String]) -> Option<&str> {
    notes.iter().map(String::as_str).find(|note| !note.starts_with("the lab left out role "))
}

/// Tables in which runners of migrations keep their history: our own, that of our backfills, and those of dbmate and golang-migrate, goose,
/// sqlx, node-pg-migrate, Flyway and diesel, which a project may come from.
pub(super) const HISTORIES: [&str; 9] = [
    "_prisma_migrations",
    OWN_TABLES[0],
    OWN_TABLES[1],
    "schema_migrations",
    "goose_db_version",
    "_sqlx_migrations",
    "pgmigrations",
    "flyway_schema_history",
    "__diesel_schema_migrations",
];

/// What both sides can have: no owners and grants, none of the tables that hold histories, and only the namespaces
/// of the project.
pub(super) fn comparable(catalog: &Catalog, namespaces: &[String]) -> Catalog {
    let mut plain = schema_only(catalog);
    let of_project = |namespace: &str| namespaces.iter().any(|name| name == namespace);
    plain.tables.retain(|name, _| of_project(&name.namespace) && !HISTORIES.contains(&name.name.as_str()));
    plain.views.retain(|name, _| of_project(&name.namespace));
    let of_history = |owner: &(QName, String)| HISTORIES.contains(&owner.0.name.as_str());
    plain.sequences.retain(|name, sequence| {
        of_project(&name.namespace) && !sequence.owned_by.as_ref().is_some_and(of_history)
    });
    plain.enums.retain(|name, _| of_project(&name.namespace));
    plain.domains.retain(|name, _| of_project(&name.namespace));
    plain.composites.retain(|name, _| of_project(&name.namespace));
    plain.ranges.retain(|name, _| of_project(&name.namespace));
    plain.functions.retain(|id, _| of_project(&id.name.namespace));
    plain
        .statistics_objects
        .retain(|name, one| of_project(&name.namespace) && !HISTORIES.contains(&one.on.name.as_str()));
    // Managed servers come with extensions of their own, and the namespace `public` with comments and owners.
    plain.extensions.clear();
    plain.namespaces.clear();
    // An index that is being built or failed is told apart by itself.
    for table in plain.tables.values_mut().map(std::sync::Arc::make_mut) {
        for index in &mut table.indexes {
            index.valid = true;
        }
    }
    plain
}
