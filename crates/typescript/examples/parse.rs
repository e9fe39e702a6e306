//! The yardstick of reading code: `cargo run --release --example parse < LIST`, where the list names a file in each line.
//!
//! Reads each file and parses it with oxc, into the same memory again and again, in one thread, and does nothing else: no
//! scopes, no resolution, no rules. Megabytes in a second say more about the machine than about us, so `bench/` times this in
//! turns with a check that has nothing cached, and tells how many times as long that takes.

use std::io::{BufRead, Write};

use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;

/// As in the command line.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::io::Result<()> {
    let mut memory = Allocator::default();
    let (mut files, mut bytes, mut statements, mut broken, mut others) =
        (0_usize, 0_usize, 0_usize, 0_usize, 0_usize);
    for path in std::io::stdin().lock().lines() {
        let path = path?;
        // What is no UTF-8 is left out by a check, too.
        let Ok(text) = String::from_utf8(std::fs::read(&path)?) else {
            others += 1;
            continue;
        };
        let kind = SourceType::from_path(&path).unwrap_or_else(|_| SourceType::tsx());
        let parsed = Parser::new(&memory, &text, kind).parse();
        files += 1;
        bytes += text.len();
        statements += parsed.program.body.len();
        broken += usize::from(parsed.panicked);
        drop(parsed);
        memory.reset();
    }
    writeln!(
        std::io::stdout(),
        "{files} files, {bytes} bytes, {statements} statements, {broken} that no parser reads, {others} no UTF-8"
    )
}
