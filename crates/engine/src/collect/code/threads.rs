//! The threads that parse code: each has a stack for all but the deepest texts, so that hardly any needs a thread of its
//! own. Knows nothing of what they read.

use std::sync::OnceLock;

use pgsteward_typescript::{ROOMY_STACK, on_roomy_stack};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Runs parallel work on threads with much room. Where the system grants no such stacks (they are address space, and
/// memory only as far as they are used), it runs on those that there are: reading finds out, and takes more care.
pub(super) fn spread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static READERS: OnceLock<Option<ThreadPool>> = OnceLock::new();
    let readers = READERS.get_or_init(|| {
        ThreadPoolBuilder::new()
            .thread_name(|index| format!("reader {index}"))
            .stack_size(ROOMY_STACK)
            .start_handler(|_| on_roomy_stack())
            .build()
            .ok()
    });
    match readers {
        Some(readers) => readers.install(work),
        None => work(),
    }
}
