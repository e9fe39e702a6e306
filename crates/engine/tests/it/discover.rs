//! What a folder holds.

use pgsteward_engine::discover::{discover, environment::database_url, read_text};
use pgsteward_model::migration::Layout;
use pgsteward_model::project::UrlOrigin;

use crate::{folder, write};

const SCHEMA: &str = "datasource db {\n  provider = \"postgresql\"\n}\n";

#[test]
fn versions_and_configurations_are_looked_for_up_to_the_repository() {
    let outside = folder(&[("package.json", "{\"dependencies\": {\"prisma\": \"1.0.0\"}}")]);
    let inner = outside.path().join("repository");
    write(&inner, "package.json", "{\"devDependencies\": {\"prisma\": \"^7.4.2\"}}");
    write(&inner, "packages/db/package.json", "{\"dependencies\": {\"pg\": \"8\"}}");
    write(&inner, "packages/db/prisma/schema.prisma", SCHEMA);
    std::fs::create_dir(inner.join(".git")).unwrap();
    for path in ["", "packages/db", "packages/db/prisma", "packages/db/prisma/schema.prisma"] {
        let found = discover(&inner.join(path)).unwrap();
        assert_eq!(found.projects.len(), 1, "{path}");
        assert_eq!(found.projects[0].prisma_version, Some((7, 4)), "{path}");
    }
    std::fs::remove_file(inner.join("package.json")).unwrap();
    assert_eq!(discover(&inner).unwrap().projects[0].prisma_version, None, "not beyond the repository");
}

#[test]
fn a_named_file_brings_the_history_before_it() {
    let root = folder(&[
        ("prisma/migrations/1_a/migration.sql", "CREATE TABLE a (id int);"),
        ("prisma/migrations/2_b/migration.sql", "CREATE TABLE b (id int);"),
        ("prisma/migrations/3_c/migration.sql", "CREATE TABLE c (id int);"),
        ("db/1_a.up.sql", "CREATE TABLE a (id int);"),
        ("db/2_b.up.sql", "CREATE TABLE b (id int);"),
        ("db/2_b.down.sql", "DROP TABLE b;"),
        ("loose.sql", "SELECT 1;"),
    ]);
    for (path, layout, names) in [
        ("prisma/migrations/2_b/migration.sql", Layout::Prisma, vec!["1_a", "2_b"]),
        ("db/2_b.up.sql", Layout::UpDown, vec!["1_a", "2_b"]),
        ("loose.sql", Layout::Files, vec!["loose"]),
    ] {
        let found = discover(&root.path().join(path)).unwrap();
        let migrations = found.projects[0].migrations.as_ref().unwrap();
        let found_names: Vec<&str> = migrations.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(found_names, names, "{path}");
        assert_eq!(migrations.layout, layout, "{path}");
        assert_eq!(migrations.named.as_deref(), names.last().copied(), "{path}");
    }
    // The way back is no migration; by itself it is a file like any other.
    let down = discover(&root.path().join("db/2_b.down.sql")).unwrap();
    assert_eq!(down.projects[0].migrations.as_ref().unwrap().files.len(), 1);
}

#[test]
fn files_that_are_no_text() {
    let root = folder(&[("bom.sql", "\u{feff}SELECT 1;")]);
    assert_eq!(read_text(&root.path().join("bom.sql")).unwrap(), "SELECT 1;");
    std::fs::write(root.path().join("latin1.sql"), b"SELECT '\xe9';").unwrap();
    let gap = read_text(&root.path().join("latin1.sql")).unwrap_err();
    assert!(gap.why.contains("offset 8"), "{gap:?}");
    let gap = read_text(&root.path().join("nowhere.sql")).unwrap_err();
    assert!(gap.why.contains("could not be read") && !gap.hint.is_empty(), "{gap:?}");
}

#[test]
fn the_url_of_an_environment_file() {
    let root = folder(&[(".env", "# DATABASE_URL=no\nexport DATABASE_URL='postgresql://a@b/c' # yes\n")]);
    assert_eq!(database_url(root.path()).as_deref(), Some("postgresql://a@b/c"));
    let empty = folder(&[(".env", "DATABASE_URL=\n")]);
    assert_eq!(database_url(empty.path()), None);
}

/// The folder of a schema is named, and the file with the password stands above it.
#[test]
fn an_environment_that_was_committed_is_told_from_one_that_was_not() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("prisma")).unwrap();
    std::fs::write(root.path().join("prisma/schema.prisma"), SCHEMA).unwrap();
    std::fs::write(root.path().join(".env"), "DATABASE_URL=postgresql://a:b@h/d\n").unwrap();
    std::fs::write(root.path().join(".env.local"), "DATABASE_URL=postgresql://a:b@h/d\n").unwrap();
    let git = |arguments: &[&str]| {
        let done =
            std::process::Command::new("git").args(arguments).current_dir(root.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "-q"]);
    git(&["add", ".env"]);
    for named in ["prisma", ""] {
        let found = discover(&root.path().join(named)).unwrap();
        let mut origins: Vec<_> = found.projects[0]
            .environment
            .iter()
            .map(|file| (file.path.file_name().unwrap().to_str().unwrap().to_owned(), file.origin))
            .collect();
        origins.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            (".env".to_owned(), UrlOrigin::CommittedEnvironment),
            (".env.local".to_owned(), UrlOrigin::LocalEnvironment),
        ];
        assert_eq!(origins, expected, "{named}");
    }
}
