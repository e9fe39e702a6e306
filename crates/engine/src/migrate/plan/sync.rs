//! The trigger that keeps two columns equal: what it writes, under which settings, and how it is told from those of others.

use pgsteward_model::catalog::Column;
use pgsteward_sql::ddl::column_type;
use pgsteward_sql::{quote_ident, quote_literal, read_from_row};

use super::exchange::{Exchange, Ways, short};
use super::fired;
use super::obstacle::INCOMPARABLE;
use super::pieces::note;

/// Stands in the body of each such function, and in no other: a name may be anybody's.
pub(in crate::migrate) const MARK: &str = "-- pgsteward keeps these two columns equal.";

impl Exchange<'_> {
    /// Name of the trigger and its function. Triggers of a kind run by name, and this one has to be the last; what is made of
    /// generated values comes behind those of the columns that they are made of.
    pub(super) fn sync(&self) -> String {
        let behind = if self.generated().is_some() { "~" } else { "_" };
        let name = short(&format!("{}{behind}{}_sync", self.table.name.name, self.through));
        fired::behind(self.behind.as_deref(), name)
    }

    fn known(&self) -> Option<&Column> {
        self.table.column(self.from)
    }

    /// The second column's value, read from the first of `row` ("NEW." or ""), as one of its type.
    pub(super) fn value(&self, row: &str) -> String {
        match self.using {
            None if self.ways != Ways::Apart => format!("{row}{}::{}", quote_ident(self.from), self.ty),
            _ => self.assigned(row),
        }
    }

    /// The same for an assignment. A change of type assigns; a cast would cut short what does not fit, without a word.
    pub(super) fn assigned(&self, row: &str) -> String {
        match &self.using {
            None => match self.generated().filter(|_| !row.is_empty()) {
                // A generated value is there only when triggers before the row are done.
                Some(expression) => format!("(SELECT {expression} FROM (SELECT NEW.*) AS written)"),
                None => format!("{row}{}", quote_ident(self.from)),
            },
            Some(using) if row.is_empty() => format!("({using})"),
            Some(using) => {
                // What people calculate may be made of other columns too.
                let read = |text: String, column: &Column| read_from_row(&text, &column.name, row);
                format!("({})", self.table.columns.iter().fold(using.clone(), read))
            }
        }
    }

    /// What the first column is made of, where nobody writes it.
    fn generated(&self) -> Option<&str> {
        self.known()?.generated.as_ref().map(|generated| generated.expression.as_str())
    }

    /// What holds for rows that the trigger has not seen.
    pub(super) fn unfilled(&self) -> String {
        let through = quote_ident(&self.through);
        match self.ways {
            Ways::Apart => is_other(&through, &quote_ident(self.from)),
            // What this session would make of it may be another value than the trigger's.
            _ if self.is_by_settings() => format!("{through} IS NULL AND {} IS NOT NULL", self.assigned("")),
            _ if self.is_incomparable() => is_other(&through, &format!("({})::{}", self.value(""), self.ty)),
            _ => format!("{through} IS DISTINCT FROM {}", self.value("")),
        }
    }

    /// Whether the second column's type has no operator `=`.
    pub(super) fn is_incomparable(&self) -> bool {
        INCOMPARABLE.contains(&self.ty.trim().to_ascii_lowercase().as_str())
    }

    /// Whether settings of the session say what becomes of the first column's values.
    fn is_by_settings(&self) -> bool {
        const WORDS: [&str; 8] =
            ["timestamp", "timestamptz", "date", "time", "timetz", "interval", "to_char", "to_timestamp"];
        let names = |text: &str| {
            let mut words = text.split(|one: char| !one.is_alphanumeric() && one != '_');
            words.any(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
        };
        let from = self.known().is_some_and(|column| names(&column.ty.name));
        self.ways != Ways::Apart && (from || names(&self.ty) || self.using.as_deref().is_some_and(names))
    }

    /// Whose settings these are.
    pub(super) fn tell_settings(&self, notes: &mut Vec<String>) {
        if self.is_by_settings() {
            let text = format!(
                "{}.{} is converted by the TimeZone, DateStyle and IntervalStyle of the session that deploys \"{}\", whoever writes, \
                 as the migration by itself would",
                self.table.name.display(),
                self.from,
                self.expansion()
            );
            note(notes, text);
        }
    }

    /// The default that the second column has too: whoever writes one of the two leaves it in the other, also who writes NULL.
    pub(super) fn kept_default(&self) -> Option<&str> {
        let optional = self.known().filter(|column| !column.not_null && column.generated.is_none())?;
        let default = optional.default.as_deref().filter(|_| self.ways == Ways::Apart)?;
        is_one_value(default).then_some(default)
    }

    /// Whether an INSERT that leaves the second column NULL gets the first one's default.
    pub(super) fn hides_null(&self) -> bool {
        let has = self.known().is_some_and(|column| !column.not_null && column.default.is_some());
        has && self.ways == Ways::Apart && self.kept_default().is_none()
    }

    /// Writers have other search paths than the migration, whose words these are: functions that check rights often have an
    /// empty one, and so have replication workers. What PostgreSQL itself brings is found by all, and costs less so. And they
    /// have other time zones, where one change of the type converts all values alike.
    pub(super) fn settings(&self) -> String {
        let foreign = match self.ways {
            Ways::Apart => self.known().is_some_and(|column| {
                column.generated.is_some() || self.kept_default().is_some() && column.ty.namespace.is_some()
            }),
            Ways::Forth => self.using.is_some(),
            Ways::Back => self.using.is_some() || !is_common(&self.ty),
        };
        let mut settings = Vec::new();
        settings.extend(foreign.then_some("search_path"));
        if self.is_by_settings() {
            settings.extend(["TimeZone", "DateStyle", "IntervalStyle"]);
        }
        settings.iter().map(|name| format!(" SET {name} FROM CURRENT")).collect()
    }

    /// Values are told apart by their bytes: by `=` many types have several that are equal ('a' and 'A' of citext, 1.0 and 1.00),
    /// and some have no `=`.
    pub(super) fn body(&self) -> String {
        let by_column = self.generated().is_some() || self.doubt.is_some();
        let option = if by_column { "#variable_conflict use_column\n" } else { "" };
        format!("{MARK}\n{option}{}", self.block())
    }

    /// What keeps a value from being written that reads otherwise in the second column.
    fn refusal(&self) -> String {
        let Some(doubt) = &self.doubt else { return String::new() };
        let name = quote_ident(self.from);
        let message =
            format!("a value of {name} of {} reads otherwise as {}, its type to be", self.on(), self.ty);
        format!(
            "  IF (SELECT {doubt} FROM (SELECT NEW.{name} AS {name}) AS written) THEN\n    \
             RAISE data_exception USING MESSAGE = {};\n  END IF;\n",
            quote_literal(&message)
        )
    }

    fn block(&self) -> String {
        let (from, through) = (quote_ident(self.from), quote_ident(&self.through));
        let (new, old) = (format!("NEW.{through}"), format!("OLD.{through}"));
        let value = self.assigned("NEW.");
        match self.ways {
            Ways::Apart if self.generated().is_some() => {
                format!("BEGIN\n  {new} := {value};\n  RETURN NEW;\nEND")
            }
            Ways::Apart => {
                let untouched = match self.kept_default() {
                    Some(default) => {
                        format!("NOT {}", is_other(&new, &format!("({default})::{}", self.ty)))
                    }
                    None => format!("{new} IS NULL"),
                };
                format!(
                    "BEGIN\n  IF TG_OP = 'INSERT' THEN\n    IF {untouched} THEN {new} := NEW.{from}; ELSE NEW.{from} := {new}; END IF;\n  \
                     ELSIF {} THEN\n    NEW.{from} := {new};\n  \
                     ELSE\n    {new} := NEW.{from};\n  END IF;\n  RETURN NEW;\nEND",
                    is_other(&new, &old)
                )
            }
            Ways::Forth => format!("BEGIN\n{}  {new} := {value};\n  RETURN NEW;\nEND", self.refusal()),
            Ways::Back => {
                let ty = self.known().map(|column| column_type(&column.ty)).unwrap_or_default();
                let made = format!("({})::{}", self.value("NEW."), self.ty);
                let back = match &self.back {
                    Some(text) => format!("({})", read_from_row(text, &self.through, "NEW.")),
                    None => new.clone(),
                };
                format!(
                    "BEGIN\n  IF TG_OP = 'UPDATE' AND NOT {}\n    \
                     AND {} AND {} THEN\n    \
                     NEW.{from} := {back}::{ty};\n  ELSE\n    {new} := {value};\n  END IF;\n{}  RETURN NEW;\nEND",
                    is_other(&format!("NEW.{from}"), &format!("OLD.{from}")),
                    is_other(&new, &old),
                    is_other(&new, &made),
                    self.refusal()
                )
            }
        }
    }
}

