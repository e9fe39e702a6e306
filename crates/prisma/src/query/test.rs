//! One test of a column as SQL, and what it means for an index.

use pgsteward_model::code::{Access, Pattern, PatternKind};
use pgsteward_model::prisma::{Arity, FieldType, Scalar};

use super::condition::Scope;
use super::plan::{Plan, note};
use super::scalar::{Operand, Operator, Test};
use super::sql::{Sql, Tree};
use super::{Outcome, refuse};

pub(super) fn condition(plan: &Plan<'_>, test: &Test<'_>, scope: &Scope) -> Outcome<Tree> {
    plan.access(scope.access, |access| facts(access, test, scope));
    let column = scope.alias.column(test.model, test.field);
    let column = match test.aggregate {
        Some(function) => Sql::text(format!("{function}(")).s(column).t(")"),
        None => column,
    };
    render(plan, test, column, scope)
}

/// The comparison with `left` standing for the column.
pub(super) fn render(plan: &Plan<'_>, test: &Test<'_>, left: Sql, scope: &Scope) -> Outcome<Tree> {
    use Operator::*;
    match (test.operator, &test.operand) {
        (Equals | In, Operand::Null) => return Ok(Tree::One(left.t(" IS NULL"))),
        (NotEquals | NotIn, Operand::Null) => return Ok(Tree::One(left.t(" IS NOT NULL"))),
        (In, Operand::EmptyList) => return Ok(Tree::One(Sql::text("1=0"))),
        (NotIn, Operand::EmptyList) => return Ok(Tree::One(Sql::text("1=1"))),
        (IsEmpty(true), _) => return Ok(Tree::One(left.t(" = '{}'"))),
        (IsEmpty(false), _) => return Ok(Tree::One(left.t(" <> '{}'"))),
        _ => {}
    }
    let text_cast = |left: Sql| left.t("::text");
    let right = || operand(plan, test, scope);
    let compare = |left: Sql, word: &str, right: Sql| Tree::One(left.t(" ").t(word).t(" ").s(right));
    let lower = |sql: Sql| Sql::text("LOWER(").s(sql).t(")");
    if test.insensitive {
        let pattern = |word: &str, before: bool, after: bool| -> Outcome<Tree> {
            Ok(compare(left.clone(), word, like(right()?, before, after)))
        };
        let ordered = |word: &str| -> Outcome<Tree> {
            let left = if test.aggregate.is_none() { lower(left.clone()) } else { left.clone() };
            Ok(compare(left, word, lower(right()?)))
        };
        return match test.operator {
            Equals => pattern("ILIKE", false, false),
            NotEquals => pattern("NOT ILIKE", false, false),
            Contains => pattern("ILIKE", true, true),
            NotContains => pattern("NOT ILIKE", true, true),
            StartsWith => pattern("ILIKE", false, true),
            NotStartsWith => pattern("NOT ILIKE", false, true),
            EndsWith => pattern("ILIKE", true, false),
            NotEndsWith => pattern("NOT ILIKE", true, false),
            Less => ordered("<"),
            LessEquals => ordered("<="),
            Greater => ordered(">"),
            GreaterEquals => ordered(">="),
            In => Ok(compare(lower(left.clone()), "IN", lower(right()?).wrapped())),
            NotIn => Ok(compare(lower(left.clone()), "NOT IN", lower(right()?).wrapped())),
            _ => Err(refuse("an operator that has no insensitive form")),
        };
    }
    Ok(match test.operator {
        Equals => compare(json_cast(test, left), "=", right()?),
        NotEquals => compare(json_cast(test, left), "<>", right()?),
        In | NotIn => {
            let word = if test.operator == In { "IN" } else { "NOT IN" };
            match &test.operand {
                Operand::Column(_) => {
                    let (word, function) = if test.operator == In { ("=", "ANY(") } else { ("<>", "ALL(") };
                    compare(left, word, Sql::text(function).s(right()?).t(")"))
                }
                _ => compare(left, word, right()?.wrapped()),
            }
        }
        Contains => compare(text_cast(left), "LIKE", like(right()?, true, true)),
        NotContains => compare(text_cast(left), "NOT LIKE", like(right()?, true, true)),
        StartsWith => compare(text_cast(left), "LIKE", like(right()?, false, true)),
        NotStartsWith => compare(text_cast(left), "NOT LIKE", like(right()?, false, true)),
        EndsWith => compare(text_cast(left), "LIKE", like(right()?, true, false)),
        NotEndsWith => compare(text_cast(left), "NOT LIKE", like(right()?, true, false)),
        Less => compare(left, "<", right()?),
        LessEquals => compare(left, "<=", right()?),
        Greater => compare(left, ">", right()?),
        GreaterEquals => compare(left, ">=", right()?),
        Has | HasEvery => compare(left, "@>", list_operand(test, scope)?),
        HasSome => compare(left, "&&", list_operand(test, scope)?),
        Search | NotSearch => {
            let search =
                Sql::text("to_tsvector(concat_ws(' ', ").s(left).t(")) @@ to_tsquery(").s(right()?).t(")");
            if test.operator == Search {
                Tree::One(search)
            } else {
                Tree::One(Sql::text("(NOT ").s(search).t(")"))
            }
        }
        IsEmpty(_) | JsonContains { .. } | JsonStarts { .. } | JsonEnds { .. } => {
            return Err(refuse("an operator of another type"));
        }
    })
}

