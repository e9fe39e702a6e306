//! Which migrations are judged, by what is known.

use std::collections::BTreeSet;
use std::path::PathBuf;

use pgsteward_engine::judge::{Wish, choose};

fn judged(wish: &Wish) -> (Vec<String>, String) {
    // A folder in no repository, so that git has nothing to say.
    let folder = tempfile::tempdir().unwrap();
    let migrations: Vec<(String, PathBuf)> =
        ["1_a", "2_b", "3_c"].iter().map(|name| ((*name).to_owned(), folder.path().join(name))).collect();
    let judged = choose(&migrations, folder.path(), wish).unwrap();
    (judged.names.into_iter().collect(), judged.because)
}

#[test]
fn the_strongest_word_counts() {
    let applied = || Some(BTreeSet::from(["1_a".to_owned()]));
    let through = || Some("2_b".to_owned());
    let cases = [
        (Wish::default(), vec![]),
        (Wish { applied_through: through(), ..Wish::default() }, vec!["3_c"]),
        (Wish { applied: applied(), applied_through: through(), ..Wish::default() }, vec!["2_b", "3_c"]),
        (Wish { all: true, applied: applied(), ..Wish::default() }, vec!["1_a", "2_b", "3_c"]),
        (
            Wish { named: Some("2_b".to_owned()), all: true, applied: applied(), ..Wish::default() },
            vec!["2_b"],
        ),
        (Wish { applied_through: Some("of another project".to_owned()), ..Wish::default() }, vec![]),
    ];
    for (wish, expected) in cases {
        let (names, because) = judged(&wish);
        assert_eq!(names, expected, "{wish:?}");
        assert!(!because.is_empty(), "{wish:?}");
    }
}

#[test]
fn a_revision_needs_a_repository() {
    let folder = tempfile::tempdir().unwrap();
    let wish = Wish { since: Some("main".to_owned()), ..Wish::default() };
    let error = choose(&[], folder.path(), &wish).unwrap_err().to_string();
    assert!(error.contains("needs git and a repository") && error.contains("\nhint: "), "{error}");
}
