//! Access control lists: `aclitem[]` as text, taken apart and freed of what every object has anyway.
//!
//! A grant list shows who else may do what. The owner's own entries are left out as long as they are the
//! full set, whether the server spells them out or not, so that a GRANT and its REVOKE leave no trace.
//! What a missing list grants to PUBLIC (EXECUTE on functions) is spelled out.

use pgsteward_model::catalog::Grant;
use pgsteward_model::version::ServerVersion;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AclKind {
    Table,
    Column,
    Sequence,
    Function,
    Namespace,
    /// Of default privileges: their letters may be of any kind.
    Default,
}

impl AclKind {
    /// The letters an owner has on a new object (`acldefault` in the server's `acl.c`).
    fn of_owner(self, version: ServerVersion) -> &'static str {
        match self {
            // MAINTAIN came with 17.
            AclKind::Table if version.major() >= 17 => "arwdDxtm",
            AclKind::Table => "arwdDxt",
            AclKind::Sequence => "rwU",
            AclKind::Function => "X",
            AclKind::Namespace => "UC",
            AclKind::Column | AclKind::Default => "",
        }
    }
}

/// The grants of an object, sorted. `acl` is none where nobody ever granted or revoked anything.
pub(super) fn grants(
    acl: Option<&[String]>,
    kind: AclKind,
    owner: &str,
    version: ServerVersion,
) -> Vec<Grant> {
    let mut grants = Vec::new();
    let Some(items) = acl else {
        if kind == AclKind::Function {
            grants.push(Grant { grantee: String::new(), privilege: "EXECUTE".into(), grantable: false });
        }
        return grants;
    };
    for item in items {
        let Some((grantee, letters)) = split(item) else { continue };
        if grantee == owner && kind != AclKind::Default && is_full(letters, kind.of_owner(version)) {
            continue;
        }
        let mut letters = letters.chars().peekable();
        while let Some(letter) = letters.next() {
            let grantable = letters.next_if_eq(&'*').is_some();
            grants.push(Grant { grantee: grantee.clone(), privilege: privilege(letter), grantable });
        }
    }
    grants.sort();
    grants
}

fn is_full(letters: &str, full: &str) -> bool {
    !full.is_empty() && full.chars().all(|letter| letters.contains(letter))
}

/// `grantee=letters/grantor`; names that are no plain words are in double quotes, doubled inside.
fn split(item: &str) -> Option<(String, &str)> {
    let (grantee, rest) = match item.strip_prefix('"') {
        None => {
            let (grantee, rest) = item.split_once('=')?;
            (grantee.to_owned(), rest)
        }
        Some(quoted) => {
            let mut end = 0;
            loop {
                end += quoted.get(end..)?.find('"')?;
                if !quoted[end + 1..].starts_with('"') {
                    break;
                }
                end += 2;
            }
            (quoted[..end].replace("\"\"", "\""), quoted[end + 1..].strip_prefix('=')?)
        }
    };
    Some((grantee, rest.split_once('/')?.0))
}

/// The letters of `src/include/utils/acl.h`, in the words of GRANT.
fn privilege(letter: char) -> String {
    match letter {
        'r' => "SELECT".into(),
        'w' => "UPDATE".into(),
        'a' => "INSERT".into(),
        'd' => "DELETE".into(),
        'D' => "TRUNCATE".into(),
        'x' => "REFERENCES".into(),
        't' => "TRIGGER".into(),
        'm' => "MAINTAIN".into(),
        'X' => "EXECUTE".into(),
        'U' => "USAGE".into(),
        'C' => "CREATE".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(acl: &[&str], kind: AclKind, major: u32) -> Vec<String> {
        let acl: Vec<String> = acl.iter().map(|item| (*item).to_owned()).collect();
        grants(Some(&acl), kind, "own er", ServerVersion::of_major(major))
            .into_iter()
            .map(|grant| {
                format!("{}:{}{}", grant.grantee, grant.privilege, if grant.grantable { "*" } else { "" })
            })
            .collect()
    }

    #[test]
    fn the_owners_full_set_is_left_out() {
        let acl = ["\"own er\"=arwdDxt/\"own er\"", "=r/\"own er\"", "\"a\"\"=b\"=r*w/\"own er\""];
        assert_eq!(words(&acl, AclKind::Table, 15), [":SELECT", "a\"=b:SELECT*", "a\"=b:UPDATE"]);
        assert_eq!(
            words(&acl[..1], AclKind::Table, 17).len(),
            7,
            "MAINTAIN is missing: that is worth showing"
        );
    }

    #[test]
    fn a_missing_list_lets_everybody_execute_a_function() {
        let open = grants(None, AclKind::Function, "own er", ServerVersion::of_major(17));
        assert_eq!(open, [Grant { grantee: String::new(), privilege: "EXECUTE".into(), grantable: false }]);
        assert_eq!(grants(None, AclKind::Table, "own er", ServerVersion::of_major(17)), []);
        assert_eq!(words(&["\"own er\"=X/\"own er\""], AclKind::Function, 17), [""; 0]);
    }
}
