//! Tests of Json: paths, texts and elements within.

use pgsteward_model::prisma::{Arity, FieldType, Scalar};

use super::condition::Scope;
use super::plan::Plan;
use super::scalar::{Operator, Test};
use super::sql::{Sql, Tree};
use super::test::{facts, like, operand, render};
use super::{Outcome, refuse};

/// True for tests of a Json column that plain comparison cannot express.
pub(super) fn special(test: &Test<'_>) -> bool {
    use Operator::*;
    let json = matches!(test.field.ty, FieldType::Scalar(Scalar::Json)) && test.field.arity != Arity::List;
    json && test.aggregate.is_none()
        && matches!(
            test.operator,
            JsonContains { .. }
                | JsonStarts { .. }
                | JsonEnds { .. }
                | Less
                | LessEquals
                | Greater
                | GreaterEquals
        )
}

pub(super) fn condition(plan: &Plan<'_>, test: &Test<'_>, scope: &Scope) -> Outcome<Tree> {
    use Operator::*;
    plan.access(scope.access, |access| facts(access, test, scope));
    let column = || scope.alias.column(test.model, test.field);
    let extracted = |operator: &str| match &test.json_path {
        Some(path) => {
            let steps = path.iter().map(|step| plan.free(step));
            Sql::text("(").s(column()).t(operator).t("ARRAY[").s(Sql::join(steps, ", ")).t("]::text[])")
        }
        None => column(),
    };
    let json = || if test.json_path.is_some() { extracted("#>").t("::jsonb") } else { column() };
    let text = || extracted("#>>");
    let value = || operand(plan, test, scope);
    let lower = |sql: Sql| Sql::text("LOWER(").s(sql).t(")");
    let texts = |before: bool, after: bool| -> Outcome<Sql> {
        let pattern = like(value()?, before, after);
        Ok(if test.insensitive {
            let left = lower(text());
            left.t(" LIKE ").s(lower(pattern))
        } else {
            let left = if test.json_path.is_some() { text() } else { text().t("::text") };
            left.t(" LIKE ").s(pattern)
        })
    };
    let compared = match test.operator {
        JsonContains { array: false } => texts(true, true)?,
        JsonStarts { array: false } => texts(false, true)?,
        JsonEnds { array: false } => texts(true, false)?,
        JsonContains { array: true } => json().t(" @> ").s(value()?),
        JsonStarts { array: true } => Sql::text("(").s(json()).t("->0)::jsonb = ").s(value()?),
        JsonEnds { array: true } => Sql::text("(").s(json()).t("->-1)::jsonb = ").s(value()?),
        Less => json().t(" < ").s(value()?),
        LessEquals => json().t(" <= ").s(value()?),
        Greater => json().t(" > ").s(value()?),
        GreaterEquals => json().t(" >= ").s(value()?),
        Equals | NotEquals => return render(plan, test, json(), scope),
        _ => return Err(refuse("an operator that Json has not")),
    };
    // A comparison says something about values of its own type only.
    let kind = Sql::text("JSONB_TYPEOF(").s(json());
    let both = if scope.reverse {
        Tree::Or(vec![Tree::One(compared), Tree::One(kind.t(") != ").s(plan.free("type")))])
    } else {
        Tree::And(vec![Tree::One(compared), Tree::One(kind.t(") = ").s(plan.free("type")))])
    };
    // One test, which keeps its parentheses within an `AND`.
    Ok(Tree::One(both.sql()))
}
