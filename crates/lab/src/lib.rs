//! Throw-away PostgreSQL servers: find or fetch binaries, start, clone, replay, trace.
