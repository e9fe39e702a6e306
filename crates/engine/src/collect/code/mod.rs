//! The application's code: files found and read, linked for each project, with the statements of its calls. What is
//! not read is said.

mod cache;
mod kept;
mod packages;
mod text;
mod threads;
mod tree;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use pgsteward_model::code::{Code, Lowered};
use pgsteward_model::facts::{Facts, Gap};
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::{SourceFile, Texts};
use pgsteward_prisma::query::{ClientFeatures, Lowerer, lower_raw};
use pgsteward_typescript::{ClientProject, Unit, link, mistakes, scan_fully};
use rayon::prelude::*;
use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};

use self::kept::Slot;
use self::tree::Tree;
use crate::discover::listing::Listing;
use crate::discover::{Found, FoundProject, read_text};

/// Files that a gap names.
const NAMED: usize = 3;

/// Reads the code below one folder, once, for all projects in it.
pub struct CodeReader {
    root: PathBuf,
    projects: Vec<ClientProject>,
    /// The schema files of each project, to know it by.
    schemas: Vec<(String, Vec<PathBuf>)>,
    /// Of the texts of all of them.
    schema_texts: [u8; 32],
    generated: Vec<PathBuf>,
    keep: bool,
    tests: Tests,
    listing: Arc<Listing>,
    tree: OnceLock<Arc<Tree>>,
}

/// How tests are read. No rule speaks of them, and they are a third of the code of many repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tests {
    /// Only what they import and export, but for those that other code imports.
    ByName,
    InFull,
}

/// The code of one project as it was linked, to be linked again as an edit would leave it.
#[derive(Clone)]
pub struct Linked {
    tree: Arc<Tree>,
    this: usize,
}

impl CodeReader {
    /// `keep`: whether what files say may be kept in the user's cache folder. Tests are read by name only,
    /// and their calls are not told of.
    pub fn new(found: &Found, keep: bool) -> CodeReader {
        let mut texts = Sha256::new();
        let (mut projects, folders): (Vec<ClientProject>, Vec<Vec<PathBuf>>) =
            found.projects.iter().map(|project| client_project(&found.root, project, &mut texts)).unzip();
        let generated = folders.concat();
        leave_twins(&mut projects);
        CodeReader {
            root: found.root.clone(),
            projects,
            schemas: found
                .projects
                .iter()
                .map(|project| (project.folder.clone(), project.schema_files.clone()))
                .collect(),
            schema_texts: texts.finalize().into(),
            generated,
            keep,
            tests: Tests::ByName,
            listing: found.listing.clone().unwrap_or_else(|| Arc::new(Listing::of(&found.root))),
            tree: OnceLock::new(),
        }
    }

    /// For those who want to know what tests ask as well.
    #[must_use]
    pub fn with_tests(self) -> CodeReader {
        CodeReader { tests: Tests::InFull, ..self }
    }

    /// Adds the code of one project to its facts.
    pub fn add_to(&self, found: &FoundProject, facts: &mut Facts) -> Option<Linked> {
        let known = |(folder, files): &(String, Vec<PathBuf>)| {
            *folder == found.folder && *files == found.schema_files
        };
        let this = self.schemas.iter().position(known)?;
        let tree = self.tree.get_or_init(|| {
            let tree = Tree::look(self);
            Arc::new(tree)
        });
        let linked = Linked { tree: tree.clone(), this };
        let slot = Slot::of(&self.root, tree, &self.schema_texts, this);
        let mut code = match slot.as_ref().and_then(Slot::load) {
            Some(code) => code,
            None => {
                let mut code = tree.take_linked(this);
                let read = tree.read();
                if let Some(schema) = &facts.prisma {
                    lower(&mut code, schema);
                }
                code.left_out.extend(read.left_out.iter().cloned());
                if let Some(slot) = slot.filter(|_| read.opened) {
                    slot.store(&code);
                }
                code
            }
        };
        self.read_typed_sql(&mut code, facts);
        add_sources(tree, &code, facts);
        facts.gaps.extend(gaps(tree, &code));
        facts.code = Some(Arc::new(code));
        Some(linked)
    }

