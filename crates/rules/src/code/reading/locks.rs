//! What keeps two runs of the same code from each other: isolation, row locks, advisory locks.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use pgsteward_model::code::{Call, Site};

use super::flow::Flow;
use crate::shared::kept_words;

/// Something in the function, or in each one that calls it, keeps others away while it looks and writes: a serializable transaction, or a raw
/// statement that locks.
pub(in crate::code) fn guarded(flow: &Flow, site: &Site) -> bool {
    let function = flow.function(site);
    let by_caller = |caller: &usize| is_guarded(flow, &flow.code.invocations[*caller].site);
    is_guarded(flow, site)
        || !function.callers.is_empty()
            && !function.called_from_elsewhere
            && function.callers.iter().all(by_caller)
}

fn is_guarded(flow: &Flow, site: &Site) -> bool {
    let isolated = |index: usize| {
        flow.code.transactions[index]
            .isolation
            .as_ref()
            .is_some_and(|isolation| isolation.contains("Serializable") || isolation.contains("Repeatable"))
    };
    let locks = flow.raw_of(site.function).iter().any(|index| {
        let text = flow.code.raw[*index].text.as_deref().unwrap_or("").to_ascii_lowercase();
        ["for update", "for no key update", "advisory", "lock table"].iter().any(|word| text.contains(word))
    });
    let called_lock = flow
        .invocations_of(site.function)
        .any(|(_, invocation)| flow.code.functions[invocation.callee].name.to_lowercase().contains("lock"));
    site.transaction.is_some_and(isolated)
        || locks
        || called_lock
        || speaks_of_isolation(flow, site)
        || waits_its_turn(flow, site)
}

/// The place stands in a function that is handed to one that runs one after the other: `inQueue(key, async () => …)`,
/// `mutex.runExclusive(async () => …)`.
fn waits_its_turn(flow: &Flow, site: &Site) -> bool {
    /// What a callback of one screen has before the place.
    const NEAR: usize = 6_000;
    let Some(file) = flow.facts.sources.get(&site.at.file) else { return false };
    let before = file.text.get(..site.at.span.start).unwrap_or("");
    let near = before.len().saturating_sub(NEAR);
    if !KEEPING.is_match(&before.as_bytes()[near..]) {
        return false;
    }
    let mut closed = 0_usize;
    for at in memchr::memchr2_iter(b'(', b')', &before.as_bytes()[near..]).rev().map(|at| near + at) {
        if before.as_bytes()[at] == b')' {
            closed += 1;
        } else if closed > 0 {
            closed -= 1;
        } else {
            let part = |one: &char| one.is_alphanumeric() || matches!(one, '_' | '$' | '.');
            let length: usize = before[..at].chars().rev().take_while(part).map(char::len_utf8).sum();
            let name = &before[at - length..at];
            let made = before[..at - name.len()].trim_end().ends_with("new");
            if !made && is_one_after_the_other(name) {
                return true;
            }
        }
    }
    false
}

/// What every name that [`is_one_after_the_other`] has in it: nearly no text has, and to look at all calls before a place is
/// for the few. Written out in each case: words that few bytes begin are searched faster than folded ones.
static KEEPING: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = [
        "lock",
        "Lock",
        "LOCK",
        "mutex",
        "Mutex",
        "MUTEX",
        "exclusive",
        "Exclusive",
        "EXCLUSIVE",
        "serial",
        "Serial",
        "SERIAL",
        "sequential",
        "Sequential",
        "SEQUENTIAL",
        "semaphore",
        "Semaphore",
        "SEMAPHORE",
        "queue",
        "Queue",
        "QUEUE",
    ];
    #[expect(clippy::expect_used, reason = "it fails for more words than memory holds")]
    AhoCorasick::new(words).expect("two dozen words")
});

/// What is called, by its name, runs what it is given alone. A queue that is only called upon to take work, or to hand it to
/// a worker, runs several at once.
fn is_one_after_the_other(path: &str) -> bool {
    const KEEPERS: [&str; 8] =
        ["lock", "locked", "mutex", "exclusive", "exclusively", "serially", "sequentially", "semaphore"];
    let (through, method) = path.rsplit_once('.').unwrap_or(("", path));
    let called = kept_words(method);
    let first = called.first().map_or("", String::as_str);
    let keeps = |word: &String| KEEPERS.contains(&word.as_str());
    let queues = |word: &String| word == "queue";
    let runs = matches!(first, "in" | "inside" | "run" | "through" | "via" | "with");
    let alone = matches!(method, "in" | "run" | "with" | "acquire" | "use" | "using");
    !matches!(first, "on" | "add" | "create" | "new" | "process" | "work")
        && (called.iter().any(keeps)
            || runs && called.iter().any(queues)
            || alone && kept_words(through).iter().any(|word| keeps(word) || queues(word)))
}

/// Wrappers around `$transaction` take the level in ways of their own; the function names it all the same.
fn speaks_of_isolation(flow: &Flow, site: &Site) -> bool {
    let text = flow.text_of(site.function);
    ["Serializable", "SERIALIZABLE", "RepeatableRead"].iter().any(|level| text.contains(level))
}

/// An error of the call is told from others by a code, or is dealt with in some way.
pub(in crate::code) fn violation_handled(flow: &Flow, call: &Call) -> bool {
    tries_handle(flow, &call.site) || callers_handle(flow, call.site.function, 3)
}

fn tries_handle(flow: &Flow, site: &Site) -> bool {
    site.tries.iter().any(|index| {
        flow.code.tries[*index]
            .catch
            .as_ref()
            .is_some_and(|catch| catch.handles || !catch.codes.is_empty() || !catch.rethrows)
    })
}

fn callers_handle(flow: &Flow, function: usize, depth: usize) -> bool {
    depth > 0
        && flow.code.functions[function].callers.iter().any(|caller| {
            let site = &flow.code.invocations[*caller].site;
            tries_handle(flow, site) || callers_handle(flow, site.function, depth - 1)
        })
}

#[cfg(test)]
mod tests {
    use super::is_one_after_the_other;

    #[test]
    fn calls_that_run_what_they_are_given_alone() {
        for path in [
            "inQueue",
            "withLock",
            "mutex.runExclusive",
            "this.mutex.runExclusive",
            "queue.run",
            "this.pageQueue.in",
            "lock.acquire",
            "runSerially",
        ] {
            assert!(is_one_after_the_other(path), "{path}");
        }
        for path in [
            "emailQueue.process",
            "queue.add",
            "queue.on",
            "boss.queue.work",
            "processQueue",
            "addToQueue",
            "onLock",
            "createQueue",
            "queue",
            "async.queue",
            "rows.map",
        ] {
            assert!(!is_one_after_the_other(path), "{path}");
        }
    }
}
