//! Values that a check of the code lets pass and refuses, as text.

use pgsteward_model::code::FieldCheck;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    pub(super) allowed: String,
    /// One for each thing that the condition says.
    pub(super) refused: Vec<String>,
}

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const MAIL: &str = "ada@example.org";
/// No pattern of letters and digits has it.
const FOREIGN: &str = "§";

/// Of the checks that the condition holds. None where no value is found that all of them let pass.
pub(super) fn values(checks: &[FieldCheck], condition: &str) -> Option<Values> {
    let held: Vec<&FieldCheck> = checks.iter().filter(|check| is_held(check, condition)).collect();
    let number = held
        .iter()
        .any(|check| matches!(check, FieldCheck::Min { .. } | FieldCheck::Max { .. } | FieldCheck::Integer));
    let allowed = if number { allowed_number(checks)?.to_string() } else { allowed_text(checks)? };
    let refused: Vec<String> = held.iter().map(|check| refused(check, &allowed)).collect();
    (!refused.is_empty()).then_some(Values { allowed, refused })
}

/// What the type says already or SQL cannot say is no part of the condition.
fn is_held(check: &FieldCheck, condition: &str) -> bool {
    match check {
        FieldCheck::Min { .. } => condition.contains(" > ") || condition.contains(" >= "),
        FieldCheck::Max { .. } => condition.contains(" < ") || condition.contains(" <= "),
        FieldCheck::Integer => condition.contains("trunc("),
        FieldCheck::OneOf(_) => condition.contains(" IN ("),
        FieldCheck::MinLength(1) => condition.contains("<> ''"),
        FieldCheck::MaxLength(_) => condition.contains("char_length("),
        FieldCheck::Email => condition.contains(" LIKE "),
        FieldCheck::Uuid => condition.contains(" ~* "),
        FieldCheck::Pattern(_) => condition.contains(" ~ "),
        FieldCheck::MinLength(_) | FieldCheck::Url => false,
    }
}

fn allowed_number(checks: &[FieldCheck]) -> Option<f64> {
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    for check in checks {
        match check {
            FieldCheck::Min { value, inclusive } => {
                low = low.max(if *inclusive { *value } else { value + 1.0 });
            }
            FieldCheck::Max { value, inclusive } => {
                high = high.min(if *inclusive { *value } else { value - 1.0 });
            }
            _ => {}
        }
    }
    let start = match (low.is_finite(), high.is_finite()) {
        (true, _) => low.ceil(),
        (_, true) => high.floor(),
        _ => 1.0,
    };
    (start >= low && start <= high).then_some(start)
}

fn allowed_text(checks: &[FieldCheck]) -> Option<String> {
    let (mut least, mut most) = (1_u64, u64::MAX);
    let mut formed: Option<String> = None;
    for check in checks {
        match check {
            FieldCheck::MinLength(length) => least = least.max(*length),
            FieldCheck::MaxLength(length) => most = most.min(*length),
            FieldCheck::OneOf(values) => formed = Some(values.first()?.clone()),
            FieldCheck::Email => formed = Some(MAIL.to_owned()),
            FieldCheck::Uuid => formed = Some(UUID.to_owned()),
            FieldCheck::Pattern(pattern) => formed = Some(matching(pattern)?),
            FieldCheck::Url => return None,
            FieldCheck::Min { .. } | FieldCheck::Max { .. } | FieldCheck::Integer => {}
        }
    }
    let value = match formed {
        Some(value) => value,
        None => "x".repeat(usize::try_from(least).ok()?),
    };
    let length = u64::try_from(value.chars().count()).ok()?;
    (length >= least && length <= most).then_some(value)
}

fn refused(check: &FieldCheck, allowed: &str) -> String {
    match check {
        FieldCheck::Min { value, inclusive } => (if *inclusive { value - 1.0 } else { *value }).to_string(),
        FieldCheck::Max { value, inclusive } => (if *inclusive { value + 1.0 } else { *value }).to_string(),
        FieldCheck::Integer => format!("{allowed}.5"),
        FieldCheck::MinLength(_) => String::new(),
        FieldCheck::MaxLength(most) => "x".repeat(usize::try_from(*most).map_or(0, |most| most + 1)),
        FieldCheck::OneOf(_)
        | FieldCheck::Email
        | FieldCheck::Uuid
        | FieldCheck::Pattern(_)
        | FieldCheck::Url => FOREIGN.to_owned(),
    }
}

