//! The order in which Prisma runs steps: by kind, then by the places of what they are about on their side.

use pgsteward_model::catalog::QName;

use super::SchemaStep;

#[derive(Default)]
pub(crate) struct Steps {
    steps: Vec<([usize; 4], SchemaStep)>,
    /// Unique indexes that a new primary key on the same columns replaces: they go after it.
    pub(super) replaced: Vec<(QName, String)>,
}

impl Steps {
    /// `place` orders the steps of one kind.
    pub(super) fn push(&mut self, place: [usize; 3], step: SchemaStep) {
        let [first, second, third] = place;
        self.steps.push(([rank(&step), first, second, third], step));
    }

    pub(super) fn in_order(mut self) -> Vec<SchemaStep> {
        self.steps.sort_by_key(|(place, _)| *place);
        let replaced = |step: &SchemaStep| match step {
            SchemaStep::DropIndex { table, name } => {
                self.replaced.iter().any(|(of, replaced)| of == table && replaced == name)
            }
            _ => false,
        };
        let steps = self.steps.into_iter().map(|(_, step)| step);
        let (later, now): (Vec<_>, Vec<_>) = steps.partition(replaced);
        let mut out = Vec::with_capacity(now.len() + later.len());
        for step in now {
            let altered = match &step {
                SchemaStep::AlterTable { table, .. } => Some(table.clone()),
                _ => None,
            };
            out.push(step);
            out.extend(later.iter().filter(|drop| table_of(drop) == altered.as_ref()).cloned());
        }
        out
    }
}

fn table_of(step: &SchemaStep) -> Option<&QName> {
    match step {
        SchemaStep::DropIndex { table, .. } => Some(table),
        _ => None,
    }
}

fn rank(step: &SchemaStep) -> usize {
    match step {
        SchemaStep::CreateSchema { .. } => 0,
        SchemaStep::DropExtension { .. } => 1,
        SchemaStep::CreateExtension { .. } => 2,
        SchemaStep::AlterExtension { .. } => 3,
        SchemaStep::CreateEnum { .. } => 4,
        SchemaStep::AlterEnum(_) => 5,
        SchemaStep::DropForeignKey { .. } => 6,
        SchemaStep::DropIndex { .. } => 7,
        SchemaStep::AlterTable { .. } => 8,
        SchemaStep::DropTable { .. } => 9,
        SchemaStep::DropEnum { .. } => 10,
        SchemaStep::CreateTable(_) => 11,
        SchemaStep::CreateIndex { .. } => 12,
        SchemaStep::RenameForeignKey { .. } => 13,
        SchemaStep::AddForeignKey { .. } => 14,
        SchemaStep::RenameIndex { .. } => 15,
    }
}
