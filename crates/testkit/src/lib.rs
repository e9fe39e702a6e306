//! Shared tests: the rule page harness, PostgreSQL for tests, normalizers.
