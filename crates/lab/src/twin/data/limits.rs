//! What the CHECK constraints of a table leave of the values that its columns may have.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, Column, ConstraintKind, QName, Table, TypeClass};

use super::expression::{Expr, read};

/// The limits of one table. A condition that could not be read limits nothing here; the server still holds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Limits {
    columns: BTreeMap<String, Limit>,
    /// The first column is never greater than the second, and less where `true`.
    pub(super) ordered: Vec<(String, String, bool)>,
    /// Of each entry one alternative must hold: which columns are NULL (`true`) and which are not.
    pub(super) choices: Vec<Vec<BTreeMap<String, bool>>>,
    /// Names of the constraints that were not understood.
    pub(super) unread: Vec<String>,
}

/// The limits of one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Limit {
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// Literals, without quotes.
    pub(super) values: Option<Vec<String>>,
    pub(super) shortest: usize,
    pub(super) longest: Option<usize>,
    pub(super) upper_case: bool,
    /// A regular expression that text must match.
    pub(super) pattern: Option<String>,
    /// NULL is not allowed, or (`false`) nothing else is.
    pub(super) present: Option<bool>,
}

impl Limits {
    pub(super) fn of_table(catalog: &Catalog, table: &Table) -> Limits {
        let mut limits = Limits::default();
        for constraint in &table.constraints {
            if let ConstraintKind::Check { expression, .. } = &constraint.kind {
                limits.condition(&constraint.name, &read(expression), None);
            }
        }
        for column in &table.columns {
            if column.ty.class != TypeClass::Domain || column.ty.array > 0 {
                continue;
            }
            let namespace = column.ty.namespace.as_deref().unwrap_or("public");
            let mut name = QName::new(namespace, column.ty.name.clone());
            // Domains over domains end; the bound is for a catalog that lies.
            for _ in 0..16 {
                let Some(domain) = catalog.domains.get(&name) else { break };
                for (check, definition, _) in &domain.checks {
                    limits.condition(check, &read(without_check(definition)), Some(&column.name));
                }
                if domain.not_null {
                    limits.column_mut(&column.name).present = Some(true);
                }
                let Some(namespace) = &domain.base.namespace else { break };
                name = QName::new(namespace.clone(), domain.base.name.clone());
            }
        }
        limits
    }

    pub(super) fn column(&self, name: &str) -> Limit {
        self.columns.get(name).cloned().unwrap_or_default()
    }

    fn column_mut(&mut self, name: &str) -> &mut Limit {
        self.columns.entry(name.to_owned()).or_default()
    }

    /// Nothing but these values, as literals without quotes.
    pub(super) fn only(&mut self, column: &str, values: Vec<String>) {
        self.values(column, values);
    }

    /// `value` is the column that `VALUE` of a domain stands for.
    fn condition(&mut self, name: &str, expr: &Expr, value: Option<&str>) {
        let expr = match value {
            Some(column) => replace_value(expr, column),
            None => expr.clone(),
        };
        if !self.require(&expr) {
            self.unread.push(name.to_owned());
        }
    }

    /// Narrows the limits so that the condition holds; false where it is not understood, and then some of it
    /// may have been taken in all the same.
    fn require(&mut self, expr: &Expr) -> bool {
        if let Some(alternatives) = presences(expr) {
            match alternatives.as_slice() {
                [] => return true,
                [only] => {
                    for (column, null) in only {
                        self.column_mut(column).present = Some(!null);
                    }
                }
                _ => self.choices.push(alternatives),
            }
            return true;
        }
        match expr {
            Expr::And(parts) => self.all_of(parts.iter().cloned()),
            Expr::Or(parts) => self.one_of(parts),
            Expr::Bool(value) => *value,
            Expr::Column(name) => self.values(name, vec!["true".into()]),
            Expr::Not(inner) => match inner.as_ref() {
                Expr::Column(name) => self.values(name, vec!["false".into()]),
                Expr::Not(inner) => self.require(inner),
                Expr::And(parts) => self
                    .one_of(&parts.iter().map(|part| Expr::Not(Box::new(part.clone()))).collect::<Vec<_>>()),
                Expr::Or(parts) => self.all_of(parts.iter().map(|part| Expr::Not(Box::new(part.clone())))),
                Expr::Binary(sign, left, right) => match opposite(sign) {
                    Some(sign) => self.compare(sign, left, right),
                    None => false,
                },
                _ => false,
            },
            Expr::AnyOf(of, list) => {
                let values: Option<Vec<String>> = list.iter().map(literal).collect();
                match (of.as_ref(), values) {
                    (Expr::Column(name), Some(values)) => self.values(name, values),
                    _ => false,
                }
            }
            Expr::Binary(sign, left, right) => self.compare(sign, left, right),
            _ => false,
        }
    }

