//! `queries`: every call of the code with its statements, what the planner of the lab would do with them, and which
//! indexes none of them can use.

mod ground;
mod indexes;
mod states;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pgsteward_lab::{PlanNode, Whose};
use pgsteward_model::catalog::QName;
use pgsteward_model::code::{Call, Code, FileRole, Lowered, Purpose, Query, RawQuery, Site, StatementKind};
use pgsteward_model::facts::{Facts, Gap};
use pgsteward_model::queries::{CalledAt, PlannedAs, PlannedStatement, Queries};
use pgsteward_pg::{CountedStatement, ReadError, ReadSession, ServerUrl};

use crate::collect::{CodeReader, Collected, LabWish, Laboratory};
use crate::prove::code::{EVERYWHERE, Twin, make};
use crate::{Progress, VERSION};
use ground::{Ground, near};

pub use states::{StatesOptions, states};

/// Making rows and planning stops after this.
const LIMIT: Duration = Duration::from_secs(60);

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct QueriesOptions {
    pub path: PathBuf,
    /// Only calls that meet this table: its name, with or without namespace, or its model's.
    pub table: Option<String>,
    /// Look for indexes that no call can use.
    pub unused_index: bool,
    /// A server whose counted statements are mapped to calls.
    pub url: Option<String>,
    pub lab: LabWish,
}

/// Lists the calls of all projects of a folder. An error means that there is no code to read; what could not be
/// understood or planned is part of the answer.
pub async fn queries(options: &QueriesOptions, progress: &dyn Progress) -> Result<Queries> {
    let ground = Ground::open(&options.path, &options.lab)?;
    let counted = match &options.url {
        Some(url) => {
            progress.phase("read the counted statements");
            Some(counted(url).await?)
        }
        None => None,
    };
    let reader = CodeReader::new(&ground.found, true).with_tests();
    let collector = ground.collector(&reader, progress);
    let laboratory = &ground.laboratory;
    let mut answer = Queries {
        tool_version: VERSION.to_owned(),
        gaps: ground.found.gaps.clone(),
        unused_indexes: options.unused_index.then(Vec::new),
        ..Queries::default()
    };
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut matched = false;
    for project in &ground.found.projects {
        let folder = if project.folder.is_empty() { "." } else { &project.folder };
        let collected =
            collector.project(project).await.with_context(|| format!("read the project {folder}"))?;
        let facts = &collected.facts;
        known.extend(names(facts));
        let wanted = options.table.as_ref().map(|name| tables_named(facts, name));
        matched |= wanted.as_ref().is_some_and(|tables| !tables.is_empty());
        of_project(&collected, laboratory, wanted.as_ref(), &mut answer, progress).await?;
        if let Some(unused) = &mut answer.unused_indexes {
            let found = indexes::unused(facts);
            unused.extend(
                found
                    .into_iter()
                    .filter(|index| wanted.as_ref().is_none_or(|tables| tables.contains(&index.table))),
            );
        }
        answer.gaps.extend(facts.gaps.iter().cloned().map(|gap| gap.for_needs(&[])));
    }
    if let Some(name) = options.table.as_ref().filter(|_| !matched) {
        let near: Vec<&str> = near(name, &known);
        let hint = match near.as_slice() {
            [] => "the schema names its models; a table is named as in the database".to_owned(),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        bail!("there is no table or model \"{name}\"\nhint: {hint}");
    }
    match counted {
        Some(Ok(statements)) => crate::traffic::map(&mut answer, &statements),
        Some(Err(gap)) => answer.gaps.push(gap),
        None => {}
    }
    answer.server_version = laboratory.running().map(|lab| lab.version());
    Ok(answer)
}

/// What a server counted. A server that cannot be reached is the user's to mend, because they named it; one that
/// counted nothing is a gap.
async fn counted(url: &str) -> Result<Result<Vec<CountedStatement>, Gap>> {
    let url = ServerUrl::parse(url).context("read the URL of --url")?;
    let session = ReadSession::connect(&url).await?;
    let read = session.counted_statements().await;
    session.close().await;
    match read {
        Ok(statements) => Ok(Ok(statements)),
        Err(ReadError::Denied { gap, .. }) => Ok(Err(gap)),
        Err(error) => {
            let hint = error.hint();
            Err(anyhow::Error::new(error).context(format!("ask for the workload\nhint: {hint}")))
        }
    }
}

async fn of_project(
    collected: &Collected,
    laboratory: &Laboratory,
    wanted: Option<&BTreeSet<QName>>,
    answer: &mut Queries,
    progress: &dyn Progress,
) -> Result<()> {
    let facts = &collected.facts;
    let Some(code) = &facts.code else { return Ok(()) };
    let until = Instant::now() + LIMIT;
    let twin = match (laboratory.running(), &collected.database) {
        (Some(lab), Some(made)) if !code.calls.is_empty() || !code.raw.is_empty() => {
            progress.phase("make rows to plan for");
            let (twin, gaps) = make(&lab, made, facts, &BTreeMap::new(), EVERYWHERE, until).await?;
            answer.gaps.extend(gaps);
            Some((lab, twin))
        }
        _ => None,
    };
    let planner = Planner { facts, code, twin: twin.as_ref().map(|(_, twin)| twin), until };
    answer.files += code.counts.files;
    answer.total += code.calls.len() + code.raw.len();
    answer.generated_rows += twin.as_ref().map_or(0, |(_, twin)| twin.filled.rows.values().sum());
    progress.phase("plan the statements");
    let mut found = Vec::new();
    for (done, call) in code.calls.iter().enumerate() {
        progress.step(done, code.calls.len());
        if let Lowered::NotUnderstood { reason } = &call.lowered {
            *answer.not_understood.entry(reason.clone()).or_insert(0) += 1;
        }
        if wanted.is_none_or(|tables| meets(facts, call, tables)) {
            found.push(planner.call(call).await);
        }
    }
    for raw in &code.raw {
        let unknown = raw.text.is_none();
        if unknown {
            *answer.not_understood.entry(NOT_WRITTEN.to_owned()).or_insert(0) += 1;
        }
        let meets = |tables: &BTreeSet<QName>| {
            let accesses = raw.lowered.queries().flat_map(|query| &query.accesses);
            let read = accesses.map(|access| QName::new(access.namespace.clone(), access.table.clone()));
            let text = raw.text.as_deref().unwrap_or_default();
            read.into_iter().any(|name| tables.contains(&name))
                || tables.iter().any(|name| indexes::names_word(text, &name.name))
        };
        if wanted.is_none_or(meets) {
            found.push(planner.raw(raw).await);
        }
    }
    found.sort_by(|one, other| (&one.at.file, one.at.span).cmp(&(&other.at.file, other.at.span)));
    answer.calls.extend(found);
    if planner.twin.is_some() && Instant::now() >= until {
        answer.gaps.push(Gap::new(
            "plans",
            format!("Not all statements were planned within {} s.", LIMIT.as_secs()),
            "name one table with --table",
        ));
    }
    if let Some((lab, twin)) = twin {
        twin.close(&lab).await?;
    }
    Ok(())
}

const NOT_WRITTEN: &str = "the SQL is not written at the call";

/// What a plan is asked for.
enum Ready {
    /// The statement with values.
    Bound(String),
    /// The statement with its parameters.
    Generic,
}

struct Planner<'a> {
    facts: &'a Facts,
    code: &'a Code,
    twin: Option<&'a Twin>,
    until: Instant,
}