/// Two columns that such a trigger keeps equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::migrate) struct Synced {
    /// None where it is generated: no statement of the trigger names it then.
    pub(in crate::migrate) first: Option<String>,
    /// The one that the plan added.
    pub(in crate::migrate) second: String,
    /// Each is named by a version of the application; else all versions name the first alone.
    pub(in crate::migrate) apart: bool,
}

/// The columns that a function of a trigger keeps equal; none where it is not one of these.
pub(in crate::migrate) fn synced(body: &str) -> Option<Synced> {
    let block = body.split_once(MARK)?.1;
    let places = block.match_indices("NEW.").filter_map(|(at, word)| block.get(at + word.len()..));
    let named: Vec<(String, &str)> = places.filter_map(identifier).collect();
    let mut set = named.iter().filter(|(_, rest)| rest.starts_with(" := ")).map(|(name, _)| name);
    let written = set.next()?;
    match (set.find(|name| *name != written), block.contains("TG_OP = 'INSERT'")) {
        (Some(first), true) => {
            Some(Synced { first: Some(first.clone()), second: written.clone(), apart: true })
        }
        (Some(second), false) => {
            Some(Synced { first: Some(written.clone()), second: second.clone(), apart: false })
        }
        (None, _) => {
            let first = named.iter().map(|(name, _)| name).find(|name| *name != written).cloned();
            Some(Synced { first, second: written.clone(), apart: block.contains("(SELECT NEW.*)") })
        }
    }
}

