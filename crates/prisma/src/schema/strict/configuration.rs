//! Datasource and generator as they are written. What a release of Prisma took away is refused only where the project
//! is known to use that release.

use std::collections::HashSet;

use super::super::ast::{Block, BlockKind, Entry, Expr, ExprKind};
use super::arguments::Problem;

/// Preview features that any release since 2.13 has had. The engine of 7.10 still takes each of them, but those in
/// [`GONE`].
const FEATURES: &str = "aggregateApi atomicNumberOperations clientExtensions cockroachdb connectOrCreate createMany \
    dataProxy deno distinct driverAdapters extendedIndexes extendedWhereUnique fieldReference filteredRelationCount \
    filterJson fullTextIndex fullTextSearch fullTextSearchPostgres groupBy improvedQueryRaw interactiveTransactions \
    jsonProtocol metrics microsoftSqlServer middlewares mongoDb mongodb multiSchema nApi namedConstraints \
    nativeDistinct nativeTypes omitApi orderByAggregateGroup orderByNulls orderByRelation partialIndexes \
    postgresqlExtensions prismaSchemaFolder queryCompiler reactNative referentialActions referentialIntegrity \
    relationJoins schemaEngineDriverAdapters selectRelationCount shardKeys strictUndefinedChecks tracing \
    transactionApi typedSql uncheckedScalarInputs views";

/// What Prisma 7 does not know any more.
const GONE: [&str; 1] = ["metrics"];

const PROVIDERS: [&str; 7] =
    ["postgresql", "postgres", "mysql", "sqlite", "sqlserver", "mongodb", "cockroachdb"];

pub(super) fn problems(block: &Block, major: Option<u32>, features: &HashSet<&str>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = HashSet::new();
    for entry in &block.entries {
        let key = entry.key.text.as_str();
        if !seen.insert(key) {
            problems.push((entry.key.span, format!("\"{key}\" stands twice")));
        }
        let problem = match block.kind {
            BlockKind::Datasource => datasource(entry, major, features),
            _ => generator(entry, major),
        };
        problems.extend(problem.map(|problem| (entry.value.span, problem)));
    }
    if !seen.contains("provider") {
        problems.push((block.name.span, format!("\"{}\" has no provider", block.name.text)));
    }
    problems
}

fn datasource(entry: &Entry, major: Option<u32>, features: &HashSet<&str>) -> Option<String> {
    let value = &entry.value;
    match entry.key.text.as_str() {
        "provider" => match value.as_string() {
            None => Some("the provider of a datasource must be a string".into()),
            Some(name) if !PROVIDERS.contains(&name) => Some(format!("unknown provider \"{name}\"")),
            Some(_) => None,
        },
        key @ ("url" | "directUrl" | "shadowDatabaseUrl") => {
            let gone = major.is_some_and(|major| major >= 7);
            gone.then(|| format!("Prisma 7 takes no \"{key}\" here: URLs stand in prisma.config.ts"))
        }
        "relationMode" | "referentialIntegrity" => match value.as_string() {
            Some("prisma" | "foreignKeys") => None,
            _ => Some("the relation mode is \"prisma\" or \"foreignKeys\"".into()),
        },
        "extensions" if !features.contains("postgresqlExtensions") => Some(
            "\"extensions\" needs \"postgresqlExtensions\" among the previewFeatures of a generator".into(),
        ),
        "extensions" => {
            let plain = |one: &Expr| matches!(one.kind, ExprKind::Word(_) | ExprKind::Call { .. });
            (!value.elements().iter().all(plain)).then(|| "an extension is a word, without quotes".into())
        }
        "schemas" => value.elements().is_empty().then(|| "\"schemas\" is empty".into()),
        key => Some(format!("a datasource has no \"{key}\"")),
    }
}

fn generator(entry: &Entry, major: Option<u32>) -> Option<String> {
    let value = &entry.value;
    match entry.key.text.as_str() {
        "provider" => {
            let from_environment = matches!(&value.kind, ExprKind::Call { name, .. } if name == "env");
            (value.as_string().is_none() && !from_environment)
                .then(|| "the provider of a generator must be a string".into())
        }
        "previewFeatures" => value.elements().iter().find_map(|one| {
            let Some(name) = one.as_string() else {
                return Some("a preview feature must be a string".to_owned());
            };
            if !FEATURES.split_whitespace().any(|known| known == name) {
                return Some(format!("unknown preview feature \"{name}\""));
            }
            let gone = GONE.contains(&name) && major.is_some_and(|major| major >= 7);
            gone.then(|| format!("Prisma 7 has no preview feature \"{name}\" any more"))
        }),
        _ => None,
    }
}
