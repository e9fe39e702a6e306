//! What `prisma db pull` warns of, in its order and its words.

use std::collections::BTreeSet;
use std::fmt::Write;

/// A kind of warning. The order of the variants is the order of the printed groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Warning {
    ModelFieldsWithoutName,
    ViewFieldsWithoutName,
    RemappedModelFields,
    RemappedViewFields,
    EnumValuesWithoutName,
    ModelsWithoutColumns,
    ModelsWithoutIdentifier,
    NamedModelIds,
    NamedViewIds,
    UnsupportedModelTypes,
    UnsupportedViewTypes,
    RemappedModels,
    RemappedViews,
    RemappedEnumValues,
    RemappedEnums,
    CopiedRelations,
    DuplicateNames,
    PartitionedTables,
    InheritedTables,
    NullOrder,
    RowSecurity,
    CheckConstraints,
    ExclusionConstraints,
    Deferrable,
    Comments,
    ExpressionIndexes,
}

#[derive(Default)]
pub(super) struct Warnings {
    items: Vec<(Warning, String)>,
    /// Model or view and field of the two grouped kinds.
    unnamed: BTreeSet<(Warning, String, String)>,
    broken: BTreeSet<(String, String)>,
}

impl Warnings {
    pub(super) fn add(&mut self, kind: Warning, item: String) {
        self.items.push((kind, item));
    }

    pub(super) fn add_unnamed(&mut self, kind: Warning, owner: &str, field: &str) {
        self.unnamed.insert((kind, owner.to_owned(), field.to_owned()));
    }

    /// A many-to-many relation whose models, renamed, have changed their order.
    pub(super) fn add_broken(&mut self, first: &str, second: &str) {
        self.broken.insert((first.to_owned(), second.to_owned()));
    }

    /// The text, or none where there is nothing to warn of.
    pub(super) fn render(mut self) -> Option<String> {
        if self.items.is_empty() && self.unnamed.is_empty() && self.broken.is_empty() {
            return None;
        }
        let mut out = String::from("*** WARNING ***\n");
        for (kind, word) in
            [(Warning::ModelFieldsWithoutName, "Model"), (Warning::ViewFieldsWithoutName, "View")]
        {
            let mut owners: Vec<(&str, Vec<String>)> = Vec::new();
            for (_, owner, field) in self.unnamed.iter().filter(|(one, ..)| *one == kind) {
                match owners.last_mut().filter(|(last, _)| last == owner) {
                    Some((_, fields)) => fields.push(format!("\"{field}\"")),
                    None => owners.push((owner, vec![format!("\"{field}\"")])),
                }
            }
            if !owners.is_empty() {
                push(&mut out, &format!("\n{}\n", heading(kind)));
            }
            for (owner, fields) in owners {
                push(&mut out, &format!("  - {word}: \"{owner}\", field(s): [{}]\n", fields.join(", ")));
            }
        }
        self.items.sort_by_key(|(kind, _)| *kind);
        let mut last = None;
        for (kind, item) in &self.items {
            if last != Some(*kind) {
                push(&mut out, &format!("\n{}\n", heading(*kind)));
            }
            push(&mut out, &format!("  - {item}\n"));
            last = Some(*kind);
        }
        for (first, second) in &self.broken {
            push(
                &mut out,
                &format!(
                    "The many-to-many relation between \"{first}\" and \"{second}\" is broken due to the naming of the \
                     models. Prisma creates many-to-many relations based on the alphabetical ordering of the names of \
                     the models and these two models now produce the reverse of the expected ordering."
                ),
            );
        }
        Some(out)
    }
}

fn push(out: &mut String, text: &str) {
    let _infallible = out.write_str(text);
}

fn heading(kind: Warning) -> &'static str {
    match kind {
        Warning::ModelFieldsWithoutName | Warning::ViewFieldsWithoutName => {
            "These fields were commented out because their names are currently not supported by Prisma. Please provide valid ones that match [a-zA-Z][a-zA-Z0-9_]* using the `@map` attribute:"
        }
        Warning::RemappedModelFields | Warning::RemappedViewFields => {
            "These fields were enriched with `@map` information taken from the previous Prisma schema:"
        }
        Warning::EnumValuesWithoutName => {
            "These enum values were commented out because their names are currently not supported by Prisma. Please provide valid ones that match [a-zA-Z][a-zA-Z0-9_]* using the `@map` attribute:"
        }
        Warning::ModelsWithoutColumns => {
            "The following models were commented out as we could not retrieve columns for them. Please check your privileges:"
        }
        Warning::ModelsWithoutIdentifier => {
            "The following models were ignored as they do not have a valid unique identifier or id. This is currently not supported by Prisma Client:"
        }
        Warning::NamedModelIds => {
            "These models were enriched with custom compound id names taken from the previous Prisma schema:"
        }
        Warning::NamedViewIds => {
            "These views were enriched with custom compound id names taken from the previous Prisma schema:"
        }
        Warning::UnsupportedModelTypes | Warning::UnsupportedViewTypes => {
            "These fields are not supported by Prisma Client, because Prisma currently does not support their types:"
        }
        Warning::RemappedModels => {
            "These models were enriched with `@@map` information taken from the previous Prisma schema:"
        }
        Warning::RemappedViews => {
            "These views were enriched with `@@map` information taken from the previous Prisma schema:"
        }
        Warning::RemappedEnumValues => {
            "These enum values were enriched with `@map` information taken from the previous Prisma schema:"
        }
        Warning::RemappedEnums => {
            "These enums were enriched with `@@map` information taken from the previous Prisma schema:"
        }
        Warning::CopiedRelations => {
            "Relations were copied from the previous data model due to not using foreign keys in the database. If any of the relation columns changed in the database, the relations might not be correct anymore:"
        }
        Warning::DuplicateNames => {
            "These items were renamed due to their names being duplicates in the Prisma schema:"
        }
        Warning::PartitionedTables => "These tables are partition tables, which are not yet fully supported:",
        Warning::InheritedTables => "These tables are inherited tables, which are not yet fully supported:",
        Warning::NullOrder => {
            "These index columns are having a non-default null sort order, which is not yet fully supported. Read more: https://pris.ly/d/non-default-index-null-ordering"
        }
        Warning::RowSecurity => {
            "These tables contain row level security, which is not yet fully supported. Read more: https://pris.ly/d/row-level-security"
        }
        Warning::CheckConstraints => {
            "These constraints are not supported by Prisma Client, because Prisma currently does not fully support check constraints. Read more: https://pris.ly/d/check-constraints"
        }
        Warning::ExclusionConstraints => {
            "These constraints are not supported by Prisma Client, because Prisma currently does not fully support exclusion constraints. Read more: https://pris.ly/d/exclusion-constraints"
        }
        Warning::Deferrable => {
            "These primary key, foreign key or unique constraints are using non-default deferring in the database, which is not yet fully supported. Read more: https://pris.ly/d/constraint-deferring"
        }
        Warning::Comments => {
            "These objects have comments defined in the database, which is not yet fully supported. Read more: https://pris.ly/d/database-comments"
        }
        Warning::ExpressionIndexes => {
            "These indexes are not supported by Prisma Client, because Prisma currently does not fully support expression indexes. Read more: https://pris.ly/d/expression-indexes"
        }
    }
}