impl Planner<'_> {
    async fn call(&self, call: &Call) -> CalledAt {
        let mut statements: Vec<PlannedStatement> = Vec::new();
        let mut in_memory = Vec::new();
        for variant in call.lowered.variants() {
            for query in &variant.queries {
                // Variants of a call share most of their statements.
                if !statements.iter().any(|known| *known.sql == *query.sql) {
                    let bound = match self.twin {
                        Some(twin) => Some(twin.bench.bound(query, 0, Whose::Any).await.map(Ready::Bound)),
                        None => None,
                    };
                    statements.push(self.statement(query, bound).await);
                }
            }
            for step in &variant.in_memory {
                if !in_memory.contains(step) {
                    in_memory.push(step.clone());
                }
            }
        }
        let model = lower_first(&call.model);
        CalledAt {
            statements,
            in_memory,
            not_understood: match &call.lowered {
                Lowered::NotUnderstood { reason } => Some(reason.clone()),
                Lowered::Understood(_) => None,
            },
            ..self.at(&call.site, format!("{model}.{}", call.operation.name()))
        }
    }

    async fn raw(&self, raw: &RawQuery) -> CalledAt {
        let mut statements = Vec::new();
        if let Some(text) = &raw.text {
            let known = raw.lowered.queries().next();
            let query = Query {
                sql: text.trim().trim_end_matches(';').into(),
                kind: known.map_or(StatementKind::Select, |query| query.kind),
                parameters: Vec::new(),
                purpose: Purpose::Main,
                accesses: known.map(|query| query.accesses.clone()).unwrap_or_default(),
            };
            // Nobody knows what the holes hold, so the server is asked for a plan for any value.
            let generic = self.twin.map(|twin| match twin.version.major() {
                16.. => Ok(Ready::Generic),
                _ => Err("plans without values need PostgreSQL 16 or later".to_owned()),
            });
            statements.push(self.statement(&query, generic).await);
        }
        CalledAt {
            statements,
            not_understood: raw.text.is_none().then(|| NOT_WRITTEN.to_owned()),
            ..self.at(&raw.site, raw.method.clone())
        }
    }

    fn at(&self, site: &Site, call: String) -> CalledAt {
        let function = self.code.function(site);
        CalledAt {
            at: self.facts.sources.range(&site.at.file, site.at.span),
            call,
            function: function.name.clone(),
            serves: function.file_role == FileRole::Application,
            statements: Vec::new(),
            in_memory: Vec::new(),
            not_understood: None,
            seen: None,
        }
    }

    async fn statement(&self, query: &Query, ready: Option<Result<Ready, String>>) -> PlannedStatement {
        let mut tables: Vec<QName> = Vec::new();
        for access in &query.accesses {
            let name = QName::new(access.namespace.clone(), access.table.clone());
            if !tables.contains(&name) {
                tables.push(name);
            }
        }
        let planned = match (self.twin, ready) {
            (Some(_), _) if Instant::now() >= self.until => Err("there was no time left".to_owned()),
            (Some(twin), Some(Ok(ready))) => {
                let plan = match ready {
                    Ready::Bound(sql) => twin.bench.plan(&sql).await,
                    Ready::Generic => twin.bench.generic_plan(&query.sql).await,
                };
                plan.map_err(|error| error.message)
            }
            (_, Some(Err(why))) => Err(why),
            _ => Err("there was no lab to plan it in".to_owned()),
        };
        PlannedStatement {
            sql: query.sql.to_string(),
            purpose: purpose(query),
            tables,
            unplanned: planned.as_ref().err().cloned(),
            plan: planned.ok().map(|plan| planned_as(&plan)),
        }
    }
}

