//! The name of a new migration folder, as Prisma makes it: the time in UTC, an underscore, and the given name in
//! lower-case ASCII.
//!
//! Prisma's command line uses the npm package `@sindresorhus/slugify` with `_` between words (seen in prisma
//! 6.19 and 7.10). Latin, Greek and Cyrillic letters are transliterated as there; of other scripts, which that
//! package knows too, nothing is left.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::allow::Date;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How much of a name is kept, in characters.
const LONGEST: usize = 200;

/// The folder of a migration made `seconds` after 1970 (`YYYYMMDDHHMMSS`, UTC), after those that are there: two of
/// one second would sort by their words, so each gets a second of its own. Without a usable name it is the time
/// alone.
pub fn folder_name(seconds: u64, name: &str, there: &[String]) -> String {
    let mut seconds = seconds;
    while there.iter().any(|folder| folder.starts_with(&timestamp(seconds))) {
        seconds += 1;
    }
    let (now, name) = (timestamp(seconds), slugify(name));
    if name.is_empty() { now } else { format!("{now}_{name}") }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// `YYYYMMDDHHMMSS` in UTC.
fn timestamp(seconds: u64) -> String {
    let day = Date::of_days(i64::try_from(seconds / 86_400).unwrap_or(0)).compact();
    format!("{day:08}{:02}{:02}{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// A name as part of a folder's name: `addUser's E-Mail` becomes `add_users_e_mail`.
pub fn slugify(name: &str) -> String {
    let words = decamelize(&transliterate(name)).to_lowercase();
    let words = without_apostrophes(&words);
    let mut out = String::with_capacity(words.len());
    for character in words.chars() {
        if character.is_ascii_lowercase() || character.is_ascii_digit() {
            out.push(character);
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
    }
    if out.ends_with('_') {
        out.pop();
    }
    out.truncate(LONGEST);
    out
}

/// Letters that are no accented ASCII letter; the others lose their marks.
const LETTERS: &str = "ß=ss ẞ=Ss ä=ae Ä=Ae ö=oe Ö=Oe ü=ue Ü=Ue Æ=AE æ=ae Ð=D ð=d Ø=O ø=o Þ=TH þ=th Đ=D đ=d ı=i \
    ł=l Ł=L Ĳ=IJ ĳ=ij Ħ=H ħ=h ¢=c ¥=Y €=E \
    α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=ks ο=o π=p ρ=r σ=s τ=t υ=y φ=f χ=x ψ=ps ω=o ς=s \
    Α=A Β=B Γ=G Δ=D Ε=E Ζ=Z Η=I Θ=TH Ι=I Κ=K Λ=L Μ=M Ν=N Ξ=KS Ο=O Π=P Ρ=R Σ=S Τ=T Υ=Y Φ=F Χ=X Ψ=PS Ω=O \
    А=A а=a Б=B б=b В=V в=v Г=G г=g Д=D д=d Е=E е=e Ё=Yo ё=yo Ж=Zh ж=zh З=Z з=z И=I и=i Й=Y й=y К=K к=k Л=L \
    л=l М=M м=m Н=N н=n О=O о=o П=P п=p Р=R р=r С=S с=s Т=T т=t У=U у=u Ф=F ф=f Х=Kh х=kh Ц=Ts ц=ts Ч=Ch ч=ch \
    Ш=Sh ш=sh Щ=Sch щ=sch Ъ= ъ= Ы=Y ы=y Ь= ь= Э=E э=e Ю=Yu ю=yu Я=Ya я=ya Є=Ye І=I Ї=Yi Ґ=G є=ye і=i ї=yi ґ=g";

/// Pairs of letters with a reading of their own, and signs that are words.
const PAIRS: [(&str, &str); 7] = [
    ("ъе", "ye"),
    ("Ъе", "Ye"),
    ("ый", "iy"),
    ("Ый", "Iy"),
    ("&", " and "),
    ("♥", " love "),
    ("🦄", " unicorn "),
];

fn transliterate(text: &str) -> String {
    let mut text: String = text.nfc().collect();
    for (from, to) in PAIRS {
        text = text.replace(from, to);
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match letter(character) {
            Some(ascii) => out.push_str(ascii),
            None => {
                for part in character.nfd().filter(|part| !is_combining_mark(*part)) {
                    match letter(part) {
                        Some(ascii) => out.push_str(ascii),
                        None => out.push(part),
                    }
                }
            }
        }
    }
    out
}

fn letter(character: char) -> Option<&'static str> {
    if character.is_ascii() {
        return None;
    }
    LETTERS.split(' ').find_map(|pair| pair.strip_prefix(character)?.strip_prefix('='))
}

/// Blanks where a word begins with a capital: `APIKey2` is `API Key2`; the plural `APIs` stays whole.
fn decamelize(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let upper = |at: usize| characters.get(at).is_some_and(char::is_ascii_uppercase);
    let small =
        |at: usize| characters.get(at).is_some_and(|one| one.is_ascii_lowercase() || one.is_ascii_digit());
    let mut out = String::with_capacity(text.len() + 8);
    for (at, character) in characters.iter().enumerate() {
        let after_word = at > 0 && upper(at) && small(at - 1);
        let after_capitals = at > 1 && character.is_ascii_digit() && upper(at - 1) && upper(at - 2);
        let new_word = at > 0
            && upper(at)
            && upper(at - 1)
            && characters.get(at + 1).is_some_and(|next| next.is_ascii_lowercase() && *next != 's');
        if after_word || after_capitals || new_word {
            out.push(' ');
        }
        out.push(*character);
    }
    out
}

/// `user's`, `don't`: the apostrophe goes without a trace.
fn without_apostrophes(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, character) in characters.iter().enumerate() {
        let contraction = *character == '\''
            && at > 0
            && characters[at - 1].is_ascii_alphanumeric()
            && matches!(characters.get(at + 1), Some('t' | 's'))
            && characters.get(at + 2).is_none_or(|next| next.is_whitespace());
        if !contraction {
            out.push(*character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `prisma migrate dev --create-only --name …` of 6.19 makes of these names.
    #[test]
    fn names_become_what_prisma_makes_of_them() {
        for (name, folder) in [
            ("init", "init"),
            ("Add user's E-Mail", "add_users_e_mail"),
            ("addUserEmail", "add_user_email"),
            ("APIs and HTTPServer2", "apis_and_http_server2"),
            ("parseXML2JSON", "parse_xml_2_json"),
            ("größer & schöner", "groesser_and_schoener"),
            ("  v1.2.3--final  ", "v1_2_3_final"),
            ("Żółć naïve Ångström", "zolc_naive_angstroem"),
            ("Добавить объект", "dobavit_obyekt"),
            ("объезд новый", "obyezd_noviy"),
            ("πίνακας", "pinakas"),
            ("don't stop", "dont_stop"),
            ("__x__", "x"),
            ("日本", ""),
            ("ÀÉÎõü Ŧest œuvre", "ae_ioue_est_uvre"),
            ("ABCDef12GH3", "abc_def12_gh_3"),
        ] {
            assert_eq!(slugify(name), folder, "{name}");
        }
        assert_eq!(slugify(&"ab".repeat(150)).len(), 200);
    }

    #[test]
    fn a_folder_without_a_name_is_the_time_alone() {
        assert_eq!(folder_name(1_767_323_045, "", &[]), "20260102030405");
        assert_eq!(folder_name(1_767_323_045, "Init", &[]), "20260102030405_init");
        assert!(timestamp(now()).as_str() > "2025", "{}", timestamp(now()));
    }

    #[test]
    fn migrations_of_one_second_sort_as_they_were_made() {
        let mut there = vec!["20251231235959_zebra".to_owned()];
        for name in ["apple", "", "", "init"] {
            there.push(folder_name(1_767_225_599, name, &there));
        }
        assert_eq!(
            there[1..],
            ["20260101000000_apple", "20260101000001", "20260101000002", "20260101000003_init"]
        );
    }
}
