//! The states of a column and the ways between them, as text and as a Mermaid state diagram. Draws what it is given.

use std::collections::BTreeMap;

use pgsteward_model::states::ANY;

use crate::text;

/// `PENDING → PAID | CANCELLED`, one line for each state that is left.
pub(crate) fn lines(allowed: &[(String, String)]) -> Vec<String> {
    let mut known: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (from, to) in allowed {
        let to = text::line(to);
        let all = known.entry(from).or_default();
        if !all.contains(&to) {
            all.push(to);
        }
    }
    let name = |from: &str| if from == ANY { "any".to_owned() } else { text::line(from) };
    known.iter().map(|(from, to)| format!("{} → {}", name(from), to.join(" | "))).collect()
}

/// The text of a `mermaid` block; `begins` are the states of new rows. States get names of their own, so that no character
/// of a value is syntax.
pub(crate) fn mermaid(begins: &[String], allowed: &[(String, String)]) -> String {
    let mut states: Vec<&str> = Vec::new();
    for state in begins.iter().chain(allowed.iter().flat_map(|(from, to)| [from, to])) {
        if !states.contains(&state.as_str()) {
            states.push(state);
        }
    }
    let mut out = String::from("stateDiagram-v2\n");
    for (number, state) in states.iter().enumerate() {
        let label: String = match *state {
            ANY => "any state".to_owned(),
            // Masked while it still looks like a URL.
            state => text::mask_passwords(state)
                .chars()
                .map(|one| if one.is_alphanumeric() || "_-. ".contains(one) { one } else { '_' })
                .collect(),
        };
        out.push_str(&format!("    state \"{label}\" as s{number}\n"));
    }
    let number = |state: &str| states.iter().position(|known| *known == state).unwrap_or_default();
    for state in begins {
        out.push_str(&format!("    [*] --> s{}\n", number(state)));
    }
    for (from, to) in allowed {
        out.push_str(&format!("    s{} --> s{}\n", number(from), number(to)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{lines, mermaid};

    fn ways() -> Vec<(String, String)> {
        [("PENDING", "PAID"), ("PENDING", "CANCELLED"), ("*", "LOST\n\"x\"")]
            .map(|(from, to)| (from.to_owned(), to.to_owned()))
            .to_vec()
    }

    #[test]
    fn ways_are_drawn_as_text() {
        let lines = lines(&ways());
        assert_eq!(lines[1], "PENDING → PAID | CANCELLED");
        assert!(lines[0].starts_with("any → LOST") && !lines[0].contains('\n'), "{lines:?}");
    }

    #[test]
    fn no_value_becomes_syntax_of_the_diagram() {
        let drawn = mermaid(&[], &ways());
        assert!(drawn.starts_with("stateDiagram-v2\n    state \"PENDING\" as s0\n"), "{drawn}");
        assert!(drawn.contains("    s0 --> s1\n    s0 --> s2\n    s3 --> s4\n"), "{drawn}");
        assert!(drawn.contains("\"LOST__x_\" as s4"), "{drawn}");
        assert_eq!(drawn.lines().count(), 1 + 5 + 3);
    }
}
