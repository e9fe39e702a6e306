//! The values of a column as a series: the expression of its n-th value, and how many there are.
//!
//! A series knows the type of a column, its limits and its name. Which value goes into which row is decided
//! elsewhere: a unique column takes them one after the other, another one draws.

use pgsteward_model::catalog::{Catalog, Column, ColumnType, QName, TypeClass};
use pgsteward_sql::{ddl, quote_literal};

use super::limits::Limit;
use super::template::{Template, salt};
use super::words;

/// The values that a column may have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    /// The n-th value, with the type of the column.
    pub(super) value: Template,
    /// How many different values there are.
    pub(super) count: u64,
    /// How many of them a column that need not be unique takes.
    pub(super) usual: u64,
}

/// More different values than any table gets rows.
const MANY: u64 = 1 << 40;
/// Values of a column that looks like a key of a table that is not known.
const KEYS: u64 = 2_000;

/// All times lie before this one, so that the same twin comes out next year.
const END: &str = "2026-01-01 00:00:00+00";
const SECONDS: u64 = 2 * 365 * 24 * 3600;

/// What a series depends on.
pub(super) struct Ask<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) table: &'a QName,
    pub(super) column: &'a Column,
    pub(super) limit: &'a Limit,
    pub(super) seed: u64,
    /// Rows that the table will have.
    pub(super) rows: u64,
}

impl Ask<'_> {
    pub(super) fn salt(&self, what: &str) -> u64 {
        salt(self.seed, &[&self.table.namespace, &self.table.name, &self.column.name, what])
    }
}

/// The series of a column; none where values of its type cannot be written.
pub(super) fn series(ask: &Ask<'_>) -> Option<Series> {
    of_type(ask, &ask.column.ty, 0)
}

fn of_type(ask: &Ask<'_>, ty: &ColumnType, depth: u32) -> Option<Series> {
    let written = ddl::column_type(ty);
    if let Some(values) = &ask.limit.values {
        let list: Vec<String> = values.iter().map(|value| quote_literal(value)).collect();
        return of_list(&list, &written);
    }
    if ty.array > 0 {
        return of_array(ask, ty, depth, &written);
    }
    let cast =
        |series: Series| Series { value: series.value.within(&format!("({{e}})::{written}")), ..series };
    match ty.class {
        TypeClass::Enum => {
            let name = QName::new(ty.namespace.as_deref().unwrap_or("public"), ty.name.clone());
            let list: Vec<String> =
                ask.catalog.enums.get(&name)?.values.iter().map(|value| quote_literal(value)).collect();
            of_list(&list, &written)
        }
        TypeClass::Domain if depth < 16 => {
            let name = QName::new(ty.namespace.as_deref().unwrap_or("public"), ty.name.clone());
            let base = &ask.catalog.domains.get(&name)?.base;
            of_type(ask, base, depth + 1).map(cast)
        }
        TypeClass::Domain | TypeClass::Composite => None,
        TypeClass::Base | TypeClass::Unknown => of_name(ask, ty).map(cast),
    }
}

fn of_list(list: &[String], written: &str) -> Option<Series> {
    let count = u64::try_from(list.len()).ok().filter(|count| *count > 0)?;
    let text = format!("(ARRAY[{}]::{written}[])[1 + {{i}} % {count}]", list.join(", "));
    Some(Series { value: Template::new(&text), count, usual: count })
}

/// One to three elements; none where the length may be none.
fn of_array(ask: &Ask<'_>, ty: &ColumnType, depth: u32, written: &str) -> Option<Series> {
    let element = ColumnType { array: 0, ..ty.clone() };
    let series = of_type(ask, &element, depth)?;
    let next = |step: u64| series.value.at(&Template::new(&format!("({{i}} + {step})"))).sql("{i}");
    let wanted = ask.limit.shortest.max(2).min(ask.limit.longest.unwrap_or(16)).min(16);
    let elements: Vec<String> = (0..wanted).map(|step| next(step as u64)).collect();
    let text = format!("ARRAY[{}]::{written}", elements.join(", "));
    Some(Series { value: Template::new(&text), ..series })
}

