//! What migration rules share: the statements to judge, whom a lock or a scan can hurt, how much, and the words
//! for it.

use pgsteward_model::catalog::{QName, Table, TableKind};
use pgsteward_model::effect::{Age, Touch};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::{ObjectKind, ObjectRef, Place};
use pgsteward_model::rule::Rule;
use pgsteward_model::statement::{AlterAction, AlterTable, Name, Statement};

/// Every statement that may be judged, with its file, in the order they run.
pub(super) fn statements(facts: &Facts) -> impl Iterator<Item = (&MigrationFile, &MigrationStatement)> {
    let history = facts.history.as_ref();
    history
        .into_iter()
        .flat_map(|history| history.judged())
        .flat_map(|file| file.statements.iter().map(move |statement| (file, statement)))
}

/// The statement in its file, with the object it is about.
pub(super) fn place(
    facts: &Facts,
    file: &MigrationFile,
    statement: &MigrationStatement,
    object: ObjectRef,
) -> Place {
    Place::file(facts.sources.range(&file.path, statement.span)).with_object(object)
}

/// A judged statement that meets a relation which may hold rows and be in use.
#[derive(Clone, Copy)]
pub(super) struct Hit<'a> {
    pub(super) facts: &'a Facts,
    pub(super) file: &'a MigrationFile,
    pub(super) statement: &'a MigrationStatement,
    pub(super) touch: &'a Touch,
}

/// What a lock costs those who wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// It is held for work that grows with the table.
    Work,
    /// It is held for an instant: only the queue before it costs anything.
    Instant,
}

impl<'a> Hit<'a> {
    pub(super) fn new(
        facts: &'a Facts,
        file: &'a MigrationFile,
        statement: &'a MigrationStatement,
        touch: &'a Touch,
    ) -> Option<Hit<'a>> {
        populated(facts, touch).then_some(Hit { facts, file, statement, touch })
    }

    /// The hit on the relation that the statement names.
    pub(super) fn on(
        facts: &'a Facts,
        file: &'a MigrationFile,
        statement: &'a MigrationStatement,
        name: &Name,
    ) -> Option<Hit<'a>> {
        Hit::new(facts, file, statement, touch_of(statement, name)?)
    }

    /// The table, for messages.
    pub(super) fn table(&self) -> String {
        self.touch.relation.display()
    }

    /// The table as it was before the statement.
    pub(super) fn before(&self) -> Option<&'a Table> {
        self.touch.before.as_deref()
    }

    pub(super) fn part(&self, kind: ObjectKind, name: &str) -> ObjectRef {
        part(&self.touch.relation, kind, name)
    }

    pub(super) fn table_object(&self) -> ObjectRef {
        table_object(&self.touch.relation)
    }

    pub(super) fn column(&self, column: &str) -> ObjectRef {
        ObjectRef::column(&self.touch.relation.namespace, &self.touch.relation.name, column)
    }

    /// A finding at the statement, as severe as the table is large, with the lock and the size as evidence.
    pub(super) fn finding(
        &self,
        rule: &Rule,
        cost: Cost,
        object: ObjectRef,
        message: impl Into<String>,
        detail: &str,
    ) -> Finding {
        let touch = self.touch;
        let mut finding = Finding::on_statement(
            rule,
            &self.file.name,
            &self.statement.fingerprint,
            place(self.facts, self.file, self.statement, object),
            message,
        )
        .severity(severity(self.facts, touch, cost))
        .evidence(lock_evidence(touch));
        let mut sentences = vec![detail.to_owned()];
        if let Some(size) = size_of(self.facts, &touch.relation) {
            let relation = touch.relation.display();
            if let Some(rows) = size.rows {
                finding = finding.evidence(Evidence::Rows { relation: relation.clone(), rows });
            }
            finding = finding.evidence(Evidence::Size { relation, bytes: size.bytes });
            sentences.push(format!("\"{}\" holds {}.", self.table(), size.words()));
        }
        if self.unguarded() {
            sentences.push(
                "No lock_timeout is set: while the statement waits for its lock, all that comes later waits behind it."
                    .to_owned(),
            );
        }
        finding.detail(sentences.join(" "))
    }

    /// The lock stops readers or writers, and nothing limits the wait for it.
    fn unguarded(&self) -> bool {
        self.touch.lock.blocks_writes() && self.statement.lock_timeout_ms.is_none_or(|timeout| timeout == 0)
    }
}

