//! What the lab changes in a file before it runs, and where: extensions that the lab makes itself or has only
//! stand-ins for, roles that it makes without rights, statements that it leaves out.

use std::collections::BTreeSet;

use pgsteward_model::migration::{MigrationFile, ServerError};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::source::Span;
use pgsteward_model::statement::{Name, Statement};
use pgsteward_pg::LabSession;
use pgsteward_sql::quote_literal;

use crate::walls::EXTENSIONS;

/// What there is around a replay: the extensions of the installation, and what was found out on the way.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// Extensions with a control file; those that turn out not to load are taken away.
    available: BTreeSet<String>,
    /// Extensions that the owner of a database may make by itself.
    trusted: BTreeSet<String>,
    /// Extensions that stand-ins or nothing took the place of.
    pub(crate) missing: BTreeSet<String>,
}

/// A replacement of a part of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) span: Span,
    /// Empty: left out.
    pub(crate) replacement: String,
    /// What the user is told; none where nothing is lost.
    pub(crate) told: Option<(String, String)>,
}

/// Types that an extension brings, with how their modifiers are read (`pg_lab.stand_in_type`).
const STAND_INS: &[(&str, &[(&str, &str)])] = &[
    ("vector", &[("vector", "number"), ("halfvec", "number"), ("sparsevec", "number")]),
    ("postgis", &[("geometry", "any"), ("geography", "any"), ("box2d", "any"), ("box3d", "any")]),
    ("postgis_raster", &[("raster", "any")]),
    ("citext", &[("citext", "text")]),
    ("hstore", &[("hstore", "text")]),
    ("ltree", &[("ltree", "text"), ("lquery", "text"), ("ltxtquery", "text")]),
    ("ulid", &[("ulid", "text")]),
    ("pgx_ulid", &[("ulid", "text")]),
    ("semver", &[("semver", "text")]),
    ("h3", &[("h3index", "text")]),
];

impl Surroundings {
    /// As the installation has them, whatever the database.
    pub(crate) async fn read(superuser: &LabSession) -> Result<Surroundings, ServerError> {
        // The column came with 13; before, no extension is trusted.
        let trusted = superuser
            .rows(
                "SELECT name, coalesce((to_jsonb(v)->>'trusted')::boolean, false) \
                 FROM pg_available_extension_versions v",
            )
            .await?;
        let mut surroundings =
            Surroundings { available: BTreeSet::new(), trusted: BTreeSet::new(), missing: BTreeSet::new() };
        for row in trusted {
            let [Some(name), trusted] = &row[..] else { continue };
            surroundings.available.insert(name.clone());
            if trusted.as_deref() == Some("t") {
                surroundings.trusted.insert(name.clone());
            }
        }
        Ok(surroundings)
    }

    /// An extension turned out not to load.
    pub(crate) fn lose(&mut self, extension: &str) -> bool {
        self.available.remove(extension)
    }

    /// What must change in a file before it is sent. Nothing, for nearly all.
    pub(crate) fn edits(&mut self, file: &MigrationFile, text: &str) -> Vec<Edit> {
        let mut edits = Vec::new();
        for statement in &file.statements {
            let span = statement.span;
            let written = text.get(span.start..span.end).unwrap_or_default();
            if let Some((replacement, told)) = self.edit(&statement.statement, written) {
                edits.push(Edit { span, replacement, told });
            }
        }
        edits
    }

    /// What to send in place of a statement, and what the user is told. None: the statement as it is.
    pub(crate) fn edit(
        &mut self,
        statement: &Statement,
        written: &str,
    ) -> Option<(String, Option<(String, String)>)> {
        match statement {
            Statement::CreateExtension { name, if_not_exists, schema } => {
                self.extension(name, *if_not_exists, schema.as_deref(), written)
            }
            Statement::CreateRole { name, .. } => Some((
                format!("SELECT pg_lab.create_role({})", quote_literal(name)),
                Some((
                    format!("role \"{name}\""),
                    "the lab makes roles without LOGIN, passwords and rights of their own".into(),
                )),
            )),
            Statement::AlterRole { name } => Some((
                String::new(),
                Some((format!("role \"{name}\""), "the lab does not change roles for a migration".into())),
            )),
            Statement::Drop { kind: ObjectKind::Role, names, .. } => Some((
                String::new(),
                Some((
                    format!("role {}", listed(names)),
                    "the lab does not drop roles for a migration".into(),
                )),
            )),
            Statement::AlterSystem => Some((
                String::new(),
                Some(("ALTER SYSTEM".into(), "the lab does not change settings of its server".into())),
            )),
            Statement::CreateDatabase { name } | Statement::DropDatabase { name } => Some((
                String::new(),
                Some((format!("database \"{name}\""), "a replay works in one database of the lab".into())),
            )),
            // An extension that is only stood in for can neither be commented on, altered nor dropped.
            Statement::AlterExtension { name } if self.missing.contains(name) => {
                Some((String::new(), Some((format!("extension \"{name}\""), self.why_missing(name)))))
            }
            Statement::Comment { kind: Some(ObjectKind::Extension), name, .. } => {
                // The lab owns the extensions it makes.
                (self.missing.contains(&name.name) || !self.trusted.contains(&name.name))
                    .then(|| (String::new(), None))
            }
            Statement::Drop { kind: ObjectKind::Extension, names, .. } => names
                .iter()
                .any(|name| self.missing.contains(&name.name) || !self.trusted.contains(&name.name))
                .then(|| {
                    (
                        String::new(),
                        Some((
                            format!("extension {}", listed(names)),
                            "the lab made it or lacks it, and keeps it as it is".into(),
                        )),
                    )
                }),
            _ => None,
        }
    }

