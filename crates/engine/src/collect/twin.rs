//! A lab database with the schema of a live one: what a fix of the live database will meet.

use anyhow::{Context, Result};
use pgsteward_lab::Lab;
use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences, schema_only};
use pgsteward_model::facts::Gap;

use super::Made;

/// How many objects and reasons a gap lists.
const SHOWN: usize = 5;

/// Builds the schema of `catalog` in a new lab database. What it lacks or has otherwise is one gap; none is
/// returned where the lab could not build anything.
pub async fn twin(lab: &Lab, catalog: &Catalog, gaps: &mut Vec<Gap>) -> Result<Option<Made>> {
    let database = lab.create_database().await.context("create a database in the lab")?;
    let built = match pgsteward_lab::build(lab, &database, catalog).await {
        Ok(built) => built,
        Err(error) => {
            gaps.push(Gap::new(
                "copy of the database",
                format!("The lab could not build the schema of the database: {error}."),
                error.hint(),
            ));
            return Ok(None);
        }
    };
    let made = Made::read(database).await?;
    let mut objects: Vec<String> =
        differences(&schema_only(catalog), &schema_only(&made.catalog), ColumnOrder::Matters)
            .into_iter()
            .map(|difference| difference.object)
            .collect();
    objects.dedup();
    if objects.is_empty() {
        return Ok(Some(made));
    }
    let mut reasons: Vec<&str> = Vec::new();
    for (_, why) in &built.skipped {
        if !reasons.contains(&why.as_str()) {
            reasons.push(why);
        }
    }
    let reasons = match reasons.as_slice() {
        [] => String::new(),
        reasons => format!(" ({})", listed(reasons, "; ")),
    };
    gaps.push(Gap::new(
        "copy of the database",
        format!(
            "The lab's copy of the schema lacks or has otherwise: {}{reasons}. Fixes of these are not proven.",
            listed(&objects, ", ")
        ),
        "try the fixes of these objects on a copy of the database of your own",
    ));
    Ok(Some(made))
}

/// Whether two databases have the same schema, whoever owns it. The table of Prisma's history is in a database
/// that was deployed to and in no replay.
pub(super) fn same_schema(one: &Catalog, other: &Catalog) -> bool {
    let plain = |catalog: &Catalog| {
        let mut plain = schema_only(catalog);
        plain.tables.retain(|name, _| name.name != "_prisma_migrations");
        plain
    };
    differences(&plain(one), &plain(other), ColumnOrder::Ignored).is_empty()
}

fn listed<S: AsRef<str>>(items: &[S], separator: &str) -> String {
    let shown: Vec<&str> = items.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let shown = shown.join(separator);
    match items.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
