//! `migrate squash` killed with -9: every migration is on disk afterwards, and the next run ends the work. A few moments of
//! each layout by default; PGSTEWARD_TEST_KILLS=200 for more, spread over the whole run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::servers;
use crate::support::{HEAD, Project};

/// So many that the disk is busy for a while.
const MIGRATIONS: usize = 40;

/// One layout: where its migrations lie, and where what leaves lies meanwhile.
struct Layout {
    folder: &'static str,
    staging: &'static str,
    /// Of a migration's name: the file that makes it one.
    file: fn(&str) -> String,
    /// The entry of the folder that it is or is in.
    entry: fn(&str) -> String,
    new: &'static str,
}

const LAYOUTS: [Layout; 2] = [
    Layout {
        folder: "prisma/migrations",
        staging: "prisma/.pgsteward-squash",
        file: |name| format!("{name}/migration.sql"),
        entry: str::to_owned,
        new: "039_squashed_migrations",
    },
    Layout {
        folder: "db/migrations",
        staging: "db/migrations/.pgsteward-squash",
        file: |name| format!("{name}.up.sql"),
        entry: |name| format!("{name}.up.sql"),
        new: "039_squashed_migrations",
    },
];

/// When the process ends.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The new migration is being written.
    Staged,
    /// It is in its place.
    Placed,
    /// So many old ones have left.
    Left(usize),
    /// So far into the run.
    After(Duration),
}

fn name(at: usize) -> String {
    format!("{at:03}_step")
}

impl Layout {
    fn text(at: usize) -> String {
        format!("CREATE TABLE \"T{at}\" (id INTEGER PRIMARY KEY);\n")
    }

    fn project(&self) -> Project {
        let project = Project::new(&[]);
        if self.folder.starts_with("prisma") {
            project.write("prisma/schema.prisma", HEAD);
        }
        for at in 0..MIGRATIONS {
            project.write(&format!("{}/{}", self.folder, (self.file)(&name(at))), Layout::text(at));
            if self.folder.starts_with("db") {
                project.write(
                    &format!("{}/{}.down.sql", self.folder, name(at)),
                    format!("DROP TABLE \"T{at}\";\n"),
                );
            }
        }
        project
    }

    fn folder(&self, project: &Project) -> PathBuf {
        project.path().join(self.folder)
    }

    fn has_come(&self, moment: Moment, project: &Project, began: Instant) -> bool {
        let staging = project.path().join(self.staging);
        match moment {
            Moment::Staged => staging.join("new").exists(),
            Moment::Placed => self.folder(project).join((self.file)(self.new)).exists(),
            Moment::Left(count) => staging.join("old").join((self.entry)(&name(count - 1))).exists(),
            Moment::After(time) => began.elapsed() >= time,
        }
    }

    /// Whether the new migration is in its place. Every old one is there, or it is whole and they have left.
    fn is_placed(&self, project: &Project, reference: &str, moment: Moment) -> bool {
        let (folder, old) = (self.folder(project), project.path().join(self.staging).join("old"));
        let read = |path: &Path| std::fs::read_to_string(path).ok();
        let placed = read(&folder.join((self.file)(self.new)));
        if let Some(text) = &placed {
            assert_eq!(text, reference, "{moment:?}");
        }
        for at in 0..MIGRATIONS {
            let file = (self.file)(&name(at));
            match read(&folder.join(&file)).or_else(|| read(&old.join(&file))) {
                Some(text) => assert_eq!(text, Layout::text(at), "{moment:?}"),
                None => assert!(placed.is_some() && !old.join(&file).exists(), "{file} is lost: {moment:?}"),
            }
            assert!(placed.is_some() || folder.join(&file).exists(), "{file} left too early: {moment:?}");
        }
        placed.is_some()
    }
}

const SQUASH: [&str; 6] = ["migrate", "squash", "--yes", "--allow-dirty", "--to", "039_step"];

#[test]
fn every_migration_is_on_disk_and_the_next_run_ends_it() {
    if servers::start(17, &[]).is_none() {
        return;
    }
    for layout in &LAYOUTS {
        let whole = layout.project();
        let began = Instant::now();
        let run = whole.run(&SQUASH);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let took = began.elapsed();
        let reference = whole.read(&format!("{}/{}", layout.folder, (layout.file)(layout.new)));
        let after = whole.list(layout.folder);
        let mut killed = 0;
        let moments = moments(took);
        for moment in &moments {
            let project = layout.project();
            killed += u32::from(kill_at(layout, &project, *moment));
            let placed = layout.is_placed(&project, &reference, *moment);
            if placed && project.list(layout.folder) == after && !project.path().join(layout.staging).exists()
            {
                continue;
            }
            let run = project.run(&SQUASH);
            assert_eq!(run.code, Some(0), "{moment:?}: {}", run.both());
            assert_eq!(project.list(layout.folder), after, "{moment:?}");
            assert_eq!(project.read(&format!("{}/{}", layout.folder, (layout.file)(layout.new))), reference);
            assert!(!project.path().join(layout.staging).exists(), "{moment:?}");
        }
        eprintln!("{}: {killed} of {} squashes killed on their way", layout.folder, moments.len());
    }
}

fn moments(took: Duration) -> Vec<Moment> {
    let more =
        std::env::var("PGSTEWARD_TEST_KILLS").ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let spread = (0..more).map(|round| Moment::After(took.mul_f64(f64::from(round) / f64::from(more))));
    let left = (1..=more as usize).map(|round| Moment::Left(1 + round % MIGRATIONS));
    [Moment::Staged, Moment::Placed, Moment::Left(1), Moment::Left(MIGRATIONS / 2)]
        .into_iter()
        .chain(spread)
        .chain(left)
        .collect()
}

/// True where the process had not ended by itself before.
fn kill_at(layout: &Layout, project: &Project, moment: Moment) -> bool {
    let began = Instant::now();
    let mut child = project.command(&SQUASH).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if layout.has_come(moment, project, began) {
            child.kill().unwrap();
            return child.wait().unwrap().code().is_none();
        }
        std::thread::yield_now();
    }
}