fn planned_as(plan: &PlanNode) -> PlannedAs {
    let mut indexes: Vec<String> = plan.indexes().into_iter().map(str::to_owned).collect();
    indexes.sort();
    indexes.dedup();
    PlannedAs { scan: plan.main(), indexes, cost: plan.cost, rows: plan.estimated_rows }
}

fn purpose(query: &Query) -> String {
    let verb = match query.kind {
        StatementKind::Select => "reads",
        StatementKind::Insert => "inserts",
        StatementKind::Update => "updates",
        StatementKind::Delete => "deletes",
    };
    match &query.purpose {
        Purpose::Main => verb.to_owned(),
        Purpose::Relation(path) => format!("loads {path}"),
        Purpose::ReadBack => "reads back".to_owned(),
        Purpose::Nested(path) => format!("{verb} {path}"),
    }
}

fn meets(facts: &Facts, call: &Call, tables: &BTreeSet<QName>) -> bool {
    let accesses = call.lowered.queries().flat_map(|query| &query.accesses);
    let named = |access: &pgsteward_model::code::Access| {
        tables.iter().any(|name| name.namespace == access.namespace && name.name == access.table)
    };
    accesses.into_iter().any(named)
        || tables_named(facts, &call.model).iter().any(|name| tables.contains(name))
}

/// Tables of this name: `Order`, `public.Order`, a model's name in any case.
fn tables_named(facts: &Facts, name: &str) -> BTreeSet<QName> {
    let mut found = BTreeSet::new();
    for model in facts.prisma.iter().flat_map(|schema| &schema.models) {
        let table = QName::new(model.namespace.as_deref().unwrap_or("public"), model.db_name.clone());
        if model.name.eq_ignore_ascii_case(name) || table.name == name || table.to_string() == name {
            found.insert(table);
        }
    }
    let tables = facts.catalog().into_iter().flat_map(|catalog| catalog.tables.keys());
    found.extend(tables.filter(|table| table.name == name || table.to_string() == name).cloned());
    found
}

fn names(facts: &Facts) -> Vec<String> {
    let models = facts.prisma.iter().flat_map(|schema| &schema.models).map(|model| model.name.clone());
    let tables = facts.catalog().into_iter().flat_map(|catalog| catalog.tables.keys());
    models.chain(tables.map(|table| table.name.clone())).collect()
}

fn lower_first(name: &str) -> String {
    name.split_at_checked(1).map_or(String::new(), |(first, rest)| first.to_lowercase() + rest)
}