/// The name that a text begins with, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(inner) = text.strip_prefix('"') else {
        let end = text.find(|one: char| !one.is_alphanumeric() && one != '_').unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut from = 0;
    loop {
        let end = from + inner.get(from..)?.find('"')?;
        let rest = &inner[end + 1..];
        if !rest.starts_with('"') {
            return Some((inner[..end].replace("\"\"", "\""), rest));
        }
        from = end + 2;
    }
}

/// Whether two values of one type differ in any byte.
fn is_other(one: &str, other: &str) -> String {
    format!("pg_catalog.record_image_ne(ROW({one}), ROW({other}))")
}

/// Whether a default is the same for each row of a statement: it calls nothing but the time of the transaction. Rather too few.
pub(super) fn is_one_value(default: &str) -> bool {
    let mut rest = default.replace("now()", "").replace("''", "");
    // What stands in quotes calls nothing.
    while let Some(start) = rest.find('\'') {
        let Some(length) = rest.get(start + 1..).and_then(|text| text.find('\'')) else { return false };
        rest.replace_range(start..start + length + 2, "");
    }
    let before_parenthesis = |(at, _): (usize, &str)| {
        let before = rest.get(..at).unwrap_or("").trim_end();
        before.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '_' | '"'))
    };
    !rest.match_indices('(').any(before_parenthesis)
}

/// Whether the type is one that no `search_path` hides. Rather too few.
fn is_common(ty: &str) -> bool {
    const COMMON: [&str; 14] = [
        "bigint",
        "int8",
        "integer",
        "int4",
        "int",
        "smallint",
        "text",
        "varchar",
        "char",
        "numeric",
        "decimal",
        "boolean",
        "timestamp",
        "timestamptz",
    ];
    let word = ty.split(|character: char| !character.is_ascii_alphanumeric() && character != '_').next();
    word.is_some_and(|word| COMMON.iter().any(|common| word.eq_ignore_ascii_case(common)))
}

#[cfg(test)]
mod tests {
    use pgsteward_model::statement::Statement;

    use super::*;

    #[test]
    fn the_columns_are_read_from_the_body() {
        let sql = "CREATE TABLE item (\"a \"\"b\"\"\" integer, note text, made text GENERATED ALWAYS AS ('x') STORED)";
        let parsed = pgsteward_sql::parse(sql);
        let Statement::CreateTable(create) = &parsed.statements[0].statement else { panic!("{parsed:?}") };
        let body = |from: &str, through: &str, ways, using: Option<&str>| {
            let exchange = Exchange {
                table: &create.table,
                from,
                through: through.to_owned(),
                to: from,
                ty: "bigint".to_owned(),
                using: using.map(str::to_owned),
                back: None,
                ways,
                default: None,
                refuses: false,
                behind: None,
                doubt: None,
                demands: false,
                relaxes: false,
            };
            exchange.body()
        };
        for from in ["a \"b\"", "note"] {
            for second in ["x", "X y"] {
                for ways in [Ways::Forth, Ways::Back, Ways::Apart] {
                    let (first, apart) = (Some(from.to_owned()), ways == Ways::Apart);
                    let known = Synced { first, second: second.to_owned(), apart };
                    assert_eq!(synced(&body(from, second, ways, None)), Some(known), "{ways:?}");
                }
            }
        }
        let known = |first: Option<&str>, apart| {
            Some(Synced { first: first.map(str::to_owned), second: "x".to_owned(), apart })
        };
        let using = body("note", "x", Ways::Forth, Some("length(\"note\")"));
        assert_eq!(synced(&using), known(Some("note"), false));
        assert_eq!(synced(&body("made", "x", Ways::Apart, None)), known(None, true));
        assert_eq!(synced(&using.replace(MARK, "-- somebody else's")), None);
    }

    #[test]
    fn defaults_of_one_value_are_told_from_others() {
        for default in [
            "'free'::text",
            "0",
            "(-1)",
            "'it''s (new)'::public.\"Tier\"",
            "now()",
            "CURRENT_TIMESTAMP",
            "true",
        ] {
            assert!(is_one_value(default), "{default}");
        }
        for default in
            ["nextval('a_seq'::regclass)", "gen_random_uuid()", "public.\"Next\"(1)", "clock_timestamp()"]
        {
            assert!(!is_one_value(default), "{default}");
        }
    }
}
