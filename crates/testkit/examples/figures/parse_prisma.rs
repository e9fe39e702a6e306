//! Time to parse the largest Prisma schema of the corpus, relations resolved and checked.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use pgsteward_model::source::SourceFile;

use crate::table::{median, millis, row_with_limit};

const RUNS: usize = 50;

pub(crate) fn rows(corpus: &Path) -> Result<Vec<String>> {
    let path = corpus.join("trigger.dev/prisma/schema.prisma");
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let files = [Arc::new(SourceFile::new("schema.prisma", text))];
    let mut samples = Vec::new();
    for _ in 0..RUNS {
        let started = Instant::now();
        let schema = std::hint::black_box(pgsteward_prisma::parse(&files));
        samples.push(millis(started.elapsed()));
        ensure!(schema.errors.is_empty(), "the parser finds errors in {}", path.display());
    }
    let what = format!("parse trigger.dev's Prisma schema, median of {RUNS}");
    Ok(vec![row_with_limit(&what, median(samples), "ms", 2, 5.0)])
}
