//! Which columns may hold what is about people, or opens doors: their values leave the database in no file.
//!
//! Goes by types and names alone and errs on the careful side: only kinds, states, amounts and dates of things pass.

use pgsteward_model::catalog::{Column, ConstraintKind, Table, TypeClass};

/// Words of columns that are about a person, or secret.
const WORDS: [&str; 68] = [
    "address",
    "age",
    "avatar",
    "bank",
    "bio",
    "birth",
    "birthday",
    "born",
    "buyer",
    "card",
    "city",
    "cookie",
    "country",
    "county",
    "customer",
    "dob",
    "email",
    "employee",
    "ethnicity",
    "family",
    "fax",
    "first",
    "forename",
    "fullname",
    "gender",
    "given",
    "handle",
    "health",
    "iban",
    "ip",
    "key",
    "last",
    "lat",
    "latitude",
    "legal",
    "lng",
    "location",
    "login",
    "longitude",
    "mail",
    "maiden",
    "mobile",
    "name",
    "nick",
    "nickname",
    "note",
    "owner",
    "passport",
    "password",
    "patient",
    "person",
    "phone",
    "postal",
    "postcode",
    "region",
    "religion",
    "salary",
    "secret",
    "session",
    "sex",
    "ssn",
    "street",
    "surname",
    "tax",
    "token",
    "town",
    "user",
    "zip",
];

/// Longer texts on average are somebody's words.
const WIDTH: i32 = 24;

pub(crate) fn looks_personal(table: &Table, column: &Column) -> bool {
    let words = words(&column.name);
    let last = words.last().map_or("", String::as_str);
    let named = words
        .iter()
        .any(|word| WORDS.contains(&word.as_str()) || word.contains("name") || word.contains("mail"));
    let key = matches!(last, "id" | "ids" | "uuid" | "ref" | "by" | "hash" | "code" | "url" | "slug")
        || table.constraints.iter().any(|constraint| names(&constraint.kind, &column.name));
    let ty = &column.ty;
    let kind = match (ty.class, ty.name.as_str()) {
        _ if ty.array > 0 => false,
        (TypeClass::Enum, _) => true,
        (TypeClass::Base, "text" | "character varying" | "character" | "citext") => column
            .statistics
            .as_ref()
            .is_some_and(|statistics| statistics.width <= WIDTH && repeats(statistics.distinct)),
        (
            TypeClass::Base,
            "boolean"
            | "smallint"
            | "integer"
            | "bigint"
            | "numeric"
            | "real"
            | "double precision"
            | "date"
            | "timestamp with time zone"
            | "timestamp without time zone",
        ) => true,
        _ => false,
    };
    named || key || !kind
}

/// A few values that many rows share: kinds and states. Texts of their own for most rows are about those rows.
fn repeats(distinct: f64) -> bool {
    distinct > 0.0 && distinct <= 100.0
}

fn names(kind: &ConstraintKind, column: &str) -> bool {
    match kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => {
            columns.iter().any(|name| name == column)
        }
        ConstraintKind::ForeignKey(key) => key.columns.iter().any(|name| name == column),
        _ => false,
    }
}

/// `createdByIp`, `created_by_ip`: the words of a name, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut begins = true;
    let mut lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() {
            begins = true;
            continue;
        }
        if begins || letter.is_uppercase() && lower {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
        begins = false;
        lower = !letter.is_uppercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("createdByIp"), ["created", "by", "ip"]);
        assert_eq!(words("home_ZIP2"), ["home", "zip2"]);
    }
}