    /// Takes all conditions in, also behind one that is not understood.
    fn all_of(&mut self, parts: impl Iterator<Item = Expr>) -> bool {
        let mut understood = true;
        for part in parts {
            understood &= self.require(&part);
        }
        understood
    }

    /// The first alternative that says something about values, else the first that is understood.
    fn one_of(&mut self, parts: &[Expr]) -> bool {
        let (absent, present): (Vec<&Expr>, Vec<&Expr>) =
            parts.iter().partition(|part| presences(part).is_some());
        for part in present.into_iter().chain(absent) {
            let mut tried = self.clone();
            if tried.require(part) {
                *self = tried;
                return true;
            }
        }
        false
    }

    fn values(&mut self, column: &str, values: Vec<String>) -> bool {
        let limit = self.column_mut(column);
        let both: Vec<String> = match &limit.values {
            Some(known) => known.iter().filter(|value| values.contains(value)).cloned().collect(),
            None => values,
        };
        let possible = !both.is_empty();
        limit.values = Some(both);
        possible
    }

    fn compare(&mut self, sign: &str, left: &Expr, right: &Expr) -> bool {
        match (left, right) {
            (Expr::Column(one), Expr::Column(other)) => match sign {
                "<" | "<=" => self.ordered.push((one.clone(), other.clone(), sign == "<")),
                ">" | ">=" => self.ordered.push((other.clone(), one.clone(), sign == ">")),
                // Generated values of two columns are different; that they are equal is not seen to.
                "<>" => {}
                _ => return false,
            },
            (Expr::Column(name), constant) => return self.with_constant(sign, name, constant),
            (constant, Expr::Column(name)) if literal(constant).is_some() => {
                return mirrored(sign).is_some_and(|sign| self.with_constant(sign, name, constant));
            }
            (Expr::Call(function, arguments), other) => {
                return self.of_function(sign, function, arguments, other);
            }
            (other, Expr::Call(function, arguments)) => {
                return mirrored(sign).is_some_and(|sign| self.of_function(sign, function, arguments, other));
            }
            _ => return false,
        }
        true
    }

    fn with_constant(&mut self, sign: &str, name: &str, constant: &Expr) -> bool {
        let Some(text) = literal(constant) else {
            // `lower(x) = x` and its kin.
            return match constant {
                Expr::Call(function, arguments) if sign == "=" => {
                    self.unchanged_by(function, arguments, name)
                }
                _ => false,
            };
        };
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let limit = self.column_mut(name);
        match (sign, number) {
            ("=", _) => return self.values(name, vec![text]),
            // Nothing that is generated is empty or the one value that is excluded, but for a list of values.
            ("<>", _) => {
                if let Some(values) = &mut limit.values {
                    values.retain(|value| *value != text);
                }
                if number == Some(0.0) && limit.min.is_none() {
                    limit.min = Some(f64::MIN_POSITIVE);
                }
            }
            (">=", Some(number)) => limit.min = Some(limit.min.map_or(number, |min| min.max(number))),
            (">", Some(number)) => {
                let above =
                    if number == 0.0 { f64::MIN_POSITIVE } else { number + number.abs().max(1.0) * 1e-9 };
                limit.min = Some(limit.min.map_or(above, |min| min.max(above)));
            }
            ("<=", Some(number)) => limit.max = Some(limit.max.map_or(number, |max| max.min(number))),
            ("<", Some(number)) => {
                let below = number - number.abs().max(1.0) * 1e-9;
                limit.max = Some(limit.max.map_or(below, |max| max.min(below)));
            }
            ("~", None) => limit.pattern = Some(text),
            ("!~~" | "!~~*" | "!~" | "!~*", _) => {}
            _ => return false,
        }
        true
    }

    fn unchanged_by(&mut self, function: &str, arguments: &[Expr], name: &str) -> bool {
        let same = matches!(arguments, [Expr::Column(column)] if column == name);
        if same && function == "upper" {
            self.column_mut(name).upper_case = true;
        }
        same && matches!(function, "lower" | "upper" | "btrim" | "trim" | "ltrim" | "rtrim")
    }

