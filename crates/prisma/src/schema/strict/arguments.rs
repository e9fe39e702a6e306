//! Attributes as they are written: which arguments each takes, of which kind, and how often it may stand. It reads the
//! tree alone and knows no model. Source: what the engine of Prisma 7.10 takes and refuses.

use std::collections::HashSet;

use pgsteward_model::source::Span;

use super::super::ast::{Argument, Attribute, Block, BlockKind, Expr, ExprKind};
use super::super::operator_classes::{schema_name, sql_name};

/// A problem and its place in the file.
pub(super) type Problem = (Span, String);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// A text that says something.
    Name,
    Sort,
    Word,
    Any,
}

struct Signature {
    attribute: &'static str,
    /// What an argument without a name stands for.
    unnamed: Option<&'static str>,
    arguments: &'static [(&'static str, Kind)],
}

const fn takes(
    attribute: &'static str,
    unnamed: Option<&'static str>,
    arguments: &'static [(&'static str, Kind)],
) -> Signature {
    Signature { attribute, unnamed, arguments }
}

use Kind::{Any, Name, Sort, Text, Word};

static ON_FIELDS: [Signature; 8] = [
    takes("id", None, &[("map", Name)]),
    takes("unique", None, &[("map", Name), ("sort", Sort), ("where", Any)]),
    takes("default", Some("value"), &[("value", Any)]),
    takes("map", Some("name"), &[("name", Text)]),
    takes(
        "relation",
        Some("name"),
        &[
            ("name", Text),
            ("fields", Any),
            ("references", Any),
            ("onDelete", Word),
            ("onUpdate", Word),
            ("map", Name),
        ],
    ),
    takes("updatedAt", None, &[]),
    takes("ignore", None, &[]),
    takes("shardKey", None, &[]),
];

static ON_BLOCKS: [Signature; 7] = [
    takes("id", Some("fields"), &[("fields", Any), ("name", Name), ("map", Name)]),
    takes("unique", Some("fields"), &[("fields", Any), ("name", Name), ("map", Name), ("where", Any)]),
    takes(
        "index",
        Some("fields"),
        &[("fields", Any), ("name", Name), ("map", Name), ("type", Word), ("where", Any)],
    ),
    takes("map", Some("name"), &[("name", Text)]),
    takes("ignore", None, &[]),
    takes("schema", Some("map"), &[("map", Text)]),
    takes("shardKey", Some("fields"), &[("fields", Any)]),
];

/// What is wrong with the attributes of a block and of its members.
pub(super) fn problems(block: &Block) -> Vec<Problem> {
    let mut problems = Vec::new();
    // Keys may stand several times; that there is one id only is asked elsewhere.
    once(&block.attributes, &["unique", "index", "id", "fulltext"], &mut problems);
    for attribute in &block.attributes {
        check(attribute, "@@", &ON_BLOCKS, &mut problems);
        if let "id" | "unique" | "index" = attribute.name.text.as_str() {
            key(attribute, &mut problems);
        }
    }
    if block.kind == BlockKind::Enum {
        return problems;
    }
    for member in &block.members {
        once(&member.attributes, &[], &mut problems);
        for attribute in &member.attributes {
            check(attribute, "@", &ON_FIELDS, &mut problems);
            if attribute.name.text == "default"
                && let Some(value) = attribute.argument("value", true)
            {
                function(value, &mut problems);
            }
        }
    }
    problems
}

fn once(attributes: &[Attribute], many: &[&str], problems: &mut Vec<Problem>) {
    let mut seen = HashSet::new();
    for attribute in attributes {
        // A field has one native type, whatever its name.
        let name =
            attribute.name.text.split_once('.').map_or(attribute.name.text.as_str(), |(source, _)| source);
        if !many.contains(&name) && !seen.insert(name) {
            problems.push((attribute.span, format!("attribute \"{name}\" stands twice")));
        }
    }
}

