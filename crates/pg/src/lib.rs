//! The only crate that talks to a server: sessions, introspection, settings, statistics.
