//! Markdown of a page → cases of code blocks with marks.

/// The headings of a page, in their order. `Proof` may be absent.
pub const HEADINGS: &[&str] = &["Why", "Wrong", "Right", "Proof", "When to allow it", "References"];

#[derive(Debug, Default)]
pub struct Page {
    pub title: String,
    pub headings: Vec<String>,
    pub cases: Vec<Case>,
    /// Text under `## Proof`.
    pub proof: String,
}

#[derive(Debug, Default)]
pub struct Case {
    /// The `###` title, or the heading for the first case.
    pub title: String,
    pub wrong: bool,
    pub blocks: Vec<Block>,
}

#[derive(Debug)]
pub struct Block {
    /// First word of the info string.
    pub language: String,
    /// What follows it.
    pub words: Vec<String>,
    /// The text without its marks.
    pub text: String,
    pub marks: Vec<Mark>,
    /// 1-based line of the opening fence in the page.
    pub line: usize,
}

/// A finding that is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// 1-based line of the block.
    pub line: u32,
    /// `-- finding: NAME`.
    pub name: Option<String>,
}

impl Block {
    /// The file that the block is, if its info string names one.
    pub fn path(&self) -> Option<&str> {
        self.words.first().map(String::as_str).filter(|word| word.contains('/') || word.contains('.'))
    }

    pub fn has(&self, word: &str) -> bool {
        self.words.iter().any(|known| known == word)
    }

    pub fn is(&self, language: &str, word: &str) -> bool {
        self.language == language && self.words.first().is_some_and(|first| first == word)
    }
}

/// Reads a page. Blocks outside Wrong and Right are prose.
pub fn parse(text: &str) -> Page {
    let mut page = Page::default();
    let mut section = String::new();
    let mut block: Option<(String, usize, Vec<&str>)> = None;
    for (index, line) in text.lines().enumerate() {
        if let Some((info, start, lines)) = &mut block {
            if line.trim_end() == "```" {
                let done = finish(info, *start, lines);
                if let Some(case) = page.cases.last_mut().filter(|_| section == "Wrong" || section == "Right")
                {
                    case.blocks.push(done);
                }
                block = None;
            } else {
                lines.push(line);
            }
            continue;
        }
        if let Some(info) = line.strip_prefix("```") {
            block = Some((info.trim().to_owned(), index + 1, Vec::new()));
        } else if let Some(title) = line.strip_prefix("### ") {
            page.cases.push(Case { title: title.to_owned(), wrong: section == "Wrong", blocks: Vec::new() });
        } else if let Some(title) = line.strip_prefix("## ") {
            section = title.trim().to_owned();
            page.headings.push(section.clone());
            if section == "Wrong" || section == "Right" {
                page.cases.push(Case {
                    title: section.clone(),
                    wrong: section == "Wrong",
                    blocks: Vec::new(),
                });
            }
        } else if let Some(title) = line.strip_prefix("# ") {
            page.title = title.trim().to_owned();
        }
        if section == "Proof" {
            page.proof.push_str(line);
            page.proof.push('\n');
        }
    }
    page.cases.retain(|case| !case.blocks.is_empty());
    page
}

fn finish(info: &str, line: usize, lines: &[&str]) -> Block {
    let mut words = info.split_whitespace().map(str::to_owned);
    let language = words.next().unwrap_or_default();
    let mut text = String::new();
    let mut marks = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let (code, found) = if language == "findings" {
            (*line, marks_of_list(line, number))
        } else {
            marks_of_line(line, number)
        };
        text.push_str(code);
        text.push('\n');
        marks.extend(found);
    }
    Block { language, words: words.collect(), text, marks, line }
}

/// `… -- finding`, `… // finding finding`, `… # finding: name`: the code without its mark, and the marks.
fn marks_of_line(line: &str, number: u32) -> (&str, Vec<Mark>) {
    for comment in ["-- finding", "// finding", "# finding"] {
        let Some(at) = line.rfind(comment) else { continue };
        let rest = &line[at + comment.len()..];
        let code = line[..at].trim_end();
        if let Some(name) = rest.strip_prefix(':') {
            return (code, vec![Mark { line: number, name: Some(name.trim().to_owned()) }]);
        }
        if rest.split_whitespace().all(|word| word == "finding") {
            let count = 1 + rest.split_whitespace().count();
            return (code, vec![Mark { line: number, name: None }; count]);
        }
    }
    (line, Vec::new())
}

fn marks_of_list(line: &str, number: u32) -> Vec<Mark> {
    let name = line.trim().strip_prefix("finding:").map(|name| name.trim().to_owned());
    name.into_iter().map(|name| Mark { line: number, name: Some(name) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cases_and_marks() {
        let text = "# id\n\nSummary.\n\n## Wrong\n\n```sql setup\nCREATE TABLE a (); -- finding: a\n```\n\n### Two\n\n\
                    ```sql m/1/migration.sql applied\nx -- finding finding\n```\n\n## Right\n\n```prisma prisma/schema.prisma\nmodel A {}\n```\n";
        let page = parse(text);
        assert_eq!(page.title, "id");
        assert_eq!(page.cases.len(), 3);
        assert_eq!(page.cases[0].blocks[0].text, "CREATE TABLE a ();\n");
        assert_eq!(page.cases[0].blocks[0].marks, [Mark { line: 1, name: Some("a".into()) }]);
        assert!(page.cases[0].blocks[0].is("sql", "setup"));
        assert_eq!(page.cases[1].blocks[0].marks.len(), 2);
        assert_eq!(page.cases[1].blocks[0].path(), Some("m/1/migration.sql"));
        assert!(page.cases[1].blocks[0].has("applied") && page.cases[1].wrong && !page.cases[2].wrong);
    }
}