fn check(attribute: &Attribute, sign: &str, known: &[Signature], problems: &mut Vec<Problem>) {
    let name = attribute.name.text.as_str();
    // An attribute that nobody knows is said where its meaning is read.
    let Some(signature) = known.iter().find(|one| one.attribute == name) else { return };
    let mut seen = HashSet::new();
    for Argument { name: given, value } in &attribute.arguments {
        let Some(label) = given.as_ref().map(|given| given.text.as_str()).or(signature.unnamed) else {
            problems.push((value.span, format!("\"{sign}{name}\" takes no argument without a name")));
            continue;
        };
        if !seen.insert(label) {
            problems.push((value.span, format!("\"{sign}{name}\" gets \"{label}\" twice")));
        }
        match signature.arguments.iter().find(|(known, _)| *known == label) {
            None => problems.push((value.span, format!("\"{sign}{name}\" takes no argument \"{label}\""))),
            Some((_, kind)) => fits(value, *kind, label, problems),
        }
    }
    if name == "index" && seen.contains("name") && seen.contains("map") {
        problems.push((
            attribute.span,
            "\"name\" of an index is another word for \"map\": give one of them".into(),
        ));
    }
}

fn fits(value: &Expr, kind: Kind, label: &str, problems: &mut Vec<Problem>) {
    let problem = match (kind, &value.kind) {
        (Any, _) | (Text, ExprKind::String(_)) | (Word, ExprKind::Word(_)) => None,
        (Name, ExprKind::String(text)) => text.is_empty().then(|| format!("\"{label}\" is empty")),
        (Text | Name, _) => Some(format!("\"{label}\" must be a string")),
        (Sort, ExprKind::Word(word)) if word == "Asc" || word == "Desc" => None,
        (Sort, _) => Some("\"sort\" must be Asc or Desc".to_owned()),
        (Word, _) => Some(format!("\"{label}\" must be a word, without quotes")),
    };
    problems.extend(problem.map(|problem| (value.span, problem)));
}

/// The fields of a key, each with what it may say.
fn key(attribute: &Attribute, problems: &mut Vec<Problem>) {
    let Some(fields) = attribute.argument("fields", true) else { return };
    let (kind, elements) = (attribute.name.text.as_str(), fields.elements());
    if elements.is_empty() {
        problems.push((attribute.span, format!("\"@@{kind}\" names no field")));
    }
    let mut seen = HashSet::new();
    for element in elements {
        let (name, arguments) = match &element.kind {
            ExprKind::Word(name) => (name, [].as_slice()),
            ExprKind::Call { name, arguments } => (name, arguments.as_slice()),
            _ => continue,
        };
        if name.contains('.') {
            problems.push((
                element.span,
                format!("\"{name}\" leads into a composite type, which PostgreSQL has not"),
            ));
        }
        if !seen.insert(name) {
            problems.push((element.span, format!("\"@@{kind}\" names \"{name}\" twice")));
        }
        for Argument { name: label, value } in arguments {
            let label = label.as_ref().map_or("", |label| label.text.as_str());
            match (label, kind) {
                ("sort", "unique" | "index") => fits(value, Sort, label, problems),
                ("ops", "index") => match &value.kind {
                    ExprKind::Word(class) if schema_name(&sql_name(class)).is_none() => {
                        problems.push((value.span, format!("unknown operator class \"{class}\"")));
                    }
                    _ => {}
                },
                // What nobody knows is passed over, as Prisma does.
                ("sort" | "ops" | "length" | "clustered", _) => {
                    problems.push((value.span, format!("a field of \"@@{kind}\" takes no \"{label}\"")));
                }
                _ => {}
            }
        }
    }
}

/// The arguments of a function in `@default`.
fn function(value: &Expr, problems: &mut Vec<Problem>) {
    let ExprKind::Call { name, arguments } = &value.kind else { return };
    let number = |argument: &Argument| matches!(argument.value.kind, ExprKind::Number(_));
    let fits = match name.as_str() {
        "now" | "autoincrement" | "ulid" => arguments.is_empty(),
        "uuid" | "cuid" | "nanoid" => arguments.len() <= 1 && arguments.iter().all(number),
        "dbgenerated" => arguments.len() <= 1 && arguments.iter().all(|one| one.value.as_string().is_some()),
        // `auto()` and `sequence()` are other databases'.
        "auto" => false,
        _ => true,
    };
    if !fits {
        problems.push((value.span, format!("\"{name}()\" cannot stand here like this")));
    }
}
