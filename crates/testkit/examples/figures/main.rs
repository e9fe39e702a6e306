//! Times what the command line cannot show from outside: the parser, the lab, introspection, proofs.
//!
//! `figures SUBJECT CORPUS` prints rows of a Markdown table, `| what | figure | target |`, and nothing else.
//! The scoreboard in `bench/` runs it and knows nothing of its insides; this program judges nothing.

mod introspect;
mod lab;
mod parse_prisma;
mod project;
mod proofs;
mod table;

use std::path::Path;

use anyhow::{Result, bail};

const USAGE: &str = "usage: figures parse-prisma|lab|introspect|proofs CORPUS";

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [subject, corpus] = arguments.as_slice() else { bail!("{USAGE}") };
    let corpus = Path::new(corpus);
    let rows = match subject.as_str() {
        "parse-prisma" => parse_prisma::rows(corpus)?,
        "lab" => lab::rows(corpus).await?,
        "introspect" => introspect::rows(corpus).await?,
        "proofs" => proofs::rows(corpus).await?,
        other => bail!("there is no subject `{other}`; {USAGE}"),
    };
    print(&rows);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the rows are what this program is for")]
fn print(rows: &[String]) {
    for row in rows {
        println!("{row}");
    }
}
