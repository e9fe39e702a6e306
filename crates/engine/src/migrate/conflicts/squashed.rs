//! A branch that squashes the base's migrations: databases that have them record the new one and run nothing, so it
//! adds nothing, and what it joins is not edited. Pure.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgsteward_model::migrate::conflicts::{Conflict, ConflictKind};

use super::{Branch, Shape};
use crate::migrate::project::MigrationFolder;
use crate::migrate::squash::{Meeting, joined, meeting};

/// A squashed migration of a branch.
pub(super) struct Squashed {
    pub(super) name: String,
    /// Of all that it joins, at any depth.
    joined: BTreeSet<String>,
}

/// Takes the squashed migrations out of what the branch adds, and what they join out of what it edits.
pub(super) fn set_apart(
    branch: &mut Branch,
    base: &str,
    on_base: &[(String, String)],
    found: &mut Vec<Conflict>,
    notes: &mut Vec<String>,
) {
    let earlier: Vec<MigrationFolder> = on_base.iter().map(folder).collect();
    for add in std::mem::take(&mut branch.adds) {
        let own = folder(&add);
        let squashed = || Squashed {
            name: own.name.clone(),
            joined: joined(std::slice::from_ref(&own)).into_keys().collect(),
        };
        let say = |what: String, hint: &str| Conflict {
            kind: ConflictKind::Edited,
            branches: vec![branch.name.clone()],
            what,
            hint: hint.to_owned(),
        };
        match meeting(&own, &earlier) {
            // It is on the base already, as it is: both came from one merge.
            _ if on_base.contains(&add) => branch.adds.push(add),
            Meeting::Ordinary | Meeting::New => branch.adds.push(add),
            Meeting::Held => {
                let squashed = squashed();
                notes.push(format!(
                    "\"{}\" of \"{}\" joins {} migrations of \"{base}\": databases that have them record it and run nothing",
                    squashed.name,
                    branch.name,
                    squashed.joined.len()
                ));
                branch.squashed.push(squashed);
            }
            Meeting::Lacking(names) => {
                found.push(say(
                    format!("\"{}\" joins \"{}\", which \"{base}\" does not have", own.name, names.join("\", \"")),
                    "merge and deploy that first, then squash: databases that have a part of what is joined are refused",
                ));
                branch.squashed.push(squashed());
            }
            Meeting::OtherText(names) => {
                found.push(say(
                    format!(
                        "\"{}\" joins \"{}\", which has another text on \"{base}\"",
                        own.name,
                        names.join("\", \"")
                    ),
                    "squash the texts of the base: databases that have applied another one are refused",
                ));
                branch.squashed.push(squashed());
            }
        }
    }
    let squashed = &branch.squashed;
    branch.edits.retain(|name| !squashed.iter().any(|one| one.joined.contains(name)));
}

/// What stands before a squashed migration on a new database, though it was written to follow what that one joins.
pub(super) fn against_base(
    branch: &Branch,
    base: &str,
    on_base: &[(String, String)],
    shape: &Shape,
    found: &mut Vec<Conflict>,
) {
    for squashed in &branch.squashed {
        for (name, _) in on_base {
            if shape.is_before(name, &squashed.name) && !squashed.joined.contains(name) {
                found.push(order(squashed, name, base, vec![branch.name.clone()], shape));
            }
        }
    }
}

pub(super) fn between(one: &Branch, other: &Branch, shape: &Shape, found: &mut Vec<Conflict>) {
    for (squashing, adding) in [(one, other), (other, one)] {
        for squashed in &squashing.squashed {
            let earlier = adding.adds.iter().filter(|(name, _)| shape.is_before(name, &squashed.name));
            for (name, _) in earlier {
                let branches = vec![one.name.clone(), other.name.clone()];
                found.push(order(squashed, name, &adding.name, branches, shape));
            }
        }
    }
    for mine in &one.squashed {
        for theirs in &other.squashed {
            let Some(both) = mine.joined.intersection(&theirs.joined).next() else { continue };
            found.push(Conflict {
                kind: ConflictKind::Object,
                branches: vec![one.name.clone(), other.name.clone()],
                what: format!("\"{}\" and \"{}\" both join \"{both}\"", mine.name, theirs.name),
                hint: "merge one, and squash anew on top of it".into(),
            });
        }
    }
}

fn order(squashed: &Squashed, name: &str, of: &str, branches: Vec<String>, shape: &Shape) -> Conflict {
    Conflict {
        kind: ConflictKind::Order,
        branches,
        what: format!(
            "the migration \"{name}\" of \"{of}\" sorts before \"{}\", which makes what comes before it",
            squashed.name
        ),
        hint: format!("{}, or squash again with it", shape.later()),
    }
}

fn folder((name, text): &(String, String)) -> MigrationFolder {
    MigrationFolder::new(name.as_str(), PathBuf::from(name), text.clone(), None)
}
