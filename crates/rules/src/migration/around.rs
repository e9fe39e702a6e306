//! What stands around a statement in its file: what the file makes, drops and moves away. A change that another
//! statement of the same file prepares or takes back is no change to those who use the database.

use pgsteward_model::catalog::{QName, Table};
use pgsteward_model::effect::{Age, Touch};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Evidence, Finding};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::{ObjectKind, ObjectRef, Place};
use pgsteward_model::rule::Rule;
use pgsteward_model::statement::{AlterAction, AlterTable, Statement};

use super::shared;

/// The relation may be used by an application that runs while the migration does.
pub(super) fn in_use(touch: &Touch) -> bool {
    matches!(touch.age, Age::Earlier | Age::Unknown)
}

/// A finding at a statement, about an object.
pub(super) fn finding(
    facts: &Facts,
    rule: &Rule,
    file: &MigrationFile,
    statement: &MigrationStatement,
    object: ObjectRef,
    message: impl Into<String>,
) -> Finding {
    let place = shared::place(facts, file, statement, object);
    Finding::on_statement(rule, &file.name, &statement.fingerprint, place, message)
}

/// A finding at a statement that no object stands for.
pub(super) fn finding_here(
    facts: &Facts,
    rule: &Rule,
    file: &MigrationFile,
    statement: &MigrationStatement,
    message: impl Into<String>,
) -> Finding {
    let place = Place::file(facts.sources.range(&file.path, statement.span));
    Finding::on_statement(rule, &file.name, &statement.fingerprint, place, message)
}

/// With the rows of the table, where a live server told them.
pub(super) fn with_rows(facts: &Facts, relation: &QName, finding: Finding) -> Finding {
    match shared::size_of(facts, relation).and_then(|size| size.rows) {
        Some(rows) => finding.evidence(Evidence::Rows { relation: relation.to_string(), rows }),
        None => finding,
    }
}

/// The statement as it was written.
pub(super) fn text<'a>(facts: &'a Facts, file: &MigrationFile, statement: &MigrationStatement) -> &'a str {
    facts.sources.get(&file.path).map_or("", |source| source.slice(statement.span))
}

/// An `ALTER TABLE` on a table in use, with its place in the file.
pub(super) struct Alteration<'a> {
    pub(super) file: &'a MigrationFile,
    pub(super) at: usize,
    pub(super) statement: &'a MigrationStatement,
    pub(super) alter: &'a AlterTable,
    pub(super) touch: &'a Touch,
}

impl<'a> Alteration<'a> {
    pub(super) fn table(&self) -> String {
        self.touch.relation.display()
    }

    /// The table as it was before the statement.
    pub(super) fn before(&self) -> Option<&'a Table> {
        self.touch.before.as_deref()
    }

    pub(super) fn column(&self, column: &str) -> ObjectRef {
        column_object(&self.touch.relation, column)
    }

    /// The column was there before the file: it is in the table, and no earlier statement of the file made it.
    pub(super) fn has_old_column(&self, column: &str) -> bool {
        self.before().is_none_or(|table| table.column(column).is_some())
            && !made(before(self.file, self.at), &self.column(column))
    }

    /// A later statement of the file (or this one) drops the column or its table.
    pub(super) fn goes(&self, column: &str) -> bool {
        let rest = from(self.file, self.at);
        drops(rest, &self.column(column)) || drops(rest, &shared::table_object(&self.touch.relation))
    }

    pub(super) fn finding(
        &self,
        facts: &Facts,
        rule: &Rule,
        object: ObjectRef,
        message: impl Into<String>,
    ) -> Finding {
        finding(facts, rule, self.file, self.statement, object, message)
    }
}

/// Every judged `ALTER TABLE` on a table in use.
pub(super) fn alterations(facts: &Facts) -> impl Iterator<Item = Alteration<'_>> {
    let files = facts.history.iter().flat_map(|history| history.judged());
    files.flat_map(|file| {
        file.statements.iter().enumerate().filter_map(move |(at, statement)| {
            let Statement::AlterTable(alter) = &statement.statement else { return None };
            let touch = shared::touch_of(statement, &alter.name).filter(|touch| in_use(touch))?;
            Some(Alteration { file, at, statement, alter, touch })
        })
    })
}

/// Every judged statement with its file and its place there.
pub(super) fn numbered(facts: &Facts) -> impl Iterator<Item = (&MigrationFile, usize, &MigrationStatement)> {
    let files = facts.history.iter().flat_map(|history| history.judged());
    files
        .flat_map(|file| file.statements.iter().enumerate().map(move |(at, statement)| (file, at, statement)))
}

