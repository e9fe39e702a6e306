//! What `format` adds to a schema that leaves half of a relation unsaid: the field on the other model, the fields of the
//! foreign key, the arguments of `@relation`. Only where there is one way to read the schema.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgsteward_model::prisma::{Arity, Field, FieldType, Model, PrismaSchema, Scalar};
use pgsteward_model::source::SourceFile;

use crate::schema::relations::end;

/// Texts to insert, by file and place; several at one place keep their order.
type Insertions = BTreeMap<(Arc<str>, usize), String>;

/// The files with what was missing, not yet formatted.
pub(super) fn complete(files: &[Arc<SourceFile>]) -> Vec<(Arc<str>, String)> {
    let schema = crate::schema::parse_unchecked(files);
    let insertions = if schema.errors.is_empty() { missing(&schema, files) } else { Insertions::new() };
    let with = |file: &Arc<SourceFile>| {
        let mut text = file.text.to_string();
        let own = insertions.iter().filter(|((path, _), _)| *path == file.path);
        for ((_, at), insertion) in own.collect::<Vec<_>>().into_iter().rev() {
            if text.is_char_boundary(*at) {
                text.insert_str(*at, insertion);
            }
        }
        (file.path.clone(), text)
    };
    files.iter().map(with).collect()
}

fn missing(schema: &PrismaSchema, files: &[Arc<SourceFile>]) -> Insertions {
    let mut found = Finder { schema, files, insertions: Insertions::new() };
    for model in &schema.models {
        for field in &model.fields {
            found.field(model, field);
        }
    }
    found.insertions
}

/// A column of a foreign key: its name, and the field that it refers to.
struct KeyPart<'a> {
    name: String,
    refers_to: &'a Field,
    exists: Option<&'a Field>,
}

struct Finder<'a> {
    schema: &'a PrismaSchema,
    files: &'a [Arc<SourceFile>],
    insertions: Insertions,
}

impl<'a> Finder<'a> {
    fn insert(&mut self, file: &Arc<str>, at: usize, text: &str) {
        self.insertions.entry((file.clone(), at)).or_default().push_str(text);
    }

    /// Before the closing brace.
    fn add_line(&mut self, model: &Model, line: &str) {
        self.insert(&model.at.file, model.at.span.end.saturating_sub(1), &format!("{line}\n"));
    }