pub(super) fn part(relation: &QName, kind: ObjectKind, name: &str) -> ObjectRef {
    ObjectRef::of_relation(kind, &relation.namespace, &relation.name, name)
}

pub(super) fn table_object(relation: &QName) -> ObjectRef {
    ObjectRef::relation(ObjectKind::Table, &relation.namespace, &relation.name)
}

pub(super) fn lock_evidence(touch: &Touch) -> Evidence {
    Evidence::Lock {
        relation: touch.relation.display(),
        mode: touch.lock,
        blocks_reads: touch.lock.blocks_reads(),
        blocks_writes: touch.lock.blocks_writes(),
    }
}

/// What waits for the lock of a touch: "SELECT, INSERT, UPDATE and DELETE wait".
pub(super) fn waits(touch: &Touch) -> &'static str {
    match (touch.lock.blocks_reads(), touch.lock.blocks_writes()) {
        (true, _) => "SELECT, INSERT, UPDATE and DELETE wait",
        (false, true) => "INSERT, UPDATE and DELETE wait",
        (false, false) => "other schema changes wait",
    }
}

/// With the answer of the lab's server, where it refused just this statement for just this reason: then the failure is
/// certain, and `migration-fails` leaves it to the rule that foresaw it.
pub(super) fn answered(
    facts: &Facts,
    file: &MigrationFile,
    statement: &MigrationStatement,
    sqlstate: &str,
    finding: Finding,
) -> Finding {
    let replay = facts.history.as_ref().and_then(|history| history.replay.as_ref());
    let failure = replay.and_then(|replay| replay.failures.get(&file.name));
    match failure {
        Some(failure)
            if failure.error.sqlstate == sqlstate
                && statement.span.start <= failure.span.start
                && failure.span.start < statement.span.end =>
        {
            finding.severity(Severity::Error).evidence(Evidence::ServerError(failure.error.clone()))
        }
        _ => finding,
    }
}

/// What a statement does to the relation it names. A name without a namespace is found under the search path that
/// held, which only the effect knows.
pub(super) fn touch_of<'a>(statement: &'a MigrationStatement, name: &Name) -> Option<&'a Touch> {
    let effect = &statement.effect;
    effect.touch(&name.qualified()).or_else(|| {
        let same_name = |touch: &&Touch| touch.relation.name == name.name;
        if name.namespace.is_some() { None } else { effect.touches.iter().find(same_name) }
    })
}

/// Every `ALTER TABLE` on a table that may hold rows.
pub(super) fn alters(facts: &Facts) -> impl Iterator<Item = (Hit<'_>, &AlterTable)> {
    statements(facts).filter_map(|(file, statement)| match &statement.statement {
        Statement::AlterTable(alter) => Some((Hit::on(facts, file, statement, &alter.name)?, alter)),
        _ => None,
    })
}

/// The same, action by action, with the action's place among its neighbours.
pub(super) fn actions(facts: &Facts) -> impl Iterator<Item = (Hit<'_>, &AlterTable, usize, &AlterAction)> {
    alters(facts).flat_map(|(hit, alter)| {
        alter.actions.iter().enumerate().map(move |(at, action)| (hit, alter, at, action))
    })
}

/// Whether a lock or a scan on the relation can hurt anyone: it was there before this deploy, and nothing
/// shows that it is empty. What is not known to be harmless counts as populated.
pub(super) fn populated(facts: &Facts, touch: &Touch) -> bool {
    match touch.age {
        Age::SameFile | Age::SameDeploy => false,
        Age::Earlier | Age::Unknown => !size_of(facts, &touch.relation).is_some_and(Size::is_empty),
    }
}

