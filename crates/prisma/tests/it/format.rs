//! The formatter against what Prisma's own (7.10) writes. The expected texts were written by Prisma.

use pgsteward_prisma::format::reformat;

use crate::corpus;

#[test]
fn an_ugly_schema_comes_out_as_prisma_writes_it() {
    assert_eq!(reformat(include_str!("format/ugly.prisma")), include_str!("format/formatted.prisma"));
}

#[test]
fn what_is_formatted_stays_as_it_is() {
    for project in corpus::PROJECTS {
        let Some(folder) = corpus::project(project) else { continue };
        let once = reformat(&corpus::schema_file(&folder).text);
        assert_eq!(reformat(&once), once, "{project}");
    }
}

#[test]
fn nothing_that_means_something_is_lost() {
    for project in corpus::PROJECTS {
        let Some(folder) = corpus::project(project) else { continue };
        let before = corpus::schema_file(&folder);
        let after = std::sync::Arc::new(pgsteward_model::source::SourceFile::new(
            before.path.clone(),
            reformat(&before.text),
        ));
        let version = pgsteward_model::version::ServerVersion::of_major(17);
        let catalog = |file| pgsteward_prisma::calculate(&pgsteward_prisma::parse(&[file]), version);
        assert_eq!(catalog(before), catalog(after), "{project}");
    }
}

#[test]
fn hostile_texts_are_kept() {
    for text in
        ["{", "}", "model", "model A {", "model A {\n\"", "/*", "enum E {\n a @", "\u{feff}é{\n", "\\"]
    {
        let formatted = reformat(text);
        let kept = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(kept(&formatted), kept(text), "{text:?}");
    }
    assert_eq!(reformat(""), "\n");
}