    /// Fields of `from` that lead to `to` under this name.
    fn ends(&self, from: &'a Model, to: &Model, name: Option<&str>) -> Vec<&'a Field> {
        let leads = |field: &&Field| {
            end(field).is_some_and(|(target, relation)| target == to.name && relation.name.as_deref() == name)
        };
        from.fields.iter().filter(leads).collect()
    }

    fn field(&mut self, model: &'a Model, field: &'a Field) {
        let Some((target, relation)) = end(field) else { return };
        let Some(target) = self.schema.model(target) else { return };
        let name = relation.name.as_deref();
        let mut back = self.ends(target, model, name);
        back.retain(|other| !std::ptr::eq(*other, field));
        let alone = self.ends(model, target, name).len()
            == if model.name == target.name { 1 + back.len() } else { 1 };
        if !alone || back.len() > 1 {
            return;
        }
        let other = back.first().copied();
        if field.arity == Arity::List {
            if other.is_none() {
                self.forward_missing(target, model);
            }
            return;
        }
        let holds_key = match other {
            None => true,
            Some(other) if other.arity == Arity::List => true,
            Some(other) => {
                let elsewhere = other.relation.as_ref().is_some_and(|relation| !relation.fields.is_empty());
                // Of two single fields without arguments the required one has the key.
                let required = field.arity == Arity::Required && other.arity == Arity::Optional;
                !elsewhere && (!relation.fields.is_empty() || required)
            }
        };
        if !holds_key {
            return;
        }
        if other.is_none() {
            self.back_missing(model, field, target);
        }
        let parts = key_parts(model, target);
        if relation.fields.is_empty() {
            self.add_scalars(model, &parts, field.arity);
        }
        self.arguments(field, &parts);
    }

    /// A list of `holder` on a model that nothing of `holder` leads to.
    fn forward_missing(&mut self, holder: &'a Model, target: &'a Model) {
        let parts = key_parts(holder, target);
        let optional =
            parts.iter().any(|part| part.exists.is_none_or(|field| field.arity == Arity::Optional));
        let mark = if optional { "?" } else { "" };
        let line = format!(
            "{} {}{mark} @relation(fields: [{}], references: [{}])",
            camel_case(&target.name),
            target.name,
            names(&parts),
            references(&parts)
        );
        self.add_line(holder, &line);
        self.add_scalars(holder, &parts, Arity::Optional);
    }

    fn back_missing(&mut self, holder: &Model, field: &Field, target: &Model) {
        let columns = field.relation.as_ref().map(|relation| relation.fields.clone()).unwrap_or_default();
        let mut keys = holder.uniques.iter().chain(&holder.primary_key);
        let unique = !columns.is_empty()
            && keys.any(|key| {
                key.fields.len() == columns.len()
                    && key.fields.iter().all(|part| columns.contains(&part.field))
            });
        let name = camel_case(&holder.name);
        let ignored = if holder.ignored { "@ignore" } else { "" };
        let line = if unique {
            format!("{name} {}? {ignored}", holder.name)
        } else {
            format!("{} {}[] {ignored}", plural(&name), holder.name)
        };
        self.add_line(target, &line);
    }

    fn add_scalars(&mut self, holder: &Model, parts: &[KeyPart<'_>], arity: Arity) {
        for part in parts.iter().filter(|part| part.exists.is_none()) {
            let FieldType::Scalar(scalar) = &part.refers_to.ty else { return };
            let mark = if arity == Arity::Optional { "?" } else { "" };
            let native = part.refers_to.native.as_ref().and_then(|native| {
                let file = self.files.iter().find(|file| file.path == native.at.file)?;
                Some(file.slice(native.at.span).to_owned())
            });
            let line = format!("{} {}{mark} {}", part.name, scalar_name(*scalar), native.unwrap_or_default());
            self.add_line(holder, &line);
        }
    }

    /// `fields` and `references`, where the attribute or one of them is not there.
    fn arguments(&mut self, field: &Field, parts: &[KeyPart<'_>]) {
        let Some(relation) = &field.relation else { return };
        let fields = format!("fields: [{}]", names(parts));
        let referred = format!("references: [{}]", references(parts));
        let Some(file) = self.files.iter().find(|file| file.path == relation.at.file).cloned() else {
            return;
        };
        let attribute = file.slice(relation.at.span);
        if !attribute.starts_with('@') {
            let at = field.type_at.span.end;
            self.insert(&field.type_at.file, at, &format!(" @relation({fields}, {referred})"));
            return;
        }
        let mut wanted = Vec::new();
        if relation.fields.is_empty() {
            wanted.push(fields);
        }
        if relation.references.is_empty() {
            wanted.push(referred);
        }
        if wanted.is_empty() {
            return;
        }
        let wanted = wanted.join(", ");
        let end = relation.at.span.end;
        let empty = attribute.trim_end_matches(')').trim_end().ends_with('(');
        match (attribute.ends_with(')'), empty) {
            (false, _) => self.insert(&relation.at.file, end, &format!("({wanted})")),
            (true, true) => self.insert(&relation.at.file, end - 1, &wanted),
            (true, false) => self.insert(&relation.at.file, end - 1, &format!(", {wanted}")),
        }
    }
}

/// The columns that a key of `holder` to `target` has: after the first key of `target`, its primary key if it has one.
fn key_parts<'a>(holder: &'a Model, target: &'a Model) -> Vec<KeyPart<'a>> {
    let Some(key) = target.primary_key.iter().chain(&target.uniques).next() else { return Vec::new() };
    let part = |name: &String| {
        let refers_to = target.field(name)?;
        let name = format!("{}{}", first(&target.name, char::to_lowercase), first(name, char::to_uppercase));
        let exists = holder.field(&name);
        Some(KeyPart { name, refers_to, exists })
    };
    key.fields.iter().filter_map(|field| part(&field.field)).collect()
}

fn names(parts: &[KeyPart<'_>]) -> String {
    parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn references(parts: &[KeyPart<'_>]) -> String {
    parts.iter().map(|part| part.refers_to.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn first<I: Iterator<Item = char>>(word: &str, change: fn(char) -> I) -> String {
    let mut chars = word.chars();
    chars.next().map(|c| change(c).chain(chars).collect()).unwrap_or_default()
}

/// `user_account` and `UserAccount` → `userAccount`.
fn camel_case(word: &str) -> String {
    let mut out = String::new();
    let mut raise = false;
    for c in word.chars() {
        if c == '_' || c == '-' {
            raise = !out.is_empty();
        } else if raise {
            out.extend(c.to_uppercase());
            raise = false;
        } else if out.is_empty() {
            out.extend(c.to_lowercase());
        } else {
            out.push(c);
        }
    }
    out
}

/// The English plural by its usual endings; words that are irregular come out regular.
fn plural(word: &str) -> String {
    let vowel = |c: Option<char>| c.is_some_and(|c| "aeiou".contains(c));
    let mut chars = word.chars().rev();
    match chars.next() {
        Some('y') if !vowel(chars.next()) => format!("{}ies", &word[..word.len() - 1]),
        Some('s' | 'x' | 'z') => format!("{word}es"),
        Some('h') if word.ends_with("ch") || word.ends_with("sh") => format!("{word}es"),
        _ => format!("{word}s"),
    }
}

fn scalar_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::String => "String",
        Scalar::Boolean => "Boolean",
        Scalar::Int => "Int",
        Scalar::BigInt => "BigInt",
        Scalar::Float => "Float",
        Scalar::Decimal => "Decimal",
        Scalar::DateTime => "DateTime",
        Scalar::Json => "Json",
        Scalar::Bytes => "Bytes",
    }
}
