//! SQL text to statements with spans, the lock each takes, quoting and fingerprints.
