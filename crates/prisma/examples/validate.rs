//! `validate < schemas.json > errors.json`: what is wrong with schemas, for `bench/validation.py`.
//!
//! In:  `[text]`
//! Out: `[[message]]`, in the order of the schemas; an empty list for one that is taken.
#![expect(clippy::unwrap_used, reason = "input that is not as described ends the program")]

use std::sync::Arc;

use pgsteward_model::source::SourceFile;

fn main() {
    let texts: Vec<String> = serde_json::from_reader(std::io::stdin().lock()).unwrap();
    let errors = |text: String| -> Vec<String> {
        let file = Arc::new(SourceFile::new("schema.prisma", text));
        let found = pgsteward_prisma::validate(&[file], Some(7));
        found.into_iter().map(|error| error.message).collect()
    };
    let answers: Vec<Vec<String>> = texts.into_iter().map(errors).collect();
    serde_json::to_writer(std::io::stdout().lock(), &answers).unwrap();
}
