//! Which candidates are calls of Prisma Client, of which project and which model.

use std::collections::BTreeMap;

use pgsteward_model::code::{Confidence, Node, Operation, Value};
use pgsteward_model::prisma::Model;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::frontend::FRONTEND;
use super::linker::Linker;
use super::meaning::Meaning;
use super::modules::{folder_of, is_below};
use crate::unit::{Candidate, SPREAD, UnitRaw};

/// Why a call has no model that is known.
pub(super) const DYNAMIC_MODEL: &str = "the model is chosen when the program runs";
pub(super) const MISSING_MODEL: &str = "the schema has no such model";

/// Packages that speak PostgreSQL.
const DRIVERS: [&str; 12] = [
    "pg",
    "pg-promise",
    "postgres",
    "@vercel/postgres",
    "@neondatabase/serverless",
    "slonik",
    "kysely",
    "knex",
    "drizzle-orm",
    "sql-template-tag",
    "@prisma/adapter-pg",
    "pg-pool",
];

pub(super) struct Accepted {
    pub(super) unit: usize,
    pub(super) candidate: usize,
    pub(super) model: String,
    pub(super) confidence: Confidence,
    pub(super) transaction: bool,
}

#[derive(Default)]
pub(super) struct Judged {
    /// In the order of files and places.
    pub(super) calls: Vec<Accepted>,
    /// Candidates that are calls of some project: they are no invocations.
    pub(super) claimed: HashSet<(usize, usize)>,
    /// Calls of a client of this project on models that its schema lacks: delegates with their number.
    pub(super) missing: BTreeMap<String, usize>,
    /// Calls of a client of this project on a model that only running shows.
    pub(super) dynamic: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Contradicts,
    /// Says nothing either way.
    Nothing,
    Fits,
}

enum Verdict<'a> {
    Call { project: usize, model: &'a Model, confidence: Confidence, transaction: bool },
    Missing { project: usize },
    Dynamic { project: usize },
    None,
}

type Delegates<'a> = HashMap<String, &'a Model>;

impl<'a> Linker<'a> {
    pub(super) fn judge(&self) -> Judged {
        let delegates: Vec<Delegates<'a>> = self
            .world
            .projects
            .iter()
            .map(|project| {
                let models = project.schema.iter().flat_map(|schema| &schema.models);
                models.map(|model| (FRONTEND.delegate(&model.name), model)).collect()
            })
            .collect();
        let mut judged = Judged::default();
        for (unit, file) in self.units.iter().enumerate() {
            for (index, candidate) in file.calls.iter().enumerate() {
                let mine = |project: usize| project == self.this;
                match self.verdict(unit, candidate, &delegates) {
                    Verdict::Call { project, model, confidence, transaction } => {
                        judged.claimed.insert((unit, index));
                        if mine(project) {
                            let model = model.name.clone();
                            judged.calls.push(Accepted {
                                unit,
                                candidate: index,
                                model,
                                confidence,
                                transaction,
                            });
                        }
                    }
                    Verdict::Missing { project } if mine(project) => {
                        *judged.missing.entry(candidate.model.clone().unwrap_or_default()).or_default() += 1;
                    }
                    Verdict::Dynamic { project } if mine(project) => judged.dynamic += 1,
                    _ => {}
                }
            }
        }
        judged
    }

