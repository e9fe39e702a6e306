//! Values that a check of the code lets pass and refuses, as text.

use pgsteward_model::code::FieldCheck;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Values {
    /// The least that passes, and the most where there is a limit: of a list its first values.
    pub(super) allowed: Vec<String>,
    /// One for each thing that the condition says.
    pub(super) refused: Vec<String>,
}

const UUID: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const MAIL: &str = "ada@example.org";
/// No pattern of letters and digits has it.
const FOREIGN: &str = "§";
/// Longer values are not tried: a limit may be any number, and the value has to be sent.
const LONGEST: u64 = 100_000;
/// Values of a list that are tried at most.
const LISTED: usize = 20;
const NONE_PASSES: &str = "no value is known that the code lets pass";
const NONE_TOO_LONG: &str = "no value is known that only its length makes wrong";

/// Of the checks that the condition holds, or why there are none.
pub(super) fn values(checks: &[FieldCheck], condition: &str) -> Result<Values, &'static str> {
    let held: Vec<&FieldCheck> = checks.iter().filter(|check| is_held(check, condition)).collect();
    let number = held
        .iter()
        .any(|check| matches!(check, FieldCheck::Min { .. } | FieldCheck::Max { .. } | FieldCheck::Integer));
    let ends = allowed_number(checks).filter(|_| number);
    let least = if number { ends.map(|(first, _)| first.to_string()) } else { allowed_text(checks) };
    let least = least.ok_or(NONE_PASSES)?;
    let mut allowed = vec![least.clone()];
    let mut values = Vec::new();
    for check in &held {
        match check {
            FieldCheck::MaxLength(most) => {
                values.extend(of_length(most.saturating_add(1), &held, &least)?);
                allowed.extend(of_length(*most, &held, &least)?);
            }
            FieldCheck::OneOf(listed) => {
                allowed.extend(listed.iter().take(LISTED).cloned());
                values.push(refused(check, &least));
            }
            check => values.push(refused(check, &least)),
        }
    }
    allowed.extend(ends.map(|(_, last)| last.to_string()));
    let mut seen = std::collections::HashSet::new();
    allowed.retain(|value| seen.insert(value.clone()));
    // What one check lets pass another may refuse.
    allowed.retain(|value| number || passes(checks, value));
    if values.is_empty() { Err(NONE_PASSES) } else { Ok(Values { allowed, refused: values }) }
}

/// Whether the checks of length and of a list let a text pass.
fn passes(checks: &[FieldCheck], value: &str) -> bool {
    let length = value.chars().count() as u64;
    checks.iter().all(|check| match check {
        FieldCheck::MinLength(least) => length >= *least,
        FieldCheck::MaxLength(most) => length <= *most,
        FieldCheck::OneOf(values) => values.iter().any(|one| one == value),
        _ => true,
    })
}

/// A text of a length and of the form that is held too, if one is, or the form would refuse it whatever the condition says
/// of its length. None where no text of the form is so long.
fn of_length(length: u64, held: &[&FieldCheck], allowed: &str) -> Result<Option<String>, &'static str> {
    if length > LONGEST + 1 {
        return Err("the longest text that the code lets pass is too long to be tried");
    }
    let form = |check: &&&FieldCheck| !matches!(check, FieldCheck::MinLength(_) | FieldCheck::MaxLength(_));
    let forms: Vec<&&FieldCheck> = held.iter().filter(form).collect();
    let fill = match forms.as_slice() {
        [] | [FieldCheck::Email] => "x".to_owned(),
        [FieldCheck::Pattern(pattern)] => repeated(pattern, allowed).ok_or(NONE_TOO_LONG)?.to_string(),
        [FieldCheck::Uuid] => return Ok(None),
        [FieldCheck::OneOf(values)] => {
            let long = |value: &&String| value.chars().count() as u64 >= length;
            return Ok(values.iter().find(long).cloned());
        }
        _ => return Err(NONE_TOO_LONG),
    };
    let missing = usize::try_from(length).map_or(0, |length| length.saturating_sub(allowed.chars().count()));
    Ok(Some(fill.repeat(missing) + allowed))
}

