//! `new rule GROUP/ID`: the two files of a rule and its lines in `mod.rs`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

const GROUPS: &[(&str, &str)] = &[
    ("migration", "Migration"),
    ("schema", "Schema"),
    ("index", "Index"),
    ("drift", "Drift"),
    ("config", "Config"),
];

pub(crate) fn rule(root: &Path, name: &str) -> Result<()> {
    let Some((group, id)) = name.split_once('/') else {
        bail!("name the rule as GROUP/ID: index/unused-index")
    };
    let Some((_, variant)) = GROUPS.iter().find(|(known, _)| *known == group) else {
        bail!("`{group}` is no group; the groups are {}", GROUPS.map_names());
    };
    ensure!(
        !id.is_empty()
            && id.chars().all(|character| character.is_ascii_lowercase()
                || character.is_ascii_digit()
                || character == '-'),
        "an id is kebab-case: `{id}` is not"
    );
    let stem = id.replace('-', "_");
    let folder = root.join("crates/rules/src").join(group);
    let (code, page) = (folder.join(format!("{stem}.rs")), folder.join(format!("{stem}.md")));
    ensure!(!code.exists() && !page.exists(), "the rule {group}/{id} exists already");
    std::fs::write(&code, code_text(id, &stem, variant))
        .with_context(|| format!("write {}", code.display()))?;
    std::fs::write(&page, page_text(id)).with_context(|| format!("write {}", page.display()))?;
    let list = folder.join("mod.rs");
    let text = std::fs::read_to_string(&list).with_context(|| format!("read {}", list.display()))?;
    let listed = text
        .replacen(
            "use pgsteward_model::rule::Rule;",
            &format!("mod {stem};\n\nuse pgsteward_model::rule::Rule;"),
            1,
        )
        .replacen("&[&Rule] = &[", &format!("&[&Rule] = &[\n    &{stem}::RULE,"), 1);
    std::fs::write(&list, listed).with_context(|| format!("write {}", list.display()))?;
    crate::write_line(&format!(
        "wrote {} and its page; fill both, then run `cargo fmt` and `cargo test -p pgsteward-testkit {id}`",
        code.display()
    ));
    Ok(())
}

trait Names {
    fn map_names(&self) -> String;
}

impl Names for [(&str, &str)] {
    fn map_names(&self) -> String {
        self.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

fn code_text(id: &str, stem: &str, variant: &str) -> String {
    format!(
        r#"//! What is wrong, in one line.

use pgsteward_model::facts::{{Facts, Need}};
use pgsteward_model::finding::{{Finding, Severity}};
use pgsteward_model::rule::{{Group, Rule}};

use crate::shared;

pub static RULE: Rule = Rule {{
    id: "{id}",
    group: Group::{variant},
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::Prisma],
    since: "{version}",
    ancestors: &[],
    page: include_str!("{stem}.md"),
    check,
}};

fn check(facts: &Facts) -> Vec<Finding> {{
    let Some(catalog) = facts.catalog() else {{ return Vec::new() }};
    let mut findings = Vec::new();
    for table in catalog.user_tables() {{
        let place = shared::table_place(facts, table);
        findings.push(
            Finding::on_object(&RULE, place, format!("\"{{}}\" …", table.name.display())).detail("….").hint("…"),
        );
    }}
    findings
}}
"#,
        version = env!("CARGO_PKG_VERSION")
    )
}

fn page_text(id: &str) -> String {
    format!(
        "# {id}\n\nOne sentence: what is wrong and what it costs.\n\n## Why\n\n## Wrong\n\n```sql setup\nCREATE TABLE t (); -- finding: t\n```\n\n\
         ## Right\n\n```sql setup\nCREATE TABLE t (id bigint PRIMARY KEY);\n```\n\n## When to allow it\n\n## References\n"
    )
}