    fn of_function(&mut self, sign: &str, function: &str, arguments: &[Expr], other: &Expr) -> bool {
        let Some(Expr::Column(name)) = arguments.iter().find(|one| matches!(one, Expr::Column(_))) else {
            // length(btrim(x)): what is generated has no blanks at its ends.
            return match arguments {
                [Expr::Call(inner, arguments)] if inner.ends_with("trim") => {
                    self.of_function(sign, function, arguments, other)
                }
                _ => false,
            };
        };
        if let Expr::Column(column) = other {
            return sign == "=" && column == name && self.unchanged_by(function, arguments, name);
        }
        let Some(text) = literal(other) else { return false };
        let number = text.parse::<i64>().ok();
        match (function, sign, number) {
            ("btrim" | "ltrim" | "rtrim" | "lower" | "upper", "<>", _) => true,
            ("jsonb_typeof" | "json_typeof", "=", _) => match text.as_str() {
                "object" => true,
                "array" => self.values(name, vec!["[]".into()]),
                "string" => self.values(name, vec!["\"x\"".into()]),
                "number" => self.values(name, vec!["1".into()]),
                _ => false,
            },
            (
                "length" | "char_length" | "character_length" | "octet_length" | "cardinality"
                | "array_length",
                _,
                Some(number),
            ) => {
                let number = usize::try_from(number).unwrap_or(0);
                let limit = self.column_mut(name);
                let (low, high) = match sign {
                    ">" => (number + 1, None),
                    ">=" => (number, None),
                    "<" => (0, Some(number.saturating_sub(1))),
                    "<=" => (0, Some(number)),
                    "=" => (number, Some(number)),
                    "<>" => (number + 1, None),
                    _ => return false,
                };
                limit.shortest = limit.shortest.max(low);
                if let Some(high) = high {
                    limit.longest = Some(limit.longest.map_or(high, |known| known.min(high)));
                }
                true
            }
            _ => false,
        }
    }
}

/// Alternatives of NULL and not NULL, where the condition asks for nothing else.
fn presences(expr: &Expr) -> Option<Vec<BTreeMap<String, bool>>> {
    let one = |column: &str, null: bool| Some(vec![BTreeMap::from([(column.to_owned(), null)])]);
    match expr {
        Expr::IsNull(inner) => match inner.as_ref() {
            Expr::Column(name) => one(name, true),
            _ => None,
        },
        Expr::Not(inner) => match inner.as_ref() {
            Expr::IsNull(column) => match column.as_ref() {
                Expr::Column(name) => one(name, false),
                _ => None,
            },
            _ => None,
        },
        Expr::Or(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(presences(part)?);
            }
            Some(all)
        }
        Expr::And(parts) => {
            let mut all = vec![BTreeMap::new()];
            for part in parts {
                let alternatives = presences(part)?;
                let joined = |one: &BTreeMap<String, bool>, other: &BTreeMap<String, bool>| {
                    let conflict =
                        other.iter().any(|(name, null)| one.get(name).is_some_and(|known| known != null));
                    (!conflict)
                        .then(|| one.iter().chain(other).map(|(name, null)| (name.clone(), *null)).collect())
                };
                all = all
                    .iter()
                    .flat_map(|one| {
                        alternatives.iter().filter_map(|other| joined(one, other)).collect::<Vec<_>>()
                    })
                    .take(64)
                    .collect();
            }
            Some(all)
        }
        Expr::Binary(sign, left, right) if sign == "=" || sign == "<>" => {
            if let (Some(one), Some(other)) = (tested(left), tested(right)) {
                let wanted = (one.1 == other.1) == (sign == "=");
                let both = |null: bool| {
                    BTreeMap::from([
                        (one.0.clone(), null),
                        (other.0.clone(), if wanted { null } else { !null }),
                    ])
                };
                return Some(vec![both(false), both(true)]);
            }
            let Expr::Call(function, arguments) = left.as_ref() else { return None };
            let Expr::Number(count) = right.as_ref() else { return None };
            let names: Option<Vec<&String>> = arguments
                .iter()
                .map(|argument| match argument {
                    Expr::Column(name) => Some(name),
                    _ => None,
                })
                .collect();
            let names = names?;
            if sign != "=" || function != "num_nonnulls" || *count != 1.0 {
                return None;
            }
            let only =
                |chosen: &String| names.iter().map(|name| ((*name).clone(), *name != chosen)).collect();
            Some(names.iter().map(|chosen| only(chosen)).collect())
        }
        _ => None,
    }
}

/// `(a IS NULL)` and `(a IS NOT NULL)` as values: the column, and whether it is the first.
fn tested(expr: &Expr) -> Option<(String, bool)> {
    let alternatives = presences(expr)?;
    let [only] = alternatives.as_slice() else { return None };
    let mut all = only.iter();
    let (name, null) = all.next()?;
    all.next().is_none().then(|| (name.clone(), *null))
}

fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Text(text) => Some(text.clone()),
        Expr::Number(number) => Some(number.to_string()),
        Expr::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn opposite(sign: &str) -> Option<&'static str> {
    Some(match sign {
        "<" => ">=",
        "<=" => ">",
        ">" => "<=",
        ">=" => "<",
        "=" => "<>",
        "<>" => "=",
        _ => return None,
    })
}

