//! Runs the binary on projects that a test makes in a temporary folder. What differs from run to run
//! (times, temporary paths, versions) is taken out of its output here and nowhere else.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_pgsteward");

/// A datasource as Prisma 5 and 6 write it, and a generator.
pub(crate) const HEAD: &str = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n\n\
                               generator client {\n  provider = \"prisma-client-js\"\n}\n";

/// Two models, whose foreign key has no index.
pub(crate) const SHOP: &str = "// Sellers. pgsteward must keep this comment.\n\
    model Vendor {\n  id     Int     @id @default(autoincrement())\n  orders Order[]\n}\n\n\
    model Order {\n  id       Int    @id @default(autoincrement())\n  vendorId Int // who sells\n  vendor   Vendor @relation(fields: [vendorId], references: [id])\n}\n";

/// The migration that Prisma makes of [`SHOP`].
pub(crate) const SHOP_SQL: &str = "CREATE TABLE \"Vendor\" (\n    \"id\" SERIAL NOT NULL,\n\n    CONSTRAINT \"Vendor_pkey\" PRIMARY KEY (\"id\")\n);\n\n\
    CREATE TABLE \"Order\" (\n    \"id\" SERIAL NOT NULL,\n    \"vendorId\" INTEGER NOT NULL,\n\n    CONSTRAINT \"Order_pkey\" PRIMARY KEY (\"id\")\n);\n\n\
    ALTER TABLE \"Order\" ADD CONSTRAINT \"Order_vendorId_fkey\" FOREIGN KEY (\"vendorId\") REFERENCES \"Vendor\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;\n";

/// A migration that blocks writes for as long as it builds an index on the table of an earlier one.
pub(crate) const HAZARD_SQL: &str = "CREATE INDEX \"Order_vendorId_idx\" ON \"Order\"(\"vendorId\");\n";

pub(crate) struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    /// Files by path and text.
    pub(crate) fn new(files: &[(&str, &str)]) -> Project {
        let project = Project { folder: tempfile::Builder::new().prefix("project-").tempdir().unwrap() };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// [`SHOP`] with its migration, and more files.
    pub(crate) fn shop(more: &[(&str, &str)]) -> Project {
        let project = Project::new(&[
            ("prisma/schema.prisma", &format!("{HEAD}\n{SHOP}")),
            ("prisma/migrations/20260101000000_init/migration.sql", SHOP_SQL),
        ]);
        for (path, text) in more {
            project.write(path, text);
        }
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// Names in a folder, sorted.
    pub(crate) fn list(&self, path: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path().join(path)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        git(self.path(), arguments);
    }

    /// A repository whose first commit on `main` holds everything there is.
    pub(crate) fn commit_all(&self) {
        self.git(&["init", "--quiet", "--initial-branch=main"]);
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message=first"]);
    }

    /// The binary with these arguments, in the project's folder and an environment that names nothing.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let ours = name.starts_with("PGSTEWARD_") && name != "PGSTEWARD_PG_BIN";
            if ours
                || name.starts_with("GIT_")
                || ["DATABASE_URL", "NO_COLOR", "CLICOLOR_FORCE"].contains(&&*name)
            {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let output = self.command(arguments).envs(environment.iter().copied()).output().unwrap();
        self.of(&output)
    }

    pub(crate) fn of(&self, output: &Output) -> Run {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
            folder: self.path().display().to_string(),
        }
    }

    /// `check --format json` with more arguments.
    pub(crate) fn check(&self, arguments: &[&str]) -> Review {
        let run = self.run(&[&["check", "--format", "json"], arguments].concat());
        run.review()
    }
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) {
    let identity =
        ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "protocol.file.allow=always"];
    let output = Command::new("git")
        .args(identity)
        .args(arguments)
        .current_dir(folder)
        .env_remove("GIT_DIR")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What a run of the binary left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    folder: String,
}

impl Run {
    /// Exit code, stdout and stderr for a snapshot.
    pub(crate) fn snapshot(&self) -> String {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        let mut text = format!("exit code: {code}\n");
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let stream = self.normal(stream);
            if !stream.is_empty() {
                text.push_str(&format!("---- {name}\n{}\n", stream.trim_end()));
            }
        }
        text
    }

    fn normal(&self, text: &str) -> String {
        let text = text.replace(&self.folder, "[project]");
        let mut out = String::new();
        for line in text.lines() {
            out.push_str(&normal_line(line));
            out.push('\n');
        }
        out
    }

    /// The JSON on stdout; talk is on stderr.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout, self.stderr))
    }

    pub(crate) fn review(&self) -> Review {
        Review { json: self.json(), code: self.code, stderr: self.stderr.clone() }
    }

    pub(crate) fn both(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// Durations ("1.2 s", "15 ms") and the version of the lab's PostgreSQL.
fn normal_line(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for index in 0..words.len() {
        let number = words[index].trim_start_matches('(').parse::<f64>().is_ok();
        let unit = words.get(index + 1).map(|word| word.trim_end_matches([',', '.', ')', ';']).to_owned());
        if number && unit.is_some_and(|unit| ["s", "ms", "µs"].contains(&unit.as_str())) {
            words[index] = "[time]".to_owned();
        }
        if words[index] == "PostgreSQL" && words.get(index + 1).is_some_and(|word| word.contains('.')) {
            let word = words[index + 1].clone();
            if let Some((major, minor)) = word.split_once('.')
                && major.parse::<u32>().is_ok()
            {
                let rest = minor.trim_start_matches(|character: char| character.is_ascii_digit());
                words[index + 1] = format!("{major}.[minor]{rest}");
            }
        }
    }
    words.join(" ")
}

/// A review as JSON, with the questions that tests ask of it.
#[derive(Debug)]
pub(crate) struct Review {
    pub(crate) json: Value,
    pub(crate) code: Option<i32>,
    pub(crate) stderr: String,
}

impl Review {
    pub(crate) fn findings(&self) -> &Vec<Value> {
        self.json["findings"].as_array().unwrap()
    }

    pub(crate) fn of_rule(&self, rule: &str) -> Vec<&Value> {
        self.findings().iter().filter(|finding| finding["rule"] == rule).collect()
    }

    /// Ids of the rules that found something, each once.
    pub(crate) fn rules(&self) -> Vec<&str> {
        let mut rules: Vec<&str> =
            self.findings().iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    pub(crate) fn schemas(&self) -> Vec<&str> {
        self.json["project"]["schemas"]
            .as_array()
            .unwrap()
            .iter()
            .map(|path| path.as_str().unwrap())
            .collect()
    }

    /// Migrations and how many of them were judged.
    pub(crate) fn migrations(&self) -> (u64, u64) {
        let project = &self.json["project"];
        (project["migrations"].as_u64().unwrap(), project["judged"].as_u64().unwrap())
    }

    /// The gap about something; its sentence and its hint.
    pub(crate) fn gap(&self, what: &str) -> Option<String> {
        self.json["gaps"].as_array().unwrap().iter().find(|gap| gap["what"].as_str() == Some(what)).map(
            |gap| format!("{} {}", gap["why"].as_str().unwrap_or(""), gap["hint"].as_str().unwrap_or("")),
        )
    }

    /// All gaps, one line each.
    pub(crate) fn gaps(&self) -> String {
        let gaps = self.json["gaps"].as_array().unwrap().iter();
        gaps.map(|gap| format!("{}: {} {}\n", gap["what"], gap["why"], gap["hint"])).collect()
    }
}
