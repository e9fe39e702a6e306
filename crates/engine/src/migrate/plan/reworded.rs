//! A migration with other statements in the place of some, and all else as it is written.

use pgsteward_model::migration::MigrationStatement;

/// A migration with other statements in the place of some.
pub(super) struct Reworded<'a> {
    script: &'a str,
    out: String,
    copied: usize,
}

impl<'a> Reworded<'a> {
    pub(super) fn new(script: &'a str) -> Reworded<'a> {
        Reworded { script, out: String::new(), copied: 0 }
    }

    fn up_to(&mut self, end: usize) {
        self.out.push_str(self.script.get(self.copied..end).unwrap_or(""));
        self.copied = end;
    }

    pub(super) fn replace(&mut self, statement: &MigrationStatement, sql: &[String]) {
        self.up_to(statement.span.start);
        self.out.push_str(&sql.join(";\n"));
        self.copied = statement.span.end;
    }

    /// With the comments above it.
    pub(super) fn leave_out(&mut self, statement: &MigrationStatement) {
        self.up_to(statement.span.start);
        let above = self.out.trim_end().lines().rev().take_while(|line| line.starts_with("--")).count();
        for _ in 0..above {
            let end = self.out.trim_end().rfind('\n').map_or(0, |end| end + 1);
            self.out.truncate(end);
        }
        let rest = self.script.get(statement.span.end..).unwrap_or("");
        let end = rest.trim_start().strip_prefix(';').map_or(rest.len(), str::len);
        self.copied = self.script.len() - end;
    }

    pub(super) fn done(mut self) -> String {
        self.up_to(self.script.len());
        self.out
    }
}

#[cfg(test)]
mod tests {
    use pgsteward_model::catalog::Catalog;
    use pgsteward_model::migration::Regime;
    use pgsteward_model::version::ServerVersion;
    use pgsteward_sql::Births;

    use super::*;

    #[test]
    fn what_is_left_out_goes_with_its_comments() {
        let script = "-- AlterTable\nALTER TABLE a DROP b;\n\n-- CreateIndex\n-- again\nCREATE INDEX i ON a (b);\n\n-- Last\nSELECT 1;";
        let (mut catalog, mut births) = (Catalog::empty(ServerVersion::of_major(17)), Births::default());
        let file = pgsteward_sql::analyze_file(script, &mut catalog, &mut births, Regime::OneMessage);
        let mut text = Reworded::new(script);
        text.replace(&file.statements[0], &["SELECT 2".to_owned(), "SELECT 3".to_owned()]);
        text.leave_out(&file.statements[1]);
        assert_eq!(text.done(), "-- AlterTable\nSELECT 2;\nSELECT 3;\n\n\n\n-- Last\nSELECT 1;");
    }
}