    /// The text of TypedSQL's files, which stands beside the schema.
    fn read_typed_sql(&self, code: &mut Code, facts: &mut Facts) {
        let schema = facts.prisma.clone();
        for raw in &mut code.raw {
            let Some(file) = raw.file.clone().filter(|_| raw.text.is_none()) else { continue };
            match facts.sources.get(&file) {
                Some(known) => raw.text = Some(known.text.to_string()),
                None => match read_text(&self.root.join(&*file)) {
                    Ok(text) => {
                        raw.text = Some(text.clone());
                        facts.sources.add(SourceFile::new(file, text));
                    }
                    Err(_) => raw.file = None,
                },
            }
            if let Some(schema) = &schema {
                raw.lowered = lower_raw(raw, schema);
            }
        }
    }
}

impl Linked {
    /// The facts with these texts in place of the files', the code linked anew. None where one of them is no file of
    /// the code or can no longer be read.
    pub fn edited(&self, facts: &Facts, texts: &[(Arc<str>, String)]) -> Option<Facts> {
        let read = self.tree.read();
        let mut units = read.units.clone();
        let mut after = facts.clone();
        for (path, text) in texts {
            let unit = units.iter_mut().find(|unit| unit.file == *path)?;
            let again = scan_fully(path, text);
            let before = facts.sources.get(path).and_then(|before| mistakes(path, &before.text))?;
            if again.left_out.len() > unit.left_out.len()
                || mistakes(path, text).is_none_or(|after| after > before)
            {
                return None;
            }
            *unit = Unit { hash: Sha256::digest(text.as_bytes()).into(), ..again };
            after.sources.add(SourceFile::new(path.clone(), text.as_str()));
        }
        let mut world = self.tree.world(self.this);
        // An edit may bring a model along.
        if let (Some(schema), Some(project)) = (&facts.prisma, world.projects.get_mut(self.this)) {
            project.schema = Some(schema.clone());
        }
        let mut code = link(&units, &world);
        for raw in code.raw.iter_mut().filter(|raw| raw.text.is_none()) {
            let file = raw.file.as_ref().and_then(|file| facts.sources.get(file));
            raw.text = file.map(|file| file.text.to_string());
        }
        if let Some(schema) = &facts.prisma {
            lower(&mut code, schema);
        }
        code.left_out.extend(read.left_out.iter().cloned());
        after.code = Some(Arc::new(code));
        Some(after)
    }
}

/// The texts of files that findings may point into.
fn add_sources(tree: &Arc<Tree>, code: &Code, facts: &mut Facts) {
    let sites = (code.calls.iter().map(|call| &call.site))
        .chain(code.raw.iter().map(|raw| &raw.site))
        .chain(code.transactions.iter().map(|transaction| &transaction.site))
        .chain(code.effects.iter().map(|effect| &effect.site))
        .chain(code.clients.iter().map(|client| &client.site))
        .chain(code.invocations.iter().map(|invocation| &invocation.site));
    // Most places share the name of their file with the one before: comparing texts is for the few that are left.
    let mut seen: FxHashSet<*const u8> = FxHashSet::default();
    let tree = tree.clone();
    let texts = Texts::new(move |file| tree.text_of(file));
    sites
        .map(|site| &site.at.file)
        .chain(code.functions.iter().map(|function| &function.at.file))
        .chain(code.validations.iter().map(|validation| &validation.at.file))
        .chain(&code.allowing)
        .chain(&code.answering)
        .filter(|file| seen.insert(Arc::as_ptr(file).cast::<u8>()))
        .for_each(|file| facts.sources.add_later(file.clone(), &texts));
}

/// The statements of each call, and how many calls are understood.
fn lower(code: &mut Code, schema: &PrismaSchema) {
    let lowerer = Lowerer::new(schema, ClientFeatures::of_schema(schema));
    code.calls.par_iter_mut().for_each(|call| call.lowered = lowerer.lower(call));
    code.raw.par_iter_mut().for_each(|raw| raw.lowered = lower_raw(raw, schema));
    for call in &code.calls {
        match &call.lowered {
            Lowered::Understood(_) => code.counts.understood += 1,
            Lowered::NotUnderstood { reason } => {
                *code.counts.not_understood.entry(reason.clone()).or_default() += 1;
            }
        }
    }
}