fn of_name(ask: &Ask<'_>, ty: &ColumnType) -> Option<Series> {
    let many = |text: &str| Some(Series { value: Template::new(text), count: MANY, usual: MANY });
    let id = words::is_key(&ask.column.name);
    let digest = format!("pg_catalog.md5('{}.' || {{i}})", ask.salt("digest"));
    match ty.name.as_str() {
        "smallint" => numbers(ask, i16::MAX.into(), id),
        "integer" => numbers(ask, i32::MAX.into(), id),
        "bigint" | "oid" => numbers(ask, 1_i64 << 40, id),
        "numeric" => decimals(ask, &ty.modifiers),
        "real" | "double precision" => fractions(ask, 2),
        "money" => fractions(ask, 2)
            .map(|series| Series { value: series.value.within("({e})::numeric::money"), ..series }),
        "boolean" => {
            let rare = words::is_rare(&ask.column.name);
            // One row of eight says yes where yes is the exception.
            let text = if rare { "({i} % 8 = 0)" } else { "({i} % 2 = 0)" };
            Some(Series { value: Template::new(text), count: 2, usual: if rare { 8 } else { 2 } })
        }
        "text" | "character varying" | "character" | "citext" | "name" | "bpchar" => text(ask, ty),
        "uuid" => {
            let usual = if id { KEYS } else { MANY };
            Some(Series { value: Template::new(&format!("{digest}::uuid")), count: MANY, usual })
        }
        "timestamp with time zone" | "timestamp without time zone" => {
            // Three seconds apart, so that many are different within the span.
            let at = format!(
                "(timestamptz '{END}' - interval '1 second' * ({SECONDS} - ({{i}} * {}) % {SECONDS}))",
                step(ask.rows)
            );
            let at = if ty.name.ends_with("without time zone") {
                format!("({at} AT TIME ZONE 'UTC')")
            } else {
                at
            };
            Some(Series {
                value: Template::new(&at),
                count: SECONDS / step(ask.rows),
                usual: ask.rows.max(1),
            })
        }
        "date" => Some(Series {
            value: Template::new("(date '2026-01-01' - 1 - ({i} % 36500)::integer)"),
            count: 36_500,
            usual: 730,
        }),
        "time without time zone" | "time with time zone" => Some(Series {
            value: Template::new("(time '00:00' + interval '1 second' * ({i} * 61 % 86400))"),
            count: 86_400,
            usual: 86_400,
        }),
        "interval" => many("(interval '1 second' * {i})"),
        "json" | "jsonb" => many(&format!(
            "pg_catalog.{}_build_object('id', {{i}}, 'kind', ({})[1 + {{i}} % 8], 'active', {{i}} % 3 = 0)",
            ty.name,
            words::list(words::SHORT)
        )),
        "bytea" => many(&format!("pg_catalog.decode({digest}, 'hex')")),
        "inet" => many("(inet '10.0.0.0' + {i} % 16777216)"),
        "cidr" => many("((inet '10.0.0.0' + {i} % 16777216)::cidr)"),
        "macaddr" => many("(pg_catalog.lpad(pg_catalog.to_hex({i}), 12, '0')::macaddr)"),
        "bit" | "bit varying" => {
            let width = ty.modifiers.first().copied().unwrap_or(1).clamp(1, 62);
            let text = format!("({{i}} % {})::bit({width})", 1_i64 << width);
            Some(Series { value: Template::new(&text), count: 1 << width, usual: 1 << width })
        }
        "tsvector" => many(&format!("pg_catalog.to_tsvector('simple', {})", words::sentence())),
        "xml" => many("('<row id=\"' || {i} || '\"/>')::xml"),
        "point" => many("point({i} % 180 - 90, {i} % 360 - 180)"),
        "int4range" => {
            many("int4range((({i} % 100000000) * 10)::integer, (({i} % 100000000) * 10 + 5)::integer)")
        }
        "int8range" => many("int8range({i} * 10, {i} * 10 + 5)"),
        "numrange" => many("numrange({i} * 10, {i} * 10 + 5)"),
        "daterange" => many(
            "daterange(date '2020-01-01' + ({i} % 100000)::integer, date '2020-01-02' + ({i} % 100000)::integer)",
        ),
        "tstzrange" => many(
            "tstzrange(timestamptz '2020-01-01 00:00+00' + interval '1 hour' * {i}, timestamptz '2020-01-01 00:50+00' + interval '1 hour' * {i})",
        ),
        "tsrange" => many(
            "tsrange(timestamp '2020-01-01 00:00' + interval '1 hour' * {i}, timestamp '2020-01-01 00:50' + interval '1 hour' * {i})",
        ),
        "ltree" => many("('root.n' || {i} % 50 || '.n' || {i})"),
        "hstore" => many("('id=>' || {i})"),
        "vector" => {
            let width = ty.modifiers.first().copied().unwrap_or(3).clamp(1, 16_000);
            let rest = width.saturating_sub(1);
            many(&format!("('[' || ({{i}} % 1000)::text || pg_catalog.repeat(',0.5', {rest}) || ']')"))
        }
        _ => None,
    }
}

