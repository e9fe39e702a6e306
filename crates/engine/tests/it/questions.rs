//! `migrate dev` with somebody to ask: renames, warnings and the name of the migration.

use std::sync::Mutex;

use pgsteward_engine::NoProgress;
use pgsteward_engine::collect::LabWish;
use pgsteward_engine::migrate::ProjectOptions;
use pgsteward_engine::migrate::ask::{Answer, Ask};
use pgsteward_engine::migrate::dev::{DevRequest, dev};
use pgsteward_engine::migrate::place::Place;
use pgsteward_lab::{Lab, LabOptions};
use pgsteward_model::migrate::dev::{DevOutcome, DevReport};

use crate::{folder, write};

const HEAD: &str = "datasource db {\n  provider = \"postgresql\"\n}\n";
const USER: &str = "model User {\n  id   Int    @id\n  name String\n}\n";

/// Somebody who answers by the words of the question, and everything that was said to them.
struct Person {
    answers: Vec<(&'static str, &'static str)>,
    heard: Mutex<Vec<String>>,
}

impl Person {
    fn new(answers: &[(&'static str, &'static str)]) -> Person {
        Person { answers: answers.to_vec(), heard: Mutex::default() }
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().join("\n")
    }
}

impl Ask for Person {
    fn interactive(&self) -> bool {
        true
    }

    fn tell(&self, text: &str) {
        self.heard.lock().unwrap().push(text.to_owned());
    }

    fn text<'a>(&'a self, question: &'a str) -> Answer<'a, String> {
        self.tell(question);
        let answer = self.answers.iter().find(|(words, _)| question.contains(words));
        Box::pin(std::future::ready(answer.map(|(_, answer)| (*answer).to_owned())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_decides_about_renames_and_losses() {
    let options = LabOptions { major: Some(17), ..LabOptions::default() };
    let lab = match Lab::start(&options).await {
        Ok(lab) => lab,
        Err(error) => {
            eprintln!("not tested: {error}; {}", error.hint());
            return;
        }
    };
    let database = lab.create_database().await.unwrap();
    let project = folder(&[
        ("prisma/schema.prisma", &format!("{HEAD}{USER}")),
        ("src/users.ts", "export const all = () => prisma.user.findMany({ select: { fullName: true } })\n"),
    ]);
    let run = async |name: Option<&str>, person: &Person| -> DevReport {
        let request = DevRequest {
            place: Place {
                project: ProjectOptions {
                    folder: Some(project.path().to_path_buf()),
                    ..ProjectOptions::default()
                },
                url: Some(database.url()),
            },
            name: name.map(str::to_owned),
            create_only: false,
            from_database: false,
            renames: Vec::new(),
            skip_generate: true,
            wish: LabWish { major: Some(17), ..LabWish::default() },
        };
        dev(&request, person, &NoProgress).await.unwrap()
    };
    // The name is asked for, and what gives up gives up everything.
    let nobody = Person::new(&[]);
    assert_eq!(run(None, &nobody).await.outcome, DevOutcome::Cancelled);
    assert!(!project.path().join("prisma/migrations").exists(), "nothing was written");
    let named = run(None, &Person::new(&[("name for the new migration", "First Step")])).await;
    assert_eq!(named.outcome, DevOutcome::Applied);
    assert!(named.created.unwrap().name.ends_with("_first_step"));
    let session = database.session().await.unwrap();
    session.simple("INSERT INTO \"User\" VALUES (1, 'ann')").await.unwrap();

    // A guess that is not taken is a loss, which waits for a word of its own.
    write(
        project.path(),
        "prisma/schema.prisma",
        &format!("{HEAD}{}", USER.replace("name String", "fullName String?")),
    );
    let no = Person::new(&[("Rename", "n"), ("Are you sure", "no")]);
    assert_eq!(run(Some("x"), &no).await.outcome, DevOutcome::Cancelled);
    let heard = no.heard();
    assert!(
        heard.contains("Rename field \"name\" of \"User\" to \"fullName\" and keep its data?"),
        "{heard}"
    );
    assert!(heard.contains("the code says \"fullName\" 1 times, \"name\" 0 times"), "{heard}");
    assert!(heard.contains("which still contains 1 non-null values"), "{heard}");

    let yes = run(Some("x"), &Person::new(&[("Rename", "yes")])).await;
    assert_eq!(yes.outcome, DevOutcome::Applied);
    assert_eq!(yes.renamed, ["column \"name\" of \"User\" to \"fullName\""]);
    let rows = session.rows("SELECT \"fullName\" FROM \"User\"").await.unwrap();
    assert_eq!(rows, [[Some("ann".to_owned())]]);

    write(project.path(), "prisma/schema.prisma", &format!("{HEAD}model User {{\n  id Int @id\n}}\n"));
    let dropped = run(Some("drop"), &Person::new(&[("Are you sure", "y")])).await;
    assert_eq!((dropped.outcome, dropped.warnings.len()), (DevOutcome::Applied, 1));
    session.close().await;
}