/// The statements before one.
pub(super) fn before(file: &MigrationFile, at: usize) -> &[MigrationStatement] {
    file.statements.get(..at).unwrap_or(&[])
}

/// A statement and those that follow.
pub(super) fn from(file: &MigrationFile, at: usize) -> &[MigrationStatement] {
    file.statements.get(at..).unwrap_or(&[])
}

pub(super) fn made(statements: &[MigrationStatement], object: &ObjectRef) -> bool {
    statements.iter().any(|statement| statement.effect.created.contains(object))
}

pub(super) fn drops(statements: &[MigrationStatement], object: &ObjectRef) -> bool {
    statements.iter().any(|statement| statement.effect.dropped.contains(object))
}

/// Something takes the name: a new object, or another that is renamed to it. A view can stand in for a table.
pub(super) fn filled(statements: &[MigrationStatement], object: &ObjectRef) -> bool {
    let stands_in = |other: &ObjectRef| {
        other == object
            || (is_relation(object.kind)
                && is_relation(other.kind)
                && other.namespace == object.namespace
                && other.relation == object.relation)
    };
    statements.iter().any(|statement| {
        statement.effect.created.iter().any(stands_in)
            || statement.effect.renamed.iter().any(|(_, to)| stands_in(to))
    })
}

fn is_relation(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Table | ObjectKind::View | ObjectKind::MaterializedView)
}

pub(super) fn column_object(relation: &QName, column: &str) -> ObjectRef {
    ObjectRef::column(&relation.namespace, &relation.name, column)
}

/// The name of a relation's object.
pub(super) fn relation_of(object: &ObjectRef) -> Option<QName> {
    Some(QName::new(object.namespace.clone()?, object.relation.clone()?))
}

/// Actions of `ALTER TABLE` on a table in some statements.
pub(super) fn actions_on<'a>(
    statements: &'a [MigrationStatement],
    relation: &'a QName,
) -> impl Iterator<Item = &'a AlterAction> {
    statements.iter().flat_map(move |statement| {
        let alter = match &statement.statement {
            Statement::AlterTable(alter)
                if shared::touch_of(statement, &alter.name)
                    .is_some_and(|touch| touch.relation == *relation) =>
            {
                Some(alter)
            }
            _ => None,
        };
        alter.into_iter().flat_map(|alter| &alter.actions)
    })
}

/// An `UPDATE` in some statements sets the column.
pub(super) fn updates(statements: &[MigrationStatement], relation: &QName, column: &str) -> bool {
    statements.iter().any(|statement| match &statement.statement {
        Statement::Update { table, columns, .. } => {
            columns.iter().any(|name| name == column)
                && shared::touch_of(statement, table).is_some_and(|touch| touch.relation == *relation)
        }
        _ => false,
    })
}

/// The name that a column has at the end of the file.
pub(super) fn final_name(file: &MigrationFile, relation: &QName, column: &str) -> String {
    let mut name = column.to_owned();
    for action in actions_on(&file.statements, relation) {
        if let AlterAction::RenameColumn { from, to } = action
            && *from == name
        {
            name.clone_from(to);
        }
    }
    name
}

/// The name that a table has at the end of the file.
pub(super) fn final_table(file: &MigrationFile, relation: &QName) -> QName {
    let mut name = relation.clone();
    for (from, to) in file.statements.iter().flat_map(|statement| &statement.effect.renamed) {
        if from.kind == ObjectKind::Table
            && relation_of(from).as_ref() == Some(&name)
            && let Some(to) = relation_of(to)
        {
            name = to;
        }
    }
    name
}

/// An earlier statement copies rows, and its text has all of these words: what it read is not lost.
pub(super) fn copied(facts: &Facts, file: &MigrationFile, at: usize, words: &[&str]) -> bool {
    before(file, at).iter().any(|statement| {
        let copies = match &statement.statement {
            Statement::Insert { from_select, .. } => *from_select,
            Statement::CreateTable(create) => create.from_query,
            Statement::Update { .. } => true,
            _ => false,
        };
        copies && words.iter().all(|word| text(facts, file, statement).contains(word))
    })
}

/// An earlier statement of the file removes every row of the table.
pub(super) fn emptied(file: &MigrationFile, at: usize, relation: &QName) -> bool {
    before(file, at).iter().any(|statement| match &statement.statement {
        Statement::Delete { table, has_where: false, .. } => {
            shared::touch_of(statement, table).is_some_and(|touch| touch.relation == *relation)
        }
        Statement::Truncate { .. } => statement.effect.touch(relation).is_some(),
        _ => false,
    })
}
