//! Lines whose columns are aligned. Widths are bytes, as Prisma counts them.

/// Rows that share their columns' widths.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

enum Row {
    /// Columns, and what follows them on the line (a comment), which moves no column.
    Aligned(Vec<String>, String),
    /// A line as it is.
    Raw(String),
}

impl Table {
    pub(super) fn row(&mut self, mut columns: Vec<String>, trailing: &str) {
        while columns.last().is_some_and(String::is_empty) {
            columns.pop();
        }
        self.rows.push(Row::Aligned(columns, trailing.to_owned()));
    }

    pub(super) fn blank(&mut self) {
        self.row(Vec::new(), "");
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.rows.push(Row::Raw(text.to_owned()));
    }

    /// Writes the rows, each with `indent` blanks before it, and is empty afterwards.
    pub(super) fn flush(&mut self, indent: usize, out: &mut String) {
        let rows = std::mem::take(&mut self.rows);
        let mut widths: Vec<usize> = Vec::new();
        for row in &rows {
            let Row::Aligned(columns, _) = row else { continue };
            widths.resize(widths.len().max(columns.len()), 0);
            for (width, column) in widths.iter_mut().zip(columns) {
                *width = column.len().max(*width);
            }
        }
        for row in &rows {
            match row {
                Row::Raw(text) => push(text, indent, out),
                Row::Aligned(columns, trailing) => {
                    for (at, column) in columns.iter().enumerate() {
                        push(column, indent, out);
                        if at + 1 < columns.len() {
                            let gap = widths.get(at).map_or(0, |width| width.saturating_sub(column.len()));
                            push(&" ".repeat(gap + 1), indent, out);
                        }
                    }
                    if !trailing.is_empty() {
                        let gap = if columns.is_empty() { "" } else { " " };
                        push(gap, indent, out);
                        push(trailing, indent, out);
                    }
                }
            }
            out.push('\n');
        }
    }
}

/// Text, with the indentation where it begins a line.
pub(super) fn push(text: &str, indent: usize, out: &mut String) {
    if out.is_empty() || out.ends_with('\n') {
        out.extend(std::iter::repeat_n(' ', indent));
    }
    out.push_str(text);
}
