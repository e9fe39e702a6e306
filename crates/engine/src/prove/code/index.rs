//! A statement before and after the index that a fix makes.

use pgsteward_lab::Whose;
use pgsteward_model::change::{Rollback, Step};
use pgsteward_model::code::Call;
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Verdict};
use pgsteward_model::statement::Statement;

use super::{Bench, Seen, not_shown, query_of};

/// A table of fewer pages is read faster without an index.
const WORTH_AN_INDEX: u64 = 32;

pub(super) async fn show(bench: &Bench<'_>, finding: &Finding, call: &Call) -> Seen {
    let (Some(query), Some(fix)) = (query_of(finding, call), &finding.fix) else {
        return not_shown("the statement of the call is not known");
    };
    let work = &bench.twin.bench;
    let sql = match work.bound(query, 0, Whose::Any).await {
        Ok(sql) => sql,
        Err(why) => return not_shown(why),
    };
    let mut seen = Vec::new();
    let (before, _) = match work.run("as it is", &sql).await {
        Ok(ran) => ran,
        Err(error) => return not_shown(format!("the statement failed on generated rows: {}", error.message)),
    };
    seen.push(Observation::Ran(before.clone()));
    let mut made = Vec::new();
    for step in &fix.change.steps {
        let Step::Sql(step) = step else { continue };
        for parsed in pgsteward_sql::parse(&step.sql).statements {
            if let Statement::CreateIndex(create) = parsed.statement {
                made.push(create.index.name.clone());
            }
        }
        if let Err(error) = work.apply(&step.sql).await {
            return (
                seen,
                Verdict::Unprovable { reason: format!("the index could not be made: {}", error.message) },
            );
        }
    }
    let after = work.run("with the index", &sql).await;
    // What is left behind would be in the way of the next proof.
    if let Rollback::Steps(steps) = &fix.change.rollback {
        for step in steps {
            if let Step::Sql(step) = step
                && let Err(error) = work.apply(&step.sql).await
            {
                return (
                    seen,
                    Verdict::Unprovable {
                        reason: format!("the index could not be removed: {}", error.message),
                    },
                );
            }
        }
    }
    let (after, plan) = match after {
        Ok(ran) => ran,
        Err(error) => return (seen, Verdict::Unprovable { reason: error.message }),
    };
    let used = plan.indexes().iter().any(|index| made.iter().any(|name| name == index));
    let verdict = if !used && before.buffers < WORTH_AN_INDEX && before.plan.starts_with("Seq Scan") {
        // Nothing is gained by an index on so few pages, and production may have more.
        Verdict::Unprovable {
            reason: format!("{} pages of generated rows are read without it", before.buffers),
        }
    } else if !used {
        Verdict::Refuted { reason: "the planner does not use it on generated rows".into() }
    } else if after.buffers >= before.buffers {
        Verdict::Refuted {
            reason: format!("with it {} pages are read, without it {}", after.buffers, before.buffers),
        }
    } else {
        Verdict::Proven
    };
    seen.push(Observation::Ran(after));
    (seen, verdict)
}