/// The touch costs work that grows with the table, and someone waits for it.
pub(super) fn works(touch: &Touch) -> bool {
    touch.rewrite.is_some() || touch.scan.is_some() || touch.builds_index
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Size {
    pub(super) rows: Option<f64>,
    pub(super) bytes: u64,
}

impl Size {
    const SMALL_ROWS: f64 = 10_000.0;
    const SMALL_BYTES: u64 = 8 << 20;
    const LARGE_ROWS: f64 = 1_000_000.0;
    const LARGE_BYTES: u64 = 1 << 30;

    /// `reltuples` of zero is what ANALYZE found; bytes of zero need no ANALYZE at all.
    fn is_empty(self) -> bool {
        self.bytes == 0 || self.rows == Some(0.0)
    }

    /// Read and written anew within some milliseconds.
    fn is_small(self) -> bool {
        self.bytes < Size::SMALL_BYTES && self.rows.is_none_or(|rows| rows < Size::SMALL_ROWS)
    }

    /// Work on it lasts longer than a request may.
    fn is_large(self) -> bool {
        self.bytes > Size::LARGE_BYTES || self.rows.is_some_and(|rows| rows > Size::LARGE_ROWS)
    }

    fn words(self) -> String {
        let bytes = match self.bytes {
            bytes if bytes >= 1 << 30 => format!("{:.1} GB", bytes as f64 / f64::from(1 << 30)),
            bytes if bytes >= 1 << 20 => format!("{:.0} MB", bytes as f64 / f64::from(1 << 20)),
            bytes => format!("{} kB", bytes.div_ceil(1 << 10)),
        };
        match self.rows {
            Some(rows) => format!("about {rows:.0} rows in {bytes}"),
            None => bytes,
        }
    }
}

/// What the statistics of a live server say; a partitioned table is as large as its partitions together.
pub(super) fn size_of(facts: &Facts, relation: &QName) -> Option<Size> {
    if !facts.has(Need::Statistics) {
        return None;
    }
    let catalog = facts.catalog()?;
    let table = catalog.table(relation)?;
    if table.kind != TableKind::Partitioned {
        let statistics = table.statistics.as_ref()?;
        return Some(Size { rows: statistics.rows, bytes: statistics.bytes });
    }
    let children = catalog
        .tables
        .values()
        .filter(|child| child.partition_of.as_ref().is_some_and(|of| of.parent == *relation));
    children.map(|child| size_of(facts, &child.name)).try_fold(
        Size { rows: Some(0.0), bytes: 0 },
        |sum, child| {
            let child = child?;
            let rows = sum.rows.zip(child.rows).map(|(sum, rows)| sum + rows);
            Some(Size { rows, bytes: sum.bytes + child.bytes })
        },
    )
}

/// Warning where the size is unknown; with statistics, as severe as the table is large. An instant's lock is never
/// more than a note.
pub(super) fn severity(facts: &Facts, touch: &Touch, cost: Cost) -> Severity {
    match (cost, size_of(facts, &touch.relation)) {
        (Cost::Instant, _) => Severity::Info,
        (Cost::Work, Some(size)) if size.is_small() => Severity::Info,
        (Cost::Work, Some(size)) if size.is_large() => Severity::Error,
        (Cost::Work, _) => Severity::Warning,
    }
}

/// The statements of a file by the transactions they run in, as the runner's regime and explicit `COMMIT`s make them.
pub(super) fn transactions(file: &MigrationFile) -> Vec<&[MigrationStatement]> {
    let mut transactions = Vec::new();
    let mut start = 0;
    for (at, statement) in file.statements.iter().enumerate() {
        let ends = statement.own_transaction
            || matches!(statement.statement, Statement::Commit | Statement::Rollback)
            || file.statements.get(at + 1).is_none_or(|next| next.own_transaction);
        if ends {
            transactions.extend(file.statements.get(start..=at));
            start = at + 1;
        }
    }
    transactions
}

/// Whether the file's statements before and after share this one's transaction.
pub(super) fn neighbours<'a>(
    file: &'a MigrationFile,
    statement: &MigrationStatement,
) -> &'a [MigrationStatement] {
    let of =
        |transaction: &&[MigrationStatement]| transaction.iter().any(|other| other.span == statement.span);
    transactions(file).into_iter().find(of).unwrap_or(&[])
}

