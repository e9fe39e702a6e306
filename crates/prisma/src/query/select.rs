//! `select`, `include` and `omit`: which columns are read, which relations, which counts.

use pgsteward_model::prisma::{Field, FieldType, Model};

use super::argument::Argument;
use super::filter::{self, Filter};
use super::world::{Kind, Relation, World};
use super::{Outcome, refuse};

#[derive(Clone, Debug, Default)]
pub(super) struct Selection<'a> {
    /// The columns in the order they are selected, the key's first.
    pub(super) columns: Vec<&'a Field>,
    /// The key and the columns that were asked for by name, for `RETURNING`.
    pub(super) scalars: Vec<&'a Field>,
    pub(super) counts: Vec<(Relation<'a>, Option<Filter<'a>>)>,
    pub(super) nested: Vec<(Relation<'a>, Argument, String)>,
    /// What was asked for, in order, for the objects that the join strategy builds.
    pub(super) asked: Vec<Asked<'a>>,
}

#[derive(Clone, Debug)]
pub(super) enum Asked<'a> {
    Column(&'a Field),
    /// Index into `nested`.
    Relation(usize),
}

impl<'a> Selection<'a> {
    /// What a call or a relation reads; `path` is that of the arguments.
    pub(super) fn parse(
        world: &World<'a>,
        model: &'a Model,
        argument: &Argument,
        path: &str,
    ) -> Outcome<Selection<'a>> {
        let key = World::identifier(model)?;
        let mut selection = Selection { columns: key.clone(), scalars: key, ..Selection::default() };
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let picked = match argument.get("select") {
            Some(select) => Some(("select", select)),
            None => {
                let omitted = argument.get("omit").map_or(Ok(&[][..]), |omit| omit.known("omit"))?;
                for field in World::scalars(model) {
                    let omit = omitted.iter().find(|(name, _)| *name == field.name);
                    if !matches!(omit, Some((_, Argument::Bool(true)))) {
                        selection.ask(field);
                    }
                }
                argument.get("include").map(|include| ("include", include))
            }
        };
        if let Some((word, picked)) = picked {
            for (name, value) in picked.known(word)? {
                match value {
                    Argument::Bool(false) | Argument::Null => continue,
                    Argument::Expression(_) => {
                        return Err(refuse(format!("{word} is not written at the call")));
                    }
                    _ => {}
                }
                let path = format!("{}.{name}", below(word));
                if name == "_count" {
                    selection.count(world, model, value, &path)?;
                    continue;
                }
                let field = model.field(name).ok_or_else(|| refuse("a field that the model lacks"))?;
                if !matches!(field.ty, FieldType::Model(_)) {
                    selection.ask(field);
                    continue;
                }
                let relation = world.relation(model, field)?;
                if relation.kind == Kind::Here {
                    for key in relation.own_fields()? {
                        selection.column(key);
                        selection.asked.push(Asked::Column(key));
                    }
                }
                selection.asked.push(Asked::Relation(selection.nested.len()));
                let value = match value {
                    Argument::Object(_) => value.clone(),
                    _ => Argument::Object(Vec::new()),
                };
                selection.nested.push((relation, value, path));
            }
        }
        Ok(selection)
    }

    fn count(&mut self, world: &World<'a>, model: &'a Model, value: &Argument, path: &str) -> Outcome<()> {
        let all = Argument::Object(
            model
                .fields
                .iter()
                .filter(|field| matches!(field.ty, FieldType::Model(_)))
                .filter(|field| field.arity == pgsteward_model::prisma::Arity::List)
                .map(|field| (field.name.clone(), Argument::Bool(true)))
                .collect(),
        );
        let picked = match value.get("select") {
            Some(select) => select,
            None => &all,
        };
        for (name, value) in picked.known("_count")? {
            if *value == Argument::Bool(false) {
                continue;
            }
            let field = model.field(name).ok_or_else(|| refuse("a field that the model lacks"))?;
            let relation = world.relation(model, field)?;
            let filter = match value.get("where") {
                Some(filter) => {
                    let path = format!("{path}.select.{name}.where");
                    Some(filter::parse(world, relation.related, filter, &path)?)
                }
                None => None,
            };
            self.counts.push((relation, filter));
        }
        Ok(())
    }

    fn ask(&mut self, field: &'a Field) {
        self.column(field);
        if !self.scalars.iter().any(|one| std::ptr::eq(*one, field)) {
            self.scalars.push(field);
        }
        self.asked.push(Asked::Column(field));
    }

    /// Columns alone: no relations and no counts.
    pub(super) fn plain(&self) -> bool {
        self.nested.is_empty() && self.counts.is_empty()
    }

    /// Adds a column that is not there yet.
    pub(super) fn column(&mut self, field: &'a Field) {
        if !self.columns.iter().any(|one| std::ptr::eq(*one, field)) {
            self.columns.push(field);
        }
    }

    /// Adds the columns that joining the relations in memory needs.
    pub(super) fn link(&mut self) -> Outcome<()> {
        let mut fields = Vec::new();
        for (relation, _, _) in &self.nested {
            fields.extend(relation.own_fields()?);
        }
        fields.into_iter().for_each(|field| self.column(field));
        Ok(())
    }
}
