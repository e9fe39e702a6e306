//! Views that a migration drops and makes again. PostgreSQL keeps nothing of what belonged to the one before, whoever gave
//! it, and a migration can only give again what its author knew of: the rest is said. It reads, and gives nothing by itself.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::QName;
use pgsteward_model::migration::ServerError;
use pgsteward_model::statement::Statement;
use pgsteward_pg::WriteSession;
use pgsteward_sql::{quote_literal, quote_qualified};

use crate::migrate::belongings::{Parts, kept};
use crate::migrate::regime::FilePlan;

/// A plain view has something that [`kept`] would remember.
const ADORNED: &str = "(relacl IS NOT NULL OR reloptions IS NOT NULL OR relhastriggers OR pg_get_userbyid(relowner) <> current_user \
    OR EXISTS (SELECT FROM pg_catalog.pg_description WHERE classoid = 'pg_class'::regclass AND objoid = view.oid) \
    OR EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid = view.oid AND attacl IS NOT NULL) \
    OR EXISTS (SELECT FROM pg_catalog.pg_attrdef WHERE adrelid = view.oid) \
    OR EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = view.oid AND rulename <> '_RETURN'))";

/// What each view has beside its text, as statements that give it.
pub(super) struct Had(BTreeMap<QName, Vec<String>>);

/// Of views that are there now and that the file makes. None where it makes none of them.
pub(super) async fn look(
    session: &WriteSession,
    plan: &FilePlan,
    namespace: &str,
) -> Result<Option<Had>, ServerError> {
    let made = plan.statements.iter().filter_map(|one| match &one.statement {
        Statement::CreateView { name, or_replace: false, materialized, .. } => {
            let namespace = name.namespace.as_deref().unwrap_or(namespace);
            Some((QName::new(namespace, name.name.as_str()), *materialized))
        }
        _ => None,
    });
    let made: Vec<(QName, bool)> = made.collect();
    if made.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = made.iter().map(|(name, _)| quote_literal(&quote_qualified(name))).collect();
    // One that is there twice in the file is made once more. Most have nothing but their text, which is told at once.
    let kinds = session
        .rows(&format!(
            "SELECT place, relkind = 'm' FROM unnest(ARRAY[{}]) WITH ORDINALITY AS made (name, place) \
             JOIN pg_catalog.pg_class AS view ON view.oid = to_regclass(name) AND relkind IN ('v', 'm') WHERE relkind = 'm' OR {ADORNED}",
            names.join(", ")
        ))
        .await?;
    let mut views: BTreeMap<QName, bool> = BTreeMap::new();
    for row in kinds {
        let [Some(place), Some(was)] = row.as_slice() else { continue };
        let at = place.parse::<usize>().ok().and_then(|place| made.get(place.checked_sub(1)?));
        let Some((name, materialized)) = at else { continue };
        *views.entry(name.clone()).or_default() |= (was == "t") != *materialized;
    }
    let mut had = BTreeMap::new();
    for (name, turned) in views {
        let given = given(session, &name, turned).await?;
        had.insert(name, given);
    }
    Ok((!had.is_empty()).then_some(Had(had)))
}

/// In the words that give it to the kind that the view has at the end.
async fn given(session: &WriteSession, view: &QName, turned: bool) -> Result<Vec<String>, ServerError> {
    let turned: BTreeSet<QName> = turned.then(|| view.clone()).into_iter().collect();
    // What is taken from an owner and given back to it says nothing of others.
    let rows = session
        .rows(&format!(
            "{};\nSELECT one FROM unnest(pg_catalog.current_setting('pgsteward.views')::text[]) AS one \
             WHERE one !~ '^(DO|REVOKE) ' AND NOT (one ~ '^GRANT ' \
             AND right(replace(one, ' WITH GRANT OPTION', ''), length(quote_ident(current_user)) + 4) = ' TO ' || quote_ident(current_user))",
            kept(std::iter::once(view), &turned, &Parts::new())
        ))
        .await?;
    // The first row is of what remembers them.
    Ok(rows.into_iter().skip(1).filter_map(|row| row.into_iter().next().flatten()).collect())
}

impl Had {
    /// What the views have no more, for people. Of one that the file took away again, or gave another name, nothing.
    pub(super) async fn lost(&self, session: &WriteSession) -> Result<Option<String>, ServerError> {
        let (mut names, mut lost) = (Vec::new(), Vec::new());
        for (name, had) in self.0.iter().filter(|(_, had)| !had.is_empty()) {
            let there = format!(
                "SELECT 1 FROM pg_catalog.pg_class WHERE oid = to_regclass({}) AND relkind IN ('v', 'm')",
                quote_literal(&quote_qualified(name))
            );
            if session.rows(&there).await?.is_empty() {
                continue;
            }
            let now = given(session, name, false).await?;
            let gone = lost.len();
            // An index of the same name is the migration's choice, and the server takes no second one.
            let replaced =
                |one: &str| index(one).is_some_and(|name| now.iter().any(|now| index(now) == Some(name)));
            let had = had.iter().map(String::as_str);
            lost.extend(had.filter(|one| !now.iter().any(|now| now == one) && !replaced(one)));
            if lost.len() > gone {
                names.push(format!("\"{}\"", name.display()));
            }
        }
        if lost.is_empty() {
            return Ok(None);
        }
        Ok(Some(format!(
            "it made {} anew, without what was given to the view before; where that is to stay, run: {}",
            names.join(", "),
            lost.join("; ")
        )))
    }
}

/// The name in a statement that makes an index, quoted as it stands there.
fn index(sql: &str) -> Option<&str> {
    let named = sql.strip_prefix("CREATE UNIQUE INDEX ").or_else(|| sql.strip_prefix("CREATE INDEX "));
    named?.split_once(" ON ").map(|(name, _)| name)
}