/// The right side of a comparison.
pub(super) fn operand(plan: &Plan<'_>, test: &Test<'_>, scope: &Scope) -> Outcome<Sql> {
    match &test.operand {
        Operand::Parameter { path, list } if counts(test) => {
            Ok(Sql::parameter(super::column::parameter(test.model, test.field, path, *list)))
        }
        Operand::Parameter { path, list } => Ok(plan.value(test.model, test.field, path, *list)),
        Operand::Several(paths) => {
            Ok(Sql::join(paths.iter().map(|path| one_of_several(plan, test, path)), ","))
        }
        Operand::Brought { path, list } => {
            Ok(Sql::parameter(super::column::parameter(test.model, test.field, path, *list)))
        }
        Operand::Column(field) => Ok(scope.alias.column(test.model, field)),
        Operand::Null | Operand::EmptyList => Err(refuse("an operator that takes no null")),
    }
}

fn one_of_several(plan: &Plan<'_>, test: &Test<'_>, path: &str) -> Sql {
    match counts(test) {
        true => Sql::parameter(super::column::parameter(test.model, test.field, path, false)),
        false => plan.value(test.model, test.field, path, false),
    }
}

/// A count is a number whatever it counts.
fn counts(test: &Test<'_>) -> bool {
    test.aggregate == Some("COUNT")
}

/// A list that is sent as one array, without the cast of its enum.
fn list_operand(test: &Test<'_>, scope: &Scope) -> Outcome<Sql> {
    match &test.operand {
        Operand::Parameter { path, .. } => {
            Ok(Sql::parameter(super::column::parameter(test.model, test.field, path, false)))
        }
        Operand::Column(field) => Ok(scope.alias.column(test.model, field)),
        _ => Err(refuse("an operator that takes no null")),
    }
}

pub(super) fn like(right: Sql, before: bool, after: bool) -> Sql {
    match (before, after) {
        (false, false) => right,
        (true, true) => Sql::text("('%' || ").s(right).t(" || '%')"),
        (false, true) => Sql::text("(").s(right).t(" || '%')"),
        (true, false) => Sql::text("('%' || ").s(right).t(")"),
    }
}

fn json_cast(test: &Test<'_>, left: Sql) -> Sql {
    let json = matches!(test.field.ty, FieldType::Scalar(Scalar::Json)) && test.field.arity != Arity::List;
    if json && test.aggregate.is_none() { left.t("::jsonb") } else { left }
}

/// What the test means for an index.
pub(super) fn facts(access: &mut Access, test: &Test<'_>, scope: &Scope) {
    use Operator::*;
    if test.aggregate.is_some() {
        return;
    }
    let column = test.field.db_name.as_str();
    let json = matches!(test.field.ty, FieldType::Scalar(Scalar::Json));
    let kind = match test.operator {
        Equals if test.insensitive => Some(PatternKind::Equals),
        In if test.insensitive => Some(PatternKind::Equals),
        Contains => Some(PatternKind::Contains),
        StartsWith => Some(PatternKind::Prefix),
        EndsWith => Some(PatternKind::Suffix),
        Search => Some(PatternKind::FullText),
        Has | HasEvery | HasSome => Some(PatternKind::Containment),
        JsonContains { .. } | JsonStarts { .. } | JsonEnds { .. } => Some(PatternKind::Containment),
        Equals | Less | LessEquals | Greater | GreaterEquals if json => Some(PatternKind::Containment),
        _ => None,
    };
    let known =
        matches!(test.operand, Operand::Parameter { .. } | Operand::Several(_) | Operand::Brought { .. });
    if let (Some(kind), true) = (kind, known) {
        let pattern = Pattern { column: column.to_owned(), kind, insensitive: test.insensitive };
        let list = match (scope.sure, scope.apart) {
            (true, _) => &mut access.patterns,
            (false, true) => &mut access.patterns_apart,
            (false, false) => return note(&mut access.other, column),
        };
        if !list.contains(&pattern) {
            list.push(pattern);
        }
        return;
    }
    let list = match test.operator {
        _ if !scope.sure || !known => &mut access.other,
        Equals => &mut access.equal,
        In => &mut access.any_of,
        Less | LessEquals | Greater | GreaterEquals if !test.insensitive => &mut access.range,
        _ => &mut access.other,
    };
    note(list, column);
}
