//! The person at the terminal, as the engine asks.

use std::io::{IsTerminal, Write};

use pgsteward_engine::migrate::ask::{Answer, Ask};

use crate::output;
use crate::progress::Spinner;

/// Asks on stderr and reads stdin. Nobody is there where either is no terminal, and in CI.
pub(crate) struct Terminal<'a> {
    spinner: &'a Spinner,
}

impl<'a> Terminal<'a> {
    pub(crate) fn new(spinner: &'a Spinner) -> Terminal<'a> {
        Terminal { spinner }
    }
}

impl Ask for Terminal<'_> {
    fn interactive(&self) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal() && !dumb && !set("CI")
    }

    fn tell(&self, text: &str) {
        self.spinner.pause();
        output::talk(text);
    }

    fn text<'b>(&'b self, question: &'b str) -> Answer<'b, String> {
        self.spinner.pause();
        let mut stderr = std::io::stderr().lock();
        // Where the question cannot be shown nobody will answer it either.
        let shown = write!(stderr, "{question} ").and_then(|()| stderr.flush());
        drop(stderr);
        Box::pin(async move {
            shown.ok()?;
            let (send, receive) = tokio::sync::oneshot::channel();
            // A thread of its own: Ctrl-C must not wait for a line that never comes.
            std::thread::spawn(move || {
                let mut line = String::new();
                let read = std::io::stdin().read_line(&mut line);
                let answer = read
                    .ok()
                    .filter(|bytes| *bytes > 0)
                    .map(|_| line.trim_end_matches(['\r', '\n']).to_owned());
                drop(send.send(answer));
            });
            receive.await.ok().flatten()
        })
    }
}
