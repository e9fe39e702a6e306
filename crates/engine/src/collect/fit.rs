//! Which of several projects the database of `--url` belongs to. Held against another project's schema all of
//! it would look like drift, so one is chosen: the one most of whose tables it has.

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::facts::{Gap, Need};
use pgsteward_model::migration::{Layout, Regime};
use pgsteward_sql::Births;

use super::{Collector, Live, repository};
use crate::discover::FoundProject;

/// How many of a project's tables a database has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    pub tables: usize,
    pub there: usize,
    /// Migrations of the project that its history says are applied.
    applied: usize,
}

impl Fit {
    /// Greater fits better. A small project all of whose tables are there by chance (`User`) must not win over
    /// the one that the database was made by, so among those with most of their tables the number counts.
    fn rank(self) -> (bool, usize, usize, usize) {
        let share = self.there * 1000 / self.tables.max(1);
        (self.there * 2 >= self.tables, self.there, share, self.applied)
    }
}

impl Collector<'_> {
    /// How well each project fits the database.
    pub fn fits(&self, projects: &[FoundProject], live: &Live) -> Vec<Fit> {
        projects.iter().map(|project| self.fit(project, live)).collect()
    }

    fn fit(&self, found: &FoundProject, live: &Live) -> Fit {
        let read = repository::read(self.root, found, self.config);
        if read.foreign {
            return Fit::default();
        }
        let version = self.version();
        let catalog = match &read.prisma {
            Some(schema) => pgsteward_prisma::calculate(schema, version),
            None => {
                let (mut catalog, mut births) = (Catalog::empty(version), Births::default());
                for file in found.migrations.iter().flat_map(|migrations| &migrations.files) {
                    if let Some(source) = read.migrations.get(&file.name) {
                        let regime = Regime::OneMessage;
                        pgsteward_sql::analyze_file(&source.text, &mut catalog, &mut births, regime);
                    }
                }
                catalog
            }
        };
        // What a schema calls "public" lies where the URL's `schema` says.
        let schema = self.url.map_or("public", |url| url.schema());
        let is_there = |name: &&QName| {
            let elsewhere = QName::new(schema, name.name.clone());
            live.catalog.tables.contains_key(*name)
                || (name.namespace == "public" && live.catalog.tables.contains_key(&elsewhere))
        };
        let layout = found.migrations.as_ref().map_or(Layout::Prisma, |migrations| migrations.layout);
        let applied = live.applied_names(layout).unwrap_or_default();
        let migrations = found.migrations.iter().flat_map(|migrations| &migrations.files);
        Fit {
            tables: catalog.tables.len(),
            there: catalog.tables.keys().filter(is_there).count(),
            applied: migrations.filter(|file| applied.contains(&file.name)).count(),
        }
    }
}

/// The best; of equals the first. None where no project has a table in the database.
pub fn best(fits: &[Fit]) -> Option<usize> {
    let candidates = fits.iter().enumerate().rev().filter(|(_, fit)| fit.there > 0);
    candidates.max_by_key(|(_, fit)| fit.rank()).map(|(index, _)| index)
}

/// What a project misses that the database was not held against. `chosen`: the one it was.
pub fn not_held_against(project: &str, fit: Fit, chosen: Option<&str>) -> Gap {
    let shown = |folder: &str| if folder.is_empty() { ".".to_owned() } else { folder.to_owned() };
    let project = shown(project);
    let there = match fit {
        Fit { tables: 0, .. } => "it has no tables".to_owned(),
        Fit { there, tables, .. } => format!("{there} of its {tables} tables are there"),
    };
    let why = match chosen {
        Some(chosen) => format!(
            "The database of --url was held against {}, which fits it best; {project} was reviewed without it \
             ({there}).",
            shown(chosen)
        ),
        None => format!(
            "The database of --url was reviewed alone, because no project has a table in it; {project} was \
             reviewed without it ({there})."
        ),
    };
    let hint = format!("name {project} as the path to hold the database against it");
    Gap::new("live database", why, hint).for_needs(&[Need::Statistics, Need::Cluster])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(there: usize, tables: usize) -> Fit {
        Fit { tables, there, applied: 0 }
    }

    #[test]
    fn the_project_that_made_the_database_wins() {
        assert_eq!(best(&[fit(1, 1), fit(40, 42), fit(0, 9)]), Some(1));
        assert_eq!(best(&[fit(3, 30), fit(2, 2)]), Some(1), "a few names of a large project are chance");
        assert_eq!(best(&[fit(3, 30), fit(0, 2)]), Some(0), "most migrations are pending");
        assert_eq!(best(&[fit(5, 5), fit(5, 5)]), Some(0));
        assert_eq!(best(&[fit(5, 5), Fit { applied: 2, ..fit(5, 5) }]), Some(1));
        assert_eq!(best(&[fit(0, 5), fit(0, 0)]), None);
    }
}
