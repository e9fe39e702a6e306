//! Table-level lock modes and which of them exclude each other.
//! Source: PostgreSQL documentation, "Explicit Locking", table of conflicting lock modes.

use std::fmt;

/// Table-level lock modes, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LockMode {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

impl LockMode {
    pub const ALL: [LockMode; 8] = [
        LockMode::AccessShare,
        LockMode::RowShare,
        LockMode::RowExclusive,
        LockMode::ShareUpdateExclusive,
        LockMode::Share,
        LockMode::ShareRowExclusive,
        LockMode::Exclusive,
        LockMode::AccessExclusive,
    ];

    /// The name `pg_locks.mode` shows: `AccessExclusiveLock`.
    pub fn catalog_name(self) -> &'static str {
        match self {
            LockMode::AccessShare => "AccessShareLock",
            LockMode::RowShare => "RowShareLock",
            LockMode::RowExclusive => "RowExclusiveLock",
            LockMode::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            LockMode::Share => "ShareLock",
            LockMode::ShareRowExclusive => "ShareRowExclusiveLock",
            LockMode::Exclusive => "ExclusiveLock",
            LockMode::AccessExclusive => "AccessExclusiveLock",
        }
    }

    pub fn from_catalog_name(name: &str) -> Option<LockMode> {
        LockMode::ALL.into_iter().find(|mode| mode.catalog_name() == name)
    }

    /// By the words of the documentation, as `Display` writes them.
    pub fn from_words(words: &str) -> Option<LockMode> {
        LockMode::ALL.into_iter().find(|mode| mode.to_string() == words)
    }

    pub fn conflicts_with(self, other: LockMode) -> bool {
        use LockMode as M;
        let blocked: &[LockMode] = match self {
            M::AccessShare => &[M::AccessExclusive],
            M::RowShare => &[M::Exclusive, M::AccessExclusive],
            M::RowExclusive => &[M::Share, M::ShareRowExclusive, M::Exclusive, M::AccessExclusive],
            M::ShareUpdateExclusive => {
                &[M::ShareUpdateExclusive, M::Share, M::ShareRowExclusive, M::Exclusive, M::AccessExclusive]
            }
            M::Share => &[
                M::RowExclusive,
                M::ShareUpdateExclusive,
                M::ShareRowExclusive,
                M::Exclusive,
                M::AccessExclusive,
            ],
            M::ShareRowExclusive => &[
                M::RowExclusive,
                M::ShareUpdateExclusive,
                M::Share,
                M::ShareRowExclusive,
                M::Exclusive,
                M::AccessExclusive,
            ],
            M::Exclusive => &[
                M::RowShare,
                M::RowExclusive,
                M::ShareUpdateExclusive,
                M::Share,
                M::ShareRowExclusive,
                M::Exclusive,
                M::AccessExclusive,
            ],
            M::AccessExclusive => &LockMode::ALL,
        };
        blocked.contains(&other)
    }

    /// Whether `SELECT` must wait while this lock is held.
    pub fn blocks_reads(self) -> bool {
        self.conflicts_with(LockMode::AccessShare)
    }

    /// Whether `INSERT`, `UPDATE` and `DELETE` must wait while this lock is held.
    pub fn blocks_writes(self) -> bool {
        self.conflicts_with(LockMode::RowExclusive)
    }
}

/// The words of the documentation: `ACCESS EXCLUSIVE`.
impl fmt::Display for LockMode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            LockMode::AccessShare => "ACCESS SHARE",
            LockMode::RowShare => "ROW SHARE",
            LockMode::RowExclusive => "ROW EXCLUSIVE",
            LockMode::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            LockMode::Share => "SHARE",
            LockMode::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            LockMode::Exclusive => "EXCLUSIVE",
            LockMode::AccessExclusive => "ACCESS EXCLUSIVE",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::LockMode;

    #[test]
    fn conflicts_are_symmetric_and_grow_with_strength() {
        for a in LockMode::ALL {
            for b in LockMode::ALL {
                assert_eq!(a.conflicts_with(b), b.conflicts_with(a), "{a} and {b}");
            }
        }
        assert!(LockMode::Share.blocks_writes() && !LockMode::Share.blocks_reads());
        assert!(!LockMode::ShareUpdateExclusive.blocks_writes());
        assert!(LockMode::AccessExclusive.blocks_reads());
        assert_eq!(LockMode::from_catalog_name("ShareLock"), Some(LockMode::Share));
        assert!(LockMode::ALL.into_iter().all(|mode| LockMode::from_words(&mode.to_string()) == Some(mode)));
        assert_eq!(LockMode::from_words("ShareLock"), None);
    }
}