/// The end of a statement's first words, for messages about statements of any kind: `UPDATE`, `CREATE INDEX`.
pub(super) fn verb(statement: &Statement) -> &'static str {
    match statement {
        Statement::AlterTable(_) => "ALTER TABLE",
        Statement::CreateIndex(_) => "CREATE INDEX",
        Statement::Update { .. } => "UPDATE",
        Statement::Delete { .. } => "DELETE",
        Statement::Insert { .. } => "INSERT",
        Statement::Merge { .. } => "MERGE",
        Statement::Reindex { .. } => "REINDEX",
        Statement::RefreshMaterializedView { .. } => "REFRESH MATERIALIZED VIEW",
        Statement::Cluster { .. } => "CLUSTER",
        Statement::CreateView { .. } => "CREATE MATERIALIZED VIEW",
        Statement::AlterDomain { .. } => "ALTER DOMAIN",
        Statement::Copy { .. } => "COPY",
        _ => "a statement",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pgsteward_model::catalog::{Catalog, PartitionOf, TableStatistics};
    use pgsteward_model::facts::{CatalogFacts, CatalogOrigin};
    use pgsteward_model::lock::LockMode;
    use pgsteward_model::version::ServerVersion;

    use super::*;

    fn facts(tables: Vec<Table>) -> Facts {
        let mut catalog = Catalog::empty(ServerVersion::of_major(17));
        for table in tables {
            catalog.tables.insert(table.name.clone(), Arc::new(table));
        }
        Facts { catalog: Some(CatalogFacts { catalog, origin: CatalogOrigin::Live }), ..Facts::default() }
    }

    fn table(name: &str, rows: f64, bytes: u64) -> Table {
        let statistics = TableStatistics { rows: Some(rows), bytes, ..TableStatistics::default() };
        Table { statistics: Some(statistics), ..Table::new(QName::public(name)) }
    }

    fn touch(name: &str, age: Age) -> Touch {
        Touch {
            relation: QName::public(name),
            lock: LockMode::AccessExclusive,
            rewrite: None,
            scan: None,
            builds_index: false,
            age,
            before: None,
        }
    }

    #[test]
    fn size_sets_the_severity() {
        let facts = facts(vec![
            table("empty", 0.0, 8192),
            table("small", 300.0, 65_536),
            table("middle", 200_000.0, 90 << 20),
            table("large", 4e6, 700 << 20),
            table("wide", 100.0, 3 << 30),
        ]);
        let of = |name: &str| severity(&facts, &touch(name, Age::Earlier), Cost::Work);
        assert!(!populated(&facts, &touch("empty", Age::Earlier)));
        assert_eq!(of("small"), Severity::Info);
        assert_eq!(of("middle"), Severity::Warning);
        assert_eq!(of("large"), Severity::Error);
        assert_eq!(of("wide"), Severity::Error);
        assert_eq!(of("unknown"), Severity::Warning);
        assert_eq!(severity(&facts, &touch("large", Age::Earlier), Cost::Instant), Severity::Info);
        assert!(!populated(&facts, &touch("large", Age::SameDeploy)));
    }

    #[test]
    fn a_partitioned_table_is_as_large_as_its_partitions() {
        let parent = Table { kind: TableKind::Partitioned, ..Table::new(QName::public("event")) };
        let of = PartitionOf { parent: parent.name.clone(), bound: "DEFAULT".into() };
        let part = |name: &str| Table { partition_of: Some(of.clone()), ..table(name, 6e5, 1 << 20) };
        let facts = facts(vec![parent, part("event_1"), part("event_2")]);
        let size = size_of(&facts, &QName::public("event")).unwrap();
        assert_eq!(size, Size { rows: Some(1.2e6), bytes: 2 << 20 });
        assert_eq!(size.words(), "about 1200000 rows in 2 MB");
    }
}
