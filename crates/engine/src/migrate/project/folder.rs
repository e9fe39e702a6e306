//! One migration of a project, as it is on disk, and its checksum.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::hexadecimal::hexadecimal;
use crate::plain::Marks;

/// One migration of the project, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationFolder {
    /// Folder name (Prisma), or file name without its ending.
    pub name: String,
    pub file: PathBuf,
    /// Byte for byte as it is on disk: its checksum counts every character.
    pub text: String,
    /// Lower-case hex SHA-256, as Prisma stores it.
    pub checksum: String,
    pub down: Option<PathBuf>,
    /// Whose comments separate the two directions, where the file holds both. `text` is then the way there alone.
    pub marks: Marks,
}

impl MigrationFolder {
    pub fn new(
        name: impl Into<String>,
        file: PathBuf,
        text: String,
        down: Option<PathBuf>,
    ) -> MigrationFolder {
        MigrationFolder { name: name.into(), file, checksum: checksum(&text), text, down, marks: Marks::None }
    }

    /// The text as a server reads it: without a byte order mark, which PostgreSQL takes for a name.
    pub fn script(&self) -> &str {
        self.text.strip_prefix('\u{feff}').unwrap_or(&self.text)
    }

    /// Whether a stored checksum is this text's. Line endings are forgiven in both directions, and checksums that
    /// are not 64 characters long are of an old Prisma, which wrote bytes below 16 as one digit.
    pub fn has_checksum(&self, stored: &str) -> bool {
        if stored == self.checksum {
            return true;
        }
        let texts = [
            self.text.clone(),
            self.text.replace("\r\n", "\n"),
            self.text.replace("\r\n", "\n").replace('\n', "\r\n"),
        ];
        texts.iter().any(|text| {
            let digest = Sha256::digest(text.as_bytes());
            let padded = hexadecimal(&digest);
            let unpadded: String = digest.iter().map(|byte| format!("{byte:x}")).collect();
            stored == padded || (stored.len() != 64 && stored == unpadded)
        })
    }
}

/// Lower-case hexadecimal SHA-256 of the exact text.
pub fn checksum(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}
