//! Something that is wrong, where, and why.

use crate::change::Fix;
use crate::facts::Target;
use crate::lock::LockMode;
use crate::migration::ServerError;
use crate::place::Place;
use crate::proof::Proof;
use crate::rule::Rule;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Id of the rule.
    pub rule: &'static str,
    pub severity: Severity,
    /// Of a kind that readers agreed with, so that it stays as loud as it is where its rule as a whole only informs
    /// (`rule::INFORMING`).
    pub sure: bool,
    pub at: Place,
    pub also: Vec<Place>,
    /// Lower case, no full stop, objects in double quotes. Makes sense alone.
    pub message: String,
    /// Full sentences, with numbers.
    pub detail: String,
    /// Imperative.
    pub hint: String,
    pub evidence: Vec<Evidence>,
    pub fix: Option<Fix>,
    pub proof: Option<Proof>,
    /// What this finding is about, without line numbers: becomes the key.
    pub identity: String,
    /// Stable fingerprint, filled in by the engine.
    pub key: String,
}

impl Finding {
    /// A finding about a database object.
    pub fn on_object(rule: &Rule, at: Place, message: impl Into<String>) -> Finding {
        let identity = match &at {
            Place { object: Some(object), .. } => object.identity(),
            Place { setting: Some(setting), .. } => format!("setting/{setting}"),
            Place { file: Some(range), .. } => format!("file/{}", range.file),
            _ => String::new(),
        };
        Finding {
            rule: rule.id,
            severity: rule.severity,
            sure: false,
            at,
            also: Vec::new(),
            message: message.into(),
            detail: String::new(),
            hint: String::new(),
            evidence: Vec::new(),
            fix: None,
            proof: None,
            identity,
            key: String::new(),
        }
    }

    /// A finding about a statement of a migration: the folder, the statement and the object identify it.
    pub fn on_statement(
        rule: &Rule,
        migration: &str,
        fingerprint: &str,
        at: Place,
        message: impl Into<String>,
    ) -> Finding {
        let object = at.object.as_ref().map(|object| object.identity()).unwrap_or_default();
        Finding {
            identity: format!("migration/{migration}/{fingerprint}/{object}"),
            ..Finding::on_object(rule, at, message)
        }
    }

    /// A finding about a place in a file that no object stands for; `what` tells it from its neighbours.
    pub fn in_file(rule: &Rule, at: Place, what: &str, message: impl Into<String>) -> Finding {
        let file = at.file.as_ref().map(|range| range.file.to_string()).unwrap_or_default();
        Finding { identity: format!("file/{file}/{what}"), ..Finding::on_object(rule, at, message) }
    }

    /// A finding about a place in code: file, enclosing function, normalized text and ordinal identify it.
    pub fn in_code(
        rule: &Rule,
        at: Place,
        function: &str,
        shape: &str,
        ordinal: u32,
        message: impl Into<String>,
    ) -> Finding {
        let file = at.file.as_ref().map(|range| range.file.to_string()).unwrap_or_default();
        Finding {
            identity: format!("code/{file}/{function}/{shape}/{ordinal}"),
            ..Finding::on_object(rule, at, message)
        }
    }

    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Finding {
        Finding { detail: detail.into(), ..self }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Finding {
        Finding { hint: hint.into(), ..self }
    }

    #[must_use]
    pub fn severity(self, severity: Severity) -> Finding {
        Finding { severity, ..self }
    }

    pub fn sure(self, sure: bool) -> Finding {
        Finding { sure, ..self }
    }

    #[must_use]
    pub fn evidence(mut self, evidence: Evidence) -> Finding {
        self.evidence.push(evidence);
        self
    }

    #[must_use]
    pub fn also(mut self, place: Place) -> Finding {
        self.also.push(place);
        self
    }

    #[must_use]
    pub fn fix(self, fix: Fix) -> Finding {
        Finding { fix: Some(fix), ..self }
    }

    /// The key of this finding on a target: 16 hexadecimal digits of FNV-1a over rule, target and identity.
    /// FNV is fixed by its definition (64-bit offset basis and prime), so keys outlive releases.
    pub fn key_on(&self, target: &Target) -> String {
        let project = target.project.as_deref().unwrap_or("");
        let database = match (target.project.is_some(), target.system_identifier, &target.database) {
            // A project keeps its keys whether or not a database was read with it.
            (true, _, _) => String::new(),
            (false, system, database) => {
                format!("{}/{}", system.unwrap_or(0), database.as_deref().unwrap_or(""))
            }
        };
        fingerprint(&[self.rule, project, &database, &self.identity])
    }
}

/// 16 hexadecimal digits of FNV-1a (64 bits) over the parts, with a separator that no part contains.
pub fn fingerprint(parts: &[&str]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |byte: u8| {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    };
    for part in parts {
        part.bytes().for_each(&mut eat);
        eat(0);
    }
    format!("{hash:016x}")
}

/// What a finding rests on. Typed, so that a page can draw it and a terminal can word it.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// A lock that a statement takes, and what waits for it.
    Lock {
        relation: String,
        mode: LockMode,
        blocks_reads: bool,
        blocks_writes: bool,
    },
    /// Estimated rows of a relation.
    Rows {
        relation: String,
        rows: f64,
    },
    Size {
        relation: String,
        bytes: u64,
    },
    /// A counter of the statistics: `index_scans`, `updates`.
    Count {
        what: String,
        value: u64,
    },
    /// A share from 0 to 1: `null_fraction`, `used`.
    Share {
        what: String,
        value: f64,
    },
    Setting {
        name: String,
        value: String,
    },
    /// SQL that shows the thing: a definition, a statement.
    Sql {
        sql: String,
    },
    ServerError(ServerError),
    /// The ways from one state to another that a column may take: from, to. `*` stands for every state.
    Transitions {
        relation: String,
        column: String,
        allowed: Vec<(String, String)>,
    },
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn fingerprints_are_fixed_for_ever_and_separate_their_parts() {
        assert_eq!(fingerprint(&[]), "cbf29ce484222325");
        assert_eq!(fingerprint(&["a"]), fingerprint(&["a"]));
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
    }
}