/// The shortest text of a pattern that is anchored on both sides and made of literals, sets, groups, branches and counts.
fn matching(pattern: &str) -> Option<String> {
    let inner: Vec<char> = pattern.strip_prefix('^')?.strip_suffix('$')?.chars().collect();
    let mut at = 0;
    let text = branch(&inner, &mut at)?;
    // The rest is another branch, which is not needed.
    (at == inner.len() || inner.get(at) == Some(&'|')).then_some(text)
}

/// Up to the end of the group or its next branch.
fn branch(pattern: &[char], at: &mut usize) -> Option<String> {
    let mut out = String::new();
    while let Some(one) = pattern.get(*at).filter(|one| !matches!(one, ')' | '|')) {
        *at += 1;
        let atom = match one {
            '(' => {
                let inner = branch(pattern, at)?;
                let mut depth = 0;
                // Other branches of the group are passed over.
                while let Some(next) = pattern.get(*at) {
                    *at += 1;
                    match next {
                        '(' => depth += 1,
                        ')' if depth == 0 => break,
                        ')' => depth -= 1,
                        _ => {}
                    }
                }
                inner
            }
            '[' => {
                let end = *at + pattern.get(*at..)?.iter().position(|one| *one == ']')?;
                let first = *pattern.get(*at)?;
                let first = if first == '\\' { escaped(*pattern.get(*at + 1)?)? } else { first };
                *at = end + 1;
                first.to_string()
            }
            '\\' => {
                *at += 1;
                escaped(*pattern.get(*at - 1)?)?.to_string()
            }
            '?' | '*' | '+' | '{' | '^' | '$' | '.' => return None,
            literal => literal.to_string(),
        };
        out.push_str(&atom.repeat(times(pattern, at)?));
    }
    Some(out)
}

fn escaped(one: char) -> Option<char> {
    match one {
        'd' => Some('0'),
        '.' | '-' | '/' | '+' => Some(one),
        _ => None,
    }
}

/// How often the atom before stands at least.
fn times(pattern: &[char], at: &mut usize) -> Option<usize> {
    match pattern.get(*at) {
        Some('?' | '*') => {
            *at += 1;
            Some(0)
        }
        Some('+') => {
            *at += 1;
            Some(1)
        }
        Some('{') => {
            let end = *at + pattern.get(*at..)?.iter().position(|one| *one == '}')?;
            let count: String =
                pattern.get(*at + 1..end)?.iter().take_while(|one| one.is_ascii_digit()).collect();
            *at = end + 1;
            count.parse().ok()
        }
        _ => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_patterns_let_pass() {
        for (pattern, text) in [
            ("^[A-Z]{2}-[0-9]+$", "AA-0"),
            (r"^v\d+\.\d+$", "v0.0"),
            ("^(draft|live)$", "draft"),
            ("^[a-z0-9]+(-[a-z0-9]+)*$", "a"),
            ("^a|b$", "a"),
            (r"^[\d-]{3,5}$", "000"),
        ] {
            assert_eq!(matching(pattern).as_deref(), Some(text), "{pattern}");
        }
        assert_eq!(matching("[a-z]+"), None);
        assert_eq!(matching(r"^\w+$"), None);
    }

    #[test]
    fn each_part_of_a_condition_refuses_a_value() {
        let checks = [
            FieldCheck::Integer,
            FieldCheck::Min { value: 0.0, inclusive: false },
            FieldCheck::Max { value: 9.0, inclusive: true },
        ];
        let found = values(&checks, "CHECK (x = trunc(x) AND x > 0 AND x <= 9)").unwrap();
        assert_eq!(found.allowed, "1");
        assert_eq!(found.refused, ["1.5", "0", "10"]);
        let text = [FieldCheck::MinLength(1), FieldCheck::MaxLength(3)];
        let found = values(&text, "CHECK (x <> '' AND char_length(x) <= 3)").unwrap();
        assert_eq!((found.allowed.as_str(), found.refused), ("x", vec![String::new(), "xxxx".to_owned()]));
        let none = [
            FieldCheck::Min { value: 5.0, inclusive: true },
            FieldCheck::Max { value: 4.0, inclusive: true },
        ];
        assert_eq!(values(&none, "CHECK (x >= 5 AND x <= 4)"), None);
    }
}