fn mirrored(sign: &str) -> Option<&'static str> {
    Some(match sign {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        "=" => "=",
        "<>" => "<>",
        _ => return None,
    })
}

/// `CHECK ((VALUE > 0)) NOT VALID` without what is around the condition.
fn without_check(definition: &str) -> &str {
    let text = definition.trim();
    let text = text.strip_suffix("NOT VALID").unwrap_or(text).trim_end();
    text.strip_prefix("CHECK").unwrap_or(text).trim()
}

fn replace_value(expr: &Expr, column: &str) -> Expr {
    let boxed = |inner: &Expr| Box::new(replace_value(inner, column));
    let all = |parts: &[Expr]| parts.iter().map(|part| replace_value(part, column)).collect();
    match expr {
        Expr::Column(name) if name == "value" => Expr::Column(column.to_owned()),
        Expr::Call(name, arguments) => Expr::Call(name.clone(), all(arguments)),
        Expr::Binary(sign, left, right) => Expr::Binary(sign.clone(), boxed(left), boxed(right)),
        Expr::Not(inner) => Expr::Not(boxed(inner)),
        Expr::And(parts) => Expr::And(all(parts)),
        Expr::Or(parts) => Expr::Or(all(parts)),
        Expr::IsNull(inner) => Expr::IsNull(boxed(inner)),
        Expr::AnyOf(inner, list) => Expr::AnyOf(boxed(inner), list.clone()),
        other => other.clone(),
    }
}

/// Columns that any condition of an exclusion constraint or an expression names.
pub(super) fn columns_named<'a>(table: &'a Table, text: &str) -> BTreeSet<&'a str> {
    let named = |column: &&Column| {
        let name = &column.name;
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        let bare = |text: &str| {
            text.match_indices(name.as_str()).any(|(at, _)| {
                let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"');
                !word(text[..at].chars().next_back()) && !word(text[at + name.len()..].chars().next())
            })
        };
        text.contains(&quoted) || bare(text)
    };
    table.columns.iter().filter(named).map(|column| column.name.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use pgsteward_model::catalog::{Catalog, Constraint, ConstraintKind, QName, Table};
    use pgsteward_model::version::ServerVersion;

    use super::Limits;

    fn limits(checks: &[&str]) -> Limits {
        let mut table = Table::new(QName::public("t"));
        for (number, check) in checks.iter().enumerate() {
            table.constraints.push(Constraint {
                name: format!("c{number}"),
                kind: ConstraintKind::Check {
                    expression: (*check).into(),
                    columns: Vec::new(),
                    no_inherit: false,
                },
                validated: true,
                deferrable: false,
                initially_deferred: false,
                comment: None,
            });
        }
        Limits::of_table(&Catalog::empty(ServerVersion::of_major(17)), &table)
    }

    #[test]
    fn bounds_lists_and_lengths_are_read() {
        let read = limits(&[
            "((rating >= 1) AND (rating <= 5))",
            "((price > (0)::numeric) OR (price IS NULL))",
            "((kind)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
            "(char_length(btrim(name)) > 2)",
            "(NOT (stock < 0))",
            "(code ~ '^[A-Z]{3}$'::text)",
        ]);
        assert_eq!(read.unread, [""; 0]);
        assert_eq!((read.column("rating").min, read.column("rating").max), (Some(1.0), Some(5.0)));
        assert!(read.column("price").min.unwrap() > 0.0);
        assert_eq!(read.column("kind").values.unwrap(), ["a", "b"]);
        assert_eq!(read.column("name").shortest, 3);
        assert_eq!(read.column("stock").min, Some(0.0));
        assert_eq!(read.column("code").pattern.as_deref(), Some("^[A-Z]{3}$"));
    }

    #[test]
    fn one_of_two_parents_and_ordered_columns_are_read() {
        let read = limits(&[
            "(num_nonnulls(user_id, team_id) = 1)",
            "((starts <= ends) AND ((a IS NULL) = (b IS NULL)))",
            "(((x IS NOT NULL) AND (y IS NULL)) OR ((x IS NULL) AND (y IS NOT NULL)))",
            "(c IS NOT NULL)",
        ]);
        assert_eq!(read.unread, [""; 0]);
        assert_eq!(read.ordered, [("starts".to_owned(), "ends".to_owned(), false)]);
        assert_eq!(read.choices.len(), 3);
        assert_eq!(read.choices[0][0]["user_id"], read.choices[0][1]["team_id"]);
        assert_eq!(read.column("c").present, Some(true));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let read = limits(&["(is_valid(a))", "(total = (a * b))"]);
        assert_eq!(read.unread, ["c0", "c1"]);
    }
}
