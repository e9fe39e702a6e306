//! Edits of Prisma schema text by meaning, that keep everything else as it is: comments, alignment, blank
//! lines and line ends. Knows the text's tree only; which edit is wise is the caller's business.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pgsteward_model::change::{EditAction, FileEdit, PrismaEdit};
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::Sources;

mod pieces;
mod place;

use pieces::Pieces;
use place::Text;

/// Why an edit could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    UnknownModel {
        model: String,
    },
    UnknownField {
        model: String,
        field: String,
    },
    /// The schema names a file that was not handed over.
    MissingFile {
        file: Arc<str>,
    },
    /// The attribute, type or line is no valid Prisma schema text by itself.
    Malformed {
        text: String,
        reason: String,
    },
    /// The field has this attribute already; set it instead of adding it.
    AlreadyThere {
        model: String,
        field: String,
        attribute: String,
    },
    /// No attribute and no field covers the span that was to be removed.
    NothingThere {
        file: Arc<str>,
    },
}

impl fmt::Display for EditError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EditError::UnknownModel { model } => write!(out, "the schema has no model \"{model}\""),
            EditError::UnknownField { model, field } => {
                write!(out, "model \"{model}\" has no field \"{field}\"")
            }
            EditError::MissingFile { file } => write!(out, "the schema file {file} was not read"),
            EditError::Malformed { text, reason } => write!(out, "\"{text}\" cannot be written: {reason}"),
            EditError::AlreadyThere { model, field, attribute } => {
                write!(out, "field \"{field}\" of \"{model}\" has the attribute \"{attribute}\" already")
            }
            EditError::NothingThere { file } => {
                write!(out, "no attribute or field of {file} is at the place to remove")
            }
        }
    }
}

impl std::error::Error for EditError {}

/// One edit as replacements of the file's text as it was read.
pub fn apply(schema: &PrismaSchema, sources: &Sources, edit: &PrismaEdit) -> Result<FileEdit, EditError> {
    let mut files = apply_all(schema, sources, std::slice::from_ref(edit))?;
    match files.pop() {
        Some(file) => Ok(file),
        // One edit names exactly one file; were it otherwise, nothing would be there to edit.
        None => Err(EditError::NothingThere { file: file_of(schema, edit)? }),
    }
}

/// Several edits, each seeing the ones before it, merged into one [`FileEdit`] per file. Spans of
/// [`PrismaEdit::Remove`] are those of the file as it was read.
pub fn apply_all(
    schema: &PrismaSchema,
    sources: &Sources,
    edits: &[PrismaEdit],
) -> Result<Vec<FileEdit>, EditError> {
    let prefix = schema.datasource.as_ref().map_or("db", |source| source.name.as_str());
    let mut files: BTreeMap<Arc<str>, Pieces> = BTreeMap::new();
    for edit in edits {
        let file = file_of(schema, edit)?;
        let source = sources.get(&file).ok_or_else(|| EditError::MissingFile { file: file.clone() })?;
        let pieces = files.entry(file.clone()).or_insert_with(|| Pieces::new(source.text.clone()));
        let text = pieces.text();
        let text = Text::new(&text, prefix);
        let change = match edit {
            PrismaEdit::AddBlockAttribute { model, attribute } => text.add_block_attribute(model, attribute),
            PrismaEdit::AddFieldAttribute { model, field, attribute } => {
                text.add_field_attribute(model, field, attribute)
            }
            PrismaEdit::SetFieldAttribute { model, field, attribute } => {
                text.set_field_attribute(model, field, attribute)
            }
            PrismaEdit::SetFieldType { model, field, ty } => text.set_field_type(model, field, ty),
            PrismaEdit::AddField { model, line } => text.add_field(model, line),
            PrismaEdit::Remove { span, .. } => {
                let nothing = || EditError::NothingThere { file: file.clone() };
                let span = pieces.current(*span).ok_or_else(nothing)?;
                text.remove(span).ok_or_else(nothing)
            }
        }?;
        pieces.apply(&change);
    }
    Ok(files
        .into_iter()
        .map(|(file, pieces)| FileEdit { file, action: EditAction::Replace(pieces.edits()) })
        .collect())
}

fn file_of(schema: &PrismaSchema, edit: &PrismaEdit) -> Result<Arc<str>, EditError> {
    let model = match edit {
        PrismaEdit::AddBlockAttribute { model, .. }
        | PrismaEdit::AddFieldAttribute { model, .. }
        | PrismaEdit::SetFieldAttribute { model, .. }
        | PrismaEdit::SetFieldType { model, .. }
        | PrismaEdit::AddField { model, .. } => model,
        PrismaEdit::Remove { file, .. } => return Ok(file.clone()),
    };
    match schema.model(model) {
        Some(model) => Ok(model.at.file.clone()),
        None => Err(EditError::UnknownModel { model: model.clone() }),
    }
}