/// Seconds from one time to the next, so that the rows of the table fill the span.
fn step(rows: u64) -> u64 {
    (SECONDS / (rows + 2)).clamp(1, 86_400)
}

fn bounds(ask: &Ask<'_>, low: i64, high: i64, greatest: i64) -> Option<(i64, i64)> {
    let low = match ask.limit.min {
        // The least positive number stands for "above zero".
        Some(min) if min > 0.0 && min < 1.0 => 1,
        Some(min) => whole(min.ceil()),
        None => low.min(ask.limit.max.map_or(low, |max| whole(max.floor()).saturating_sub(100))),
    };
    let high = match ask.limit.max {
        Some(max) => whole(max.floor()),
        None => high.max(low.saturating_add(high)).min(greatest),
    };
    (low <= high).then_some((low, high.min(greatest)))
}

/// The nearest whole number that a `bigint` holds.
fn whole(number: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to what an i64 holds exactly")]
    let whole = number.clamp(-4e18, 4e18) as i64;
    whole
}

fn numbers(ask: &Ask<'_>, greatest: i64, id: bool) -> Option<Series> {
    let usual = if words::is_amount(&ask.column.name) { 50_000 } else { 1_000 };
    let (low, high) = bounds(ask, i64::from(id), usual, greatest)?;
    let limited = ask.limit.max.is_some();
    let usual = u64::try_from(high - low).unwrap_or(0) + 1;
    let top = if limited { high } else { greatest };
    let count = u64::try_from(top.saturating_sub(low)).unwrap_or(0).saturating_add(1);
    let value = Template::new(&format!("({low} + ({{i}} - 1) % {count})"));
    Some(Series { value, count, usual: if id && !limited { KEYS } else { usual } })
}

fn decimals(ask: &Ask<'_>, modifiers: &[i32]) -> Option<Series> {
    let scale = modifiers.get(1).copied().unwrap_or(if modifiers.is_empty() { 2 } else { 0 });
    let digits = modifiers.first().copied().unwrap_or(20).saturating_sub(scale.max(0)).clamp(0, 12);
    let most = 10_f64.powi(digits) - if digits == 0 { 0.0 } else { 1.0 };
    let max = ask.limit.max.map_or(most, |max| max.min(most));
    // A number without digits before its point stays below one.
    let max = if digits == 0 { max.min(1.0 - 10_f64.powi(-scale)) } else { max };
    let limit = Limit { max: Some(max), ..ask.limit.clone() };
    let usual = ask.limit.max.is_none().then_some(10_000.0);
    scaled(&limit, scale.clamp(0, 6), usual)
}

fn fractions(ask: &Ask<'_>, scale: i32) -> Option<Series> {
    let usual = ask.limit.max.is_none().then_some(10_000.0);
    scaled(ask.limit, scale, usual)
}

fn scaled(limit: &Limit, scale: i32, usual: Option<f64>) -> Option<Series> {
    let unit = 10_f64.powi(scale);
    let low = match limit.min {
        Some(min) if min > 0.0 && min * unit < 1.0 => 1,
        Some(min) => whole((min * unit).ceil()),
        None => whole((limit.max.unwrap_or(0.0) * unit).floor()).min(0),
    };
    let high = whole((limit.max.unwrap_or(1e9) * unit).floor());
    let count = u64::try_from(high.checked_sub(low)?).ok()?.saturating_add(1);
    let usual = usual.map_or(count, |usual| u64::try_from(whole(usual * unit)).unwrap_or(1)).min(count);
    let zeros = usize::try_from(scale).unwrap_or(0);
    let unit = format!("1{}", "0".repeat(zeros));
    let value = Template::new(&format!("(({low} + ({{i}} - 1) % {count})::numeric / {unit})"));
    Some(Series { value, count, usual })
}

fn text(ask: &Ask<'_>, ty: &ColumnType) -> Option<Series> {
    let declared = ty.modifiers.first().and_then(|width| usize::try_from(*width).ok());
    // CHARACTER alone is one character wide.
    let declared = declared.or((ty.name == "character").then_some(1));
    let width = match (declared, ask.limit.longest) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    if let Some(pattern) = &ask.limit.pattern {
        return super::pattern::series(pattern);
    }
    let kind = words::kind(&ask.column.name);
    let shaped = words::series(kind, width, ask.salt("text"))?;
    let mut value = shaped.value;
    if ask.limit.upper_case {
        value = value.within("pg_catalog.upper({e})");
    }
    if ask.limit.shortest > shaped.shortest {
        value = value.within(&format!("pg_catalog.rpad({{e}}, {}, 'x')", ask.limit.shortest));
    }
    Some(Series { value, count: shaped.count, usual: shaped.usual })
}
