//! `INSERT`: one row, several rows, and `ON CONFLICT`.

use std::sync::Arc;

use pgsteward_model::code::{Purpose, StatementKind};
use pgsteward_model::prisma::{Arity, Field, Model};

use super::column::{all_selected, parameter};
use super::data::{Assigned, Data, defaulted};
use super::plan::{Alias, Plan, note_all};
use super::sql::{Sql, push_quoted};
use super::world::{World, table};

/// A value that comes from another row: the column and where it comes from.
pub(super) type Injected<'a> = (&'a Field, String);

impl<'a> Plan<'a> {
    pub(super) fn insert(
        &self,
        model: &'a Model,
        data: &Data<'a>,
        injected: &[Injected<'a>],
        returning: &[&'a Field],
        purpose: Purpose,
    ) {
        let sql = self.inserted(model, data, injected).s(self.returning(model, returning));
        self.touch_insert(model, data, injected, returning);
        self.send(sql, StatementKind::Insert, purpose);
    }

    fn touch_insert(
        &self,
        model: &'a Model,
        data: &Data<'a>,
        injected: &[Injected<'a>],
        returning: &[&'a Field],
    ) {
        let access = self.touch(model);
        self.access(access, |access| {
            access.writes = true;
            let written = columns(model, std::slice::from_ref(data), injected);
            note_all(
                Arc::make_mut(&mut access.columns),
                written.into_iter().chain(returning.iter().copied()),
            );
        });
    }

    /// `INSERT INTO … (…) VALUES (…)`, columns in the order of the model.
    fn inserted(&self, model: &'a Model, data: &Data<'a>, injected: &[Injected<'a>]) -> Sql {
        let fields = columns(model, std::slice::from_ref(data), injected);
        let sql = Sql::text(format!("INSERT INTO {}", table(model)));
        if fields.is_empty() {
            return sql.t(" DEFAULT VALUES");
        }
        let row = self.values(model, data, injected, &fields);
        sql.t(" (").t(&names(&fields)).t(") VALUES ").s(row)
    }

    /// Several rows in one statement; what one of them lacks is `DEFAULT` or null there.
    pub(super) fn insert_many(
        &self,
        model: &'a Model,
        rows: &[Data<'a>],
        injected: &[Injected<'a>],
        skip_duplicates: bool,
        returning: &[&'a Field],
        purpose: Purpose,
    ) {
        if rows.is_empty() {
            return;
        }
        let fields = columns(model, rows, injected);
        if fields.is_empty() {
            for _ in rows {
                let sql = Sql::text(format!("INSERT INTO {} DEFAULT VALUES", table(model)));
                let sql = if skip_duplicates { sql.t(" ON CONFLICT DO NOTHING") } else { sql };
                self.touch_insert(model, &Data::default(), injected, returning);
                let sql = sql.s(self.returning(model, returning));
                self.send(sql, StatementKind::Insert, purpose.clone());
            }
            return;
        }
        let values = rows.iter().map(|row| self.values(model, row, injected, &fields));
        let mut sql = Sql::text(format!("INSERT INTO {} (", table(model)))
            .t(&names(&fields))
            .t(") VALUES ")
            .s(Sql::join(values, ", "));
        if skip_duplicates {
            sql.push(" ON CONFLICT DO NOTHING");
        }
        let sql = sql.s(self.returning(model, returning));
        let access = self.touch(model);
        self.access(access, |access| {
            access.writes = true;
            note_all(Arc::make_mut(&mut access.columns), fields.iter().chain(returning).copied());
        });
        self.send(sql, StatementKind::Insert, purpose);
    }

    /// `INSERT … ON CONFLICT (key) DO UPDATE SET … WHERE …`
    pub(super) fn native_upsert(
        &self,
        model: &'a Model,
        create: &Data<'a>,
        set: &[Assigned<'a>],
        key: &[&'a Field],
        filter: &super::filter::Filter<'a>,
        returning: &[&'a Field],
    ) -> super::Outcome<()> {
        let access = self.touch(model);
        self.access(access, |access| {
            access.writes = true;
            let written = columns(model, std::slice::from_ref(create), &[]);
            let set = set.iter().map(|one| one.field);
            note_all(
                Arc::make_mut(&mut access.columns),
                written.into_iter().chain(set).chain(returning.iter().copied()),
            );
        });
        let inserted = self.inserted(model, create, &[]);
        let assigned = self.assignments(model, set);
        let (tree, _) = self.condition(filter, &super::condition::Scope::top(access, false))?;
        let sql = inserted
            .t(" ON CONFLICT (")
            .t(&names(key))
            .t(") DO UPDATE SET ")
            .s(assigned)
            .t(" WHERE ")
            .s(tree.sql())
            .s(self.returning(model, returning));
        self.send(sql, StatementKind::Insert, Purpose::Main);
        Ok(())
    }

    fn values(
        &self,
        model: &'a Model,
        data: &Data<'a>,
        injected: &[Injected<'a>],
        fields: &[&'a Field],
    ) -> Sql {
        let given = |field: &Field| {
            let written = data.columns.iter().find(|one| std::ptr::eq(one.field, field))?;
            Some(self.assigned_value(model, written))
        };
        // What another row brought is sent as it came, without a cast.
        let brought = |field: &Field| {
            let (field, path) = injected.iter().find(|(one, _)| std::ptr::eq(*one, field))?;
            Some(Sql::parameter(parameter(model, field, path, false)))
        };
        let values = fields.iter().map(|field| match given(field).or_else(|| brought(field)) {
            Some(value) => value,
            None if defaulted(field) => self.value(model, field, &format!("default.{}", field.name), false),
            None if field.arity != Arity::Required && field.default.is_none() => Sql::text("null"),
            None => Sql::text("DEFAULT"),
        });
        Sql::join(values, ",").wrapped()
    }

    pub(super) fn returning(&self, model: &'a Model, fields: &[&'a Field]) -> Sql {
        if fields.is_empty() {
            return Sql::default();
        }
        Sql::text(format!(" RETURNING {}", all_selected(&Alias::Table, model, fields)))
    }
}

/// The columns that at least one of the rows has a value for, in the order of the model.
fn columns<'a>(model: &'a Model, rows: &[Data<'a>], injected: &[Injected<'a>]) -> Vec<&'a Field> {
    World::scalars(model)
        .filter(|field| {
            defaulted(field)
                || rows.iter().any(|row| row.columns.iter().any(|one| std::ptr::eq(one.field, *field)))
                || injected.iter().any(|(one, _)| std::ptr::eq(*one, *field))
        })
        .collect()
}

fn names(fields: &[&Field]) -> String {
    let mut text = String::with_capacity(fields.len() * 16);
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        push_quoted(&mut text, &field.db_name);
    }
    text
}