    fn verdict(&self, unit: usize, candidate: &'a Candidate, delegates: &[Delegates<'a>]) -> Verdict<'a> {
        let mut meaning = self.mean(unit, &candidate.client, 0);
        let mut name = candidate.model.as_deref();
        if meaning.client().is_none() {
            // `this.users.findMany()`, where `users` holds `prisma.user`.
            let below = name.map(|name| self.member(&meaning, name, 0));
            if let Some(Meaning::Delegate(client, delegate)) = below {
                let found = self.of_client(unit, client.project, delegate, delegates);
                return match found {
                    Some((project, model)) => Verdict::Call {
                        project,
                        model,
                        confidence: client.confidence,
                        transaction: client.transaction,
                    },
                    None => Verdict::None,
                };
            }
            // `this.prisma.client.user`: what a client is asked for and is no model may be a client.
            if let Meaning::Delegate(client, delegate) = &meaning
                && self.of_client(unit, client.project, delegate, delegates).is_none()
            {
                meaning = Meaning::Client(super::meaning::ClientRef {
                    confidence: client.confidence.min(Confidence::Typed),
                    ..*client
                });
            }
        }
        if let Some(client) = meaning.client() {
            let Some(name) = name.take() else {
                return Verdict::Dynamic {
                    project: client.project.unwrap_or_else(|| self.nearest(unit, |_| true)),
                };
            };
            if let Some((project, model)) = self.of_client(unit, client.project, name, delegates) {
                let (confidence, transaction) = (client.confidence, client.transaction);
                return Verdict::Call { project, model, confidence, transaction };
            }
            if self.fits_arguments(candidate) {
                return Verdict::Missing {
                    project: client.project.unwrap_or_else(|| self.nearest(unit, |_| true)),
                };
            }
            return Verdict::None;
        }
        match name {
            Some(name) => self.by_shape(unit, candidate, name, &meaning, delegates),
            None if self.is_named(candidate, &meaning) => {
                Verdict::Dynamic { project: self.nearest_with_schema(unit) }
            }
            None => Verdict::None,
        }
    }

    /// A receiver that nobody followed has the name of a client.
    fn is_named(&self, candidate: &Candidate, meaning: &Meaning<'a>) -> bool {
        let foreign = matches!(meaning, Meaning::Foreign(package) if !package.contains("prisma"));
        self.client_names.contains(last_word(candidate)) && !foreign
    }

    /// The project and model that a delegate of a client stands for.
    fn of_client(
        &self,
        unit: usize,
        project: Option<usize>,
        delegate: &str,
        delegates: &[Delegates<'a>],
    ) -> Option<(usize, &'a Model)> {
        let project = match project {
            Some(project) => project,
            None if delegates.iter().any(|known| known.contains_key(delegate)) => {
                self.nearest(unit, |project| delegates[project].contains_key(delegate))
            }
            None => return None,
        };
        delegates[project].get(delegate).map(|model| (project, *model))
    }

    /// `x.<model>.<operation>(…)` on something that nobody followed.
    fn by_shape(
        &self,
        unit: usize,
        candidate: &Candidate,
        name: &str,
        meaning: &Meaning<'a>,
        delegates: &[Delegates<'a>],
    ) -> Verdict<'a> {
        let has = |project: usize| {
            delegates[project].get(name).is_some_and(|model| fit(model, candidate) != Fit::Contradicts)
        };
        if !(0..delegates.len()).any(has) {
            return Verdict::None;
        }
        let project = self.nearest(unit, has);
        let Some(model) = delegates[project].get(name) else { return Verdict::None };
        let fits = fit(model, candidate) == Fit::Fits;
        let named = self.is_named(candidate, meaning);
        let confidence = match (named, fits) {
            (true, _) => Confidence::Typed,
            (false, true) => Confidence::Shape,
            (false, false) => return Verdict::None,
        };
        let transaction = matches!(last_word(candidate), "tx" | "trx" | "transaction");
        Verdict::Call { project, model, confidence, transaction }
    }

    /// Whether the properties of an argument are those of the operation: enough where the client is known.
    fn fits_arguments(&self, candidate: &Candidate) -> bool {
        candidate.argument.object().is_none_or(|object| {
            let known = FRONTEND.arguments(candidate.operation);
            object.properties.iter().all(|one| one.name == SPREAD || known.contains(&one.name.as_str()))
        })
    }

    /// The project that a raw query goes to; none where it is no query of PostgreSQL.
    pub(super) fn project_of_raw(&self, unit: usize, raw: &'a UnitRaw) -> Option<usize> {
        let meaning = self.mean(unit, &raw.client, 0);
        if let Some(client) = meaning.client() {
            return Some(client.project.unwrap_or_else(|| self.nearest_with_schema(unit)));
        }
        if !raw.driver {
            return Some(self.nearest_with_schema(unit));
        }
        let package = |package: &str| {
            DRIVERS.iter().any(|driver| {
                package.strip_prefix(driver).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        let speaks = match &meaning {
            Meaning::Foreign(of) => package(of),
            Meaning::Unknown | Meaning::Typed(..) => {
                let last = raw.receiver.rsplit('.').next().unwrap_or("").to_lowercase();
                matches!(last.as_str(), "pool" | "pg" | "pgclient" | "pgpool" | "postgres" | "sql")
                    && self.units[unit].imports.iter().any(|import| package(&import.module))
            }
            _ => false,
        };
        (speaks && raw.text.as_deref().is_some_and(is_sql)).then(|| self.nearest(unit, |_| true))
    }

    /// The project that files of a folder most likely belong to, among those with a schema if there are any.
    pub(super) fn nearest_with_schema(&self, unit: usize) -> usize {
        let folder = folder_of(&self.units[unit].file);
        if let Some(known) = self.nearest_with_schema.borrow().get(folder) {
            return *known;
        }
        let has_schema = |project: usize| self.world.projects[project].schema.is_some();
        let any = (0..self.world.projects.len()).any(has_schema);
        let found = self.nearest(unit, |project| !any || has_schema(project));
        self.nearest_with_schema.borrow_mut().insert(folder, found);
        found
    }

    /// The project that a file most likely belongs to, among some: its package depends on the project's, else the
    /// project's folder is the closest.
    pub(super) fn nearest(&self, unit: usize, among: impl Fn(usize) -> bool) -> usize {
        if self.world.projects.len() == 1 {
            return 0;
        }
        let folder = folder_of(&self.units[unit].file);
        let own = self.modules.package_around(folder);
        let score = |project: &usize| {
            let home = &self.world.projects[*project].folder;
            let depends = own.zip(self.modules.package_around(home)).is_some_and(|(own, theirs)| {
                own.dependencies.contains(&theirs.name) && !theirs.name.is_empty()
            });
            let parts = folder.split('/').zip(home.split('/')).take_while(|(a, b)| a == b && !a.is_empty());
            let shared = parts.count();
            let inside = is_below(folder, home);
            (inside && !home.is_empty(), depends, shared, std::cmp::Reverse(*project))
        };
        (0..self.world.projects.len()).filter(|project| among(*project)).max_by_key(score).unwrap_or(0)
    }
}

/// `prisma` of `this.prisma`.
fn last_word(candidate: &Candidate) -> &str {
    let last = candidate.receiver.rsplit(['.', ' ']).next().unwrap_or("");
    last.trim_matches(|sign: char| !sign.is_alphanumeric() && sign != '_' && sign != '$')
}

/// Whether an argument speaks of the fields of a model.
fn fit(model: &Model, candidate: &Candidate) -> Fit {
    let known = FRONTEND.arguments(candidate.operation);
    let (mut fits, mut contradicts) = (0_u32, 0_u32);
    for node in candidate.argument.alternatives() {
        let Value::Object(object) = &node.value else { continue };
        for property in &object.properties {
            if property.name == SPREAD {
                continue;
            }
            if !known.contains(&property.name.as_str()) {
                return Fit::Contradicts;
            }
            if matches!(
                property.name.as_str(),
                "take" | "skip" | "by" | "distinct" | "limit" | "skipDuplicates"
            ) {
                continue;
            }
            if matches!(property.value.value, Value::Expression { .. }) && property.name != "update" {
                fits += 1;
            }
            fields(model, &property.value, &mut fits, &mut contradicts);
        }
    }
    // A unique key that spans several fields is named after them.
    let by_key = matches!(candidate.operation, Operation::FindUnique | Operation::Update | Operation::Delete);
    match (fits, contradicts) {
        (0, 0) => Fit::Nothing,
        (fits, contradicts) if contradicts > fits && !by_key => Fit::Contradicts,
        (0, _) => Fit::Contradicts,
        _ => Fit::Fits,
    }
}

fn fields(model: &Model, node: &Node, fits: &mut u32, contradicts: &mut u32) {
    for node in node.alternatives() {
        match &node.value {
            Value::List(nodes) => {
                nodes.iter().take(4).for_each(|node| fields(model, node, fits, contradicts));
            }
            Value::Object(object) => {
                for property in &object.properties {
                    match property.name.as_str() {
                        SPREAD | "_all" | "_count" => {}
                        "AND" | "OR" | "NOT" | "_sum" | "_avg" | "_min" | "_max" => {
                            fields(model, &property.value, fits, contradicts);
                        }
                        name if model.field(name).is_some() => *fits += 1,
                        name if is_key(model, name) => *fits += 1,
                        _ => *contradicts += 1,
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_key(model: &Model, name: &str) -> bool {
    model.primary_key.iter().chain(&model.uniques).any(|key| {
        key.name.as_deref() == Some(name)
            || key.fields.iter().map(|field| field.field.as_str()).collect::<Vec<_>>().join("_") == name
    })
}

fn is_sql(text: &str) -> bool {
    let first: String = text.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    matches!(
        first.to_ascii_uppercase().as_str(),
        "SELECT"
            | "INSERT"
            | "UPDATE"
            | "DELETE"
            | "WITH"
            | "MERGE"
            | "BEGIN"
            | "COMMIT"
            | "ROLLBACK"
            | "LOCK"
            | "SET"
            | "REFRESH"
            | "NOTIFY"
            | "LISTEN"
            | "TRUNCATE"
            | "CALL"
            | "COPY"
            | "CREATE"
            | "ALTER"
            | "DROP"
    )
}