/// What a text of the pattern may have more of at its beginning.
fn repeated(pattern: &str, allowed: &str) -> Option<char> {
    let (_, behind) = pattern.strip_prefix("^[")?.split_once(']')?;
    (behind.starts_with('+') && !pattern.contains('|')).then(|| allowed.chars().next())?
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

/// A number that passes, and the last one that does.
fn allowed_number(checks: &[FieldCheck]) -> Option<(f64, f64)> {
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
    let end = if high.is_finite() { high.floor() } else { start };
    (start >= low && start <= high).then_some((start, end.max(start)))
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
        None if least > LONGEST => return None,
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
        FieldCheck::MaxLength(_)
        | FieldCheck::OneOf(_)
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
        let times = times(pattern, at)?;
        let length = atom.len().checked_mul(times)?.checked_add(out.len())?;
        if u64::try_from(length).ok()? > LONGEST {
            return None;
        }
        out.push_str(&atom.repeat(times));
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
        assert_eq!(found.allowed, ["1", "9"]);
        assert_eq!(found.refused, ["1.5", "0", "10"]);
        let text = [FieldCheck::MinLength(1), FieldCheck::MaxLength(3)];
        let found = values(&text, "CHECK (x <> '' AND char_length(x) <= 3)").unwrap();
        assert_eq!(found.allowed, ["x", "xxx"]);
        assert_eq!(found.refused, [String::new(), "xxxx".to_owned()]);
        let list = [FieldCheck::OneOf(vec!["on".to_owned(), "paused".to_owned()])];
        assert_eq!(values(&list, "CHECK (x IN ('on', 'paused'))").unwrap().allowed, ["on", "paused"]);
        let none = [
            FieldCheck::Min { value: 5.0, inclusive: true },
            FieldCheck::Max { value: 4.0, inclusive: true },
        ];
        assert_eq!(values(&none, "CHECK (x >= 5 AND x <= 4)"), Err(NONE_PASSES));
    }

    #[test]
    fn a_text_that_is_too_long_keeps_its_form() {
        let refused = |form: FieldCheck, most: u64| {
            let said =
                "CHECK (x LIKE '%_@_%' AND x ~ 'p' AND x ~* 'u' AND x IN ('a') AND char_length(x) <= 20)";
            values(&[form, FieldCheck::MaxLength(most)], said).map(|found| found.refused)
        };
        let foreign = || FOREIGN.to_owned();
        assert_eq!(refused(FieldCheck::Email, 20), Ok(vec![foreign(), format!("xxxxxx{MAIL}")]));
        let pattern = |text: &str| FieldCheck::Pattern(text.to_owned());
        let slug = pattern("^[a-z0-9]+(-[a-z0-9]+)*$");
        assert_eq!(refused(slug, 4), Ok(vec![foreign(), "aaaaa".to_owned()]));
        assert_eq!(refused(pattern("^v[0-9]+$"), 4), Err(NONE_TOO_LONG));
        assert_eq!(refused(FieldCheck::Uuid, 40), Ok(vec![foreign()]));
        let list = || FieldCheck::OneOf(vec!["on".to_owned(), "paused".to_owned()]);
        assert_eq!(refused(list(), 4), Ok(vec![foreign(), "paused".to_owned()]));
        assert_eq!(refused(list(), 9), Ok(vec![foreign()]));
    }

    #[test]
    fn what_is_very_long_is_not_tried() {
        for most in [LONGEST + 1, 2_147_483_647, 9_007_199_254_740_991, u64::MAX] {
            assert!(values(&[FieldCheck::MaxLength(most)], "CHECK (char_length(x) <= 1)").is_err(), "{most}");
            assert_eq!(allowed_text(&[FieldCheck::MinLength(most)]), None, "{most}");
        }
        assert!(values(&[FieldCheck::MaxLength(LONGEST)], "CHECK (char_length(x) <= 100000)").is_ok());
        assert_eq!(matching("^([a-z]{60000}){60000}$"), None);
        assert_eq!(matching("^[a-z]{9007199254740991}$"), None);
    }
}
