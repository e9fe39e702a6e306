//! Relations of what is read: a statement for each, joined in memory.

use pgsteward_model::code::Purpose;

use super::Outcome;
use super::argument::Argument;
use super::page::{Page, Take};
use super::plan::Plan;
use super::read::Link;
use super::select::Selection;
use super::world::Relation;

impl<'a> Plan<'a> {
    /// Reads the relations of rows that were just read.
    pub(super) fn include(
        &self,
        nested: &[(Relation<'a>, Argument, String)],
        one_parent: bool,
    ) -> Outcome<()> {
        for (relation, argument, path) in nested {
            let mut page = Page::parse(self.world, relation.related, argument, path)?;
            if page.take == Take::Known(0) {
                continue;
            }
            let mut selection = Selection::parse(self.world, relation.related, argument, path)?;
            page.distinct.iter().for_each(|field| selection.column(field));
            if !matches!(relation.kind, super::world::Kind::Many { .. }) {
                relation.related_fields()?.into_iter().for_each(|field| selection.column(field));
            }
            selection.link()?;
            if let Some(cursor) = &page.cursor {
                cursor.iter().for_each(|(field, _)| selection.column(field));
            }
            let steps = page.nested_steps(self.world, one_parent);
            let link = Link { relation: relation.clone(), one_parent };
            let purpose = Purpose::Relation(relation_path(path));
            self.read(&page, &selection, Some(&link), purpose)?;
            steps.into_iter().for_each(|step| self.remember(step));
            // Below the first level Prisma takes every relation for a list.
            self.include(&selection.nested, false)?;
        }
        Ok(())
    }
}

/// `include.posts.select.tags` as a path of fields: `posts.tags`.
pub(super) fn relation_path(path: &str) -> String {
    path.split('.').skip(1).step_by(2).collect::<Vec<_>>().join(".")
}
