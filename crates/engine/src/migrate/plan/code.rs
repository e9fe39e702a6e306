//! What the rules may ask of a project beside its migrations.

use pgsteward_model::facts::Facts;

use super::Run;
use crate::collect::CodeReader;
use crate::discover::FoundProject;

impl Run<'_> {
    /// Without code a drop is marked all the same; that
    /// nobody looked who still asks for the thing is noted.
    pub(super) fn facts(&self, notes: &mut Vec<String>) -> Facts {
        let mut facts = Facts {
            prisma: self.project.schema.clone(),
            sources: self.project.sources.clone(),
            ..Facts::default()
        };
        let found = match crate::discover::discover(&self.project.root) {
            Ok(found) => found,
            Err(error) => {
                notes.push(format!(
                    "The code was not read, so nothing is said of who still asks for what goes: {error:#}."
                ));
                return facts;
            }
        };
        self.progress.phase("read the code");
        let ours = |project: &&FoundProject| match &project.migrations {
            Some(found) if !self.project.is_prisma() => found.folder == self.project.migrations_folder,
            _ => project.schema_files.iter().any(|file| self.project.schema_files.contains(file)),
        };
        if let Some(project) = found.projects.iter().find(ours) {
            CodeReader::new(&found, true).add_to(project, &mut facts);
            notes.extend(facts.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.why)));
        } else {
            notes.push(
                "The code was not read, so nothing is said of who still asks for what goes: no project here has exactly these migrations."
                    .into(),
            );
        }
        facts
    }
}
