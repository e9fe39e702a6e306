//! What a backfill does, as one UPDATE: the file `backfill.sql` of a migration folder, comments of a migration of plain
//! SQL, whose runners would take such a file for a migration, or the flags of the command.

use crate::migrate::error::MigrateError;

/// Begins each line of a backfill that stands in the migration itself.
const MARK: &str = "-- pgsteward-backfill: ";

/// `UPDATE table SET set WHERE condition`, in SQL as it is written. The condition should be false for rows that are
/// done: then what is left can be counted, and a second pass does no harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub table: String,
    pub set: String,
    pub condition: Option<String>,
}

impl Definition {
    /// The text of `backfill.sql`.
    pub fn render(&self) -> String {
        format!(
            "-- Run in batches by `pgsteward migrate backfill`. WHERE is false for rows that are done.\n{};\n",
            self.statement()
        )
    }

    /// The whole in one statement.
    pub fn statement(&self) -> String {
        let condition = self.condition.as_ref().map(|text| format!("\nWHERE {text}")).unwrap_or_default();
        format!("UPDATE {}\nSET {}{condition}", self.table, self.set)
    }

    /// The same as comments of the migration.
    pub fn comment(&self) -> String {
        self.statement().lines().map(|line| format!("{MARK}{line}\n")).collect()
    }

    /// The statement that stands in a migration's comments, where there is one.
    pub fn in_comments(migration: &str) -> Option<String> {
        let lines: Vec<&str> = migration.lines().filter_map(|line| line.strip_prefix(MARK)).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Reads `backfill.sql`: one UPDATE with SET and perhaps WHERE. FROM, RETURNING, WITH and an alias have no
    /// place in it, because batches are cut by the table's own key.
    pub fn parse(text: &str) -> Result<Definition, MigrateError> {
        let wrong = |why: &str| {
            MigrateError::new(format!("this is no backfill: {why}"))
                .with_hint("write one statement: UPDATE \"Table\" SET column = expression WHERE condition")
        };
        let parsed = pgsteward_sql::parse(text);
        let [statement] = parsed.statements.as_slice() else {
            return Err(wrong(&format!("it holds {} statements", parsed.statements.len())));
        };
        if let Some(error) = parsed.errors.first() {
            return Err(wrong(&error.message));
        }
        let sql = text.get(statement.span.start..statement.span.end).unwrap_or("");
        let words = top_words(sql);
        let find =
            |word: &str| words.iter().find(|(_, found)| found.eq_ignore_ascii_case(word)).map(|(at, _)| *at);
        if !words.first().is_some_and(|(at, word)| *at == 0 && word.eq_ignore_ascii_case("update")) {
            return Err(wrong("it does not begin with UPDATE"));
        }
        // FROM is also a part of IS DISTINCT FROM.
        let is =
            |at: usize, word: &str| words.get(at).is_some_and(|(_, found)| found.eq_ignore_ascii_case(word));
        let joins = (0..words.len()).any(|at| is(at, "from") && !(at > 0 && is(at - 1, "distinct")));
        for (word, has) in [("FROM", joins), ("RETURNING", find("returning").is_some())] {
            if has {
                return Err(wrong(&format!("it has {word}")));
            }
        }
        let set = find("set").ok_or_else(|| wrong("it has no SET"))?;
        let condition = find("where");
        let part = |from: usize, to: usize| sql.get(from..to).unwrap_or("").trim().to_owned();
        let definition = Definition {
            table: part("update".len(), set),
            set: part(set + "set".len(), condition.unwrap_or(sql.len())),
            condition: condition.map(|at| part(at + "where".len(), sql.len())),
        };
        match &parsed.statements[0].statement {
            pgsteward_model::statement::Statement::Update { table, .. } if definition.names(&table.name) => {
                Ok(definition)
            }
            _ => Err(wrong("the table has an alias")),
        }
    }

    /// Whether the table is written as one name, perhaps with its namespace.
    fn names(&self, name: &str) -> bool {
        let bare = |text: &str| text.replace('"', "").trim().to_ascii_lowercase();
        let (table, name) = (bare(&self.table), bare(name));
        // A name may have dots of its own.
        table == name || table.ends_with(&format!(".{name}"))
    }
}

/// Words outside parentheses, quotes and comments, with their places.
fn top_words(sql: &str) -> Vec<(usize, &str)> {
    let bytes = sql.as_bytes();
    let (mut words, mut at, mut depth) = (Vec::new(), 0, 0_i32);
    let until = |from: usize, end: &str| {
        sql.get(from..).and_then(|rest| rest.find(end)).map_or(sql.len(), |found| from + found + end.len())
    };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\'' => at = until(at + 1, "'"),
            b'"' => at = until(at + 1, "\""),
            b'-' if bytes.get(at + 1) == Some(&b'-') => at = until(at, "\n"),
            b'/' if bytes.get(at + 1) == Some(&b'*') => at = until(at + 2, "*/"),
            b'$' => match sql.get(at + 1..).and_then(|rest| rest.find('$')) {
                Some(length)
                    if !sql[at + 1..at + 1 + length]
                        .contains(|next: char| !next.is_alphanumeric() && next != '_') =>
                {
                    let tag = &sql[at..at + length + 2];
                    at = until(at + tag.len(), tag);
                }
                _ => at += 1,
            },
            b'(' | b'[' => (depth, at) = (depth + 1, at + 1),
            b')' | b']' => (depth, at) = (depth - 1, at + 1),
            _ if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => {
                let end = bytes[at..]
                    .iter()
                    .position(|next| !(next.is_ascii_alphanumeric() || *next == b'_' || *next >= 0x80))
                    .map_or(sql.len(), |length| at + length);
                if depth == 0 {
                    words.push((at, &sql[at..end]));
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let definition = Definition {
            table: "public.\"Order\"".into(),
            set: "\"from\" = (SELECT max(x) FROM y WHERE set = 'where')".into(),
            condition: Some("\"from\" IS DISTINCT FROM 1".into()),
        };
        // IS DISTINCT FROM is no FROM clause.
        let read = Definition::parse(&definition.render());
        assert_eq!(read.unwrap(), definition);
        let migration = format!("-- why\n{}SELECT 1;\n", definition.comment());
        let found = Definition::in_comments(&migration).unwrap();
        assert_eq!(Definition::parse(&found).unwrap(), definition);
        assert_eq!(Definition::in_comments("SELECT 1;\n"), None);
        let plain = Definition { condition: None, ..definition };
        assert_eq!(Definition::parse(&plain.render()).unwrap(), plain);
    }

    #[test]
    fn what_cannot_be_cut_into_batches_is_refused() {
        for text in [
            "UPDATE a SET b = 1; UPDATE a SET c = 1;",
            "DELETE FROM a WHERE b",
            "UPDATE a SET b = c.d FROM c WHERE c.id = a.id",
            "UPDATE a AS x SET b = 1",
            "UPDATE a SET b = 1 RETURNING b",
            "UPDATE a SET",
        ] {
            let error = Definition::parse(text).expect_err(text);
            assert!(error.hint.is_some(), "{text}");
        }
    }
}