    fn extension(
        &mut self,
        name: &str,
        if_not_exists: bool,
        schema: Option<&str>,
        written: &str,
    ) -> Option<(String, Option<(String, String)>)> {
        let namespace = schema.map_or("NULL".to_owned(), quote_literal);
        if EXTENSIONS.contains(&name) && self.available.contains(name) {
            // A version that a managed service has may not be the one that is installed here.
            let plain = !written.to_ascii_uppercase().contains("VERSION");
            if self.trusted.contains(name) && plain {
                return None;
            }
            let call = format!(
                "SELECT pg_lab.create_extension({}, {namespace}, {if_not_exists})",
                quote_literal(name)
            );
            return Some((call, None));
        }
        self.missing.insert(name.to_owned());
        let types =
            STAND_INS.iter().find(|(extension, _)| *extension == name).map_or(&[][..], |(_, types)| types);
        let calls: Vec<String> = types
            .iter()
            .map(|(ty, kind)| {
                let namespace = quote_literal(schema.unwrap_or("public"));
                format!("SELECT pg_lab.stand_in_type({}, {namespace}, '{kind}')", quote_literal(ty))
            })
            .collect();
        Some((calls.join("; "), Some((format!("extension \"{name}\""), self.why_missing(name)))))
    }

    /// A full sentence is made of this by whoever shows it.
    fn why_missing(&self, name: &str) -> String {
        let has_stand_in = STAND_INS.iter().any(|(extension, _)| *extension == name);
        let instead = if has_stand_in { "; stand-in types took its place" } else { "" };
        if self.available.contains(name) {
            format!("it is not among the extensions that the lab allows{instead}")
        } else {
            format!("this PostgreSQL does not have it{instead}")
        }
    }
}

fn listed(names: &[Name]) -> String {
    names.iter().map(|name| format!("\"{}\"", name.name)).collect::<Vec<_>>().join(", ")
}

/// A file with edits applied, and the way back from its offsets to the original's.
#[derive(Debug)]
pub(crate) struct Adapted {
    pub(crate) text: String,
    /// Start in the adapted text, length there, and the original span, for each edit in order.
    moved: Vec<(usize, usize, Span)>,
}

impl Adapted {
    pub(crate) fn new(text: &str, edits: &[Edit]) -> Adapted {
        let mut edits: Vec<&Edit> = edits.iter().collect();
        edits.sort_by_key(|edit| edit.span);
        let mut adapted = Adapted { text: String::with_capacity(text.len()), moved: Vec::new() };
        let mut at = 0;
        for edit in edits {
            if edit.span.start < at {
                continue;
            }
            adapted.text.push_str(text.get(at..edit.span.start).unwrap_or_default());
            let (start, length) = (adapted.text.len(), edit.replacement.len());
            adapted.text.push_str(&edit.replacement);
            adapted.moved.push((start, length, edit.span));
            at = edit.span.end;
        }
        adapted.text.push_str(text.get(at..).unwrap_or_default());
        adapted
    }

    /// An offset of the adapted text in the original; inside a replacement, the start of what it replaced.
    pub(crate) fn original(&self, offset: usize) -> usize {
        let mut shift = 0_isize;
        for (start, length, span) in &self.moved {
            if offset < *start {
                break;
            }
            if offset < start + length {
                return span.start;
            }
            shift = span.end as isize - (start + length) as isize;
        }
        offset.saturating_add_signed(shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_find_their_way_back() {
        let text = "abc DEF ghi JKL mno";
        let edits = [
            Edit { span: Span::new(12, 15), replacement: String::new(), told: None },
            Edit { span: Span::new(4, 7), replacement: "LONGER".into(), told: None },
        ];
        let adapted = Adapted::new(text, &edits);
        assert_eq!(adapted.text, "abc LONGER ghi  mno");
        assert_eq!(adapted.original(1), 1);
        assert_eq!(adapted.original(6), 4, "inside the replacement");
        assert_eq!(adapted.original(11), 8, "ghi");
        assert_eq!(adapted.original(16), 16, "mno");
    }
}