/// How code comes by the client of a project, and the folders that clients are generated into.
/// Their texts go into the digest of all.
fn client_project(root: &Path, found: &FoundProject, texts: &mut Sha256) -> (ClientProject, Vec<PathBuf>) {
    let read = found.schema(root);
    for file in &read.files {
        texts.update((file.path.len() as u64).to_le_bytes());
        texts.update(file.path.as_bytes());
        texts.update((file.text.len() as u64).to_le_bytes());
        texts.update(file.text.as_bytes());
    }
    let mut project = ClientProject { folder: found.folder.clone(), ..ClientProject::default() };
    let mut folders = Vec::new();
    let Some(schema) = &read.schema else { return (project, folders) };
    for generator in &schema.generators {
        if !generator.provider.as_deref().is_some_and(|provider| provider.starts_with("prisma-client")) {
            continue;
        }
        let Some(output) = &generator.output else {
            project.modules.push("@prisma/client".into());
            continue;
        };
        let home = generator.at.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let output = packages::join(home, output);
        match output.rsplit_once("node_modules/") {
            Some((_, module)) => project.modules.push(module.to_owned()),
            None => {
                folders.push(root.join(&output));
                project.outputs.push(output);
            }
        }
    }
    if project.modules.is_empty() && project.outputs.is_empty() {
        project.modules.push("@prisma/client".into());
    }
    project.schema = Some(schema.clone()).filter(|schema| !schema.models.is_empty());
    (project, folders)
}

/// An application that also runs on another database has a second schema of the same models for it, and both write the
/// same client. The calls are then those of the PostgreSQL schema.
fn leave_twins(projects: &mut [ClientProject]) {
    let models = |project: &ClientProject| -> Option<(bool, BTreeSet<String>)> {
        let schema = project.schema.as_ref()?;
        let provider = schema.datasource.as_ref().and_then(|source| source.provider.as_deref());
        let ours = provider.is_none_or(|provider| matches!(provider, "postgresql" | "postgres"));
        Some((ours, schema.models.iter().map(|model| model.name.clone()).collect()))
    };
    let known: Vec<Option<(bool, BTreeSet<String>)>> = projects.iter().map(models).collect();
    for (project, schema) in projects.iter_mut().zip(&known) {
        let Some((false, names)) = schema else { continue };
        let twin = known.iter().flatten().any(|(ours, others)| {
            let shared = names.intersection(others).count();
            *ours && shared * 5 >= names.len().max(others.len()) * 4
        });
        if twin {
            *project = ClientProject { folder: project.folder.clone(), ..ClientProject::default() };
        }
    }
}

/// What was not read, by its reason.
fn gaps(tree: &Tree, code: &Code) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for left_out in &code.left_out {
        reasons.entry(&left_out.why).or_default().push(&left_out.file);
    }
    for (why, files) in reasons {
        let what = format!("code of {}", some_of(&files));
        gaps.push(Gap::new(what, why, "check these files by hand, if they ask anything of the database"));
    }
    let names = |list: &[String]| some_of(&list.iter().map(String::as_str).collect::<Vec<_>>());
    if !tree.links.is_empty() {
        gaps.push(Gap::new(
            format!("code behind {}", names(&tree.links)),
            "These are symbolic links, and links are not followed: they could lead anywhere.",
            "nothing to do where they lead to files of the same repository, which are read where they are",
        ));
    }
    if !tree.unreadable.is_empty() {
        gaps.push(Gap::new(
            "code",
            format!("A part of the folder could not be read: {}.", names(&tree.unreadable)),
            "check the permissions of that file or folder",
        ));
    }
    if !code.counts.missing_models.is_empty() {
        let models: Vec<&str> = code.counts.missing_models.keys().map(String::as_str).collect();
        gaps.push(Gap::new(
            "models of the code",
            format!("The code calls models that the Prisma schema does not have: {}.", some_of(&models)),
            "generate the client from the schema that is reviewed, or review the schema that the code uses",
        ));
    }
    gaps
}

fn some_of(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
