//! Server versions as PostgreSQL numbers them.

use std::fmt;

/// `server_version_num`: 150018 is 15.18, 90624 is 9.6.24.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerVersion(pub u32);

impl ServerVersion {
    /// The first release of a major version; used where only the major is known.
    pub fn of_major(major: u32) -> ServerVersion {
        ServerVersion(major * 10_000)
    }

    pub fn major(self) -> u32 {
        self.0 / 10_000
    }

    pub fn minor(self) -> u32 {
        self.0 % 10_000
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 100_000 {
            return write!(out, "{}.{}.{}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100);
        }
        write!(out, "{}.{}", self.major(), self.minor())
    }
}

#[cfg(test)]
mod tests {
    use super::ServerVersion;

    #[test]
    fn prints_both_numberings() {
        assert_eq!(ServerVersion(150_018).to_string(), "15.18");
        assert_eq!(ServerVersion(90_624).to_string(), "9.6.24");
        assert_eq!(ServerVersion::of_major(17).major(), 17);
    }
}
