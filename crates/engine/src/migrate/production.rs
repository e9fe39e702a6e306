//! The last gate before data is destroyed: whether a database looks like production, whether its name was
//! typed, and whether a program that acts for somebody was told to.
//!
//! A look at names, size and traffic proves nothing. It decides how much must be typed, never whether something
//! is safe.

use pgsteward_pg::{DatabaseActivity, ReadSession, ServerUrl};

use super::ask::Ask;
use super::error::MigrateError;

/// From this size on a database looks like production, bytes.
const LARGE: i64 = 1 << 30;

/// So many other sessions at work within a minute look like an application's.
const BUSY: i64 = 3;

/// So many other sessions look like an application's pool, whatever they do.
const MANY: i64 = 20;

/// Transactions a second, on average over an hour at least.
const STEADY: f64 = 1.0;

/// Words in the name of a server or database that production has and others do not.
const WORDS: [&str; 4] = ["prod", "production", "prd", "live"];

/// What the user gave on the command line towards destroying data.
#[derive(Clone, Debug, Default)]
pub struct Consent {
    /// `--force`.
    pub force: bool,
    /// `--database NAME`: the name of the database, typed.
    pub typed: Option<String>,
}

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    Yes,
    /// The person said no, or nothing.
    Cancelled,
}

/// Why this database looks like production: one phrase a sign. Empty where nothing speaks for it.
pub async fn signs(url: &ServerUrl) -> Result<Vec<String>, MigrateError> {
    let session = ReadSession::connect(url).await?;
    let read = session.activity().await;
    session.close().await;
    let activity = read?;
    let mut signs = named_so(url);
    signs.extend(behaves_so(&activity));
    Ok(signs)
}

fn named_so(url: &ServerUrl) -> Vec<String> {
    let words = |name: &str| {
        name.split(|one: char| !one.is_alphanumeric())
            .find(|word| WORDS.iter().any(|sign| word.eq_ignore_ascii_case(sign)))
            .map(str::to_owned)
    };
    let mut signs = Vec::new();
    if let Some(word) = url.database().and_then(words) {
        signs.push(format!("its name says \"{word}\""));
    }
    if let Some(word) = words(url.host()).filter(|_| !url.host().starts_with('/')) {
        signs.push(format!("the name of its server says \"{word}\""));
    }
    signs
}

fn behaves_so(activity: &DatabaseActivity) -> Vec<String> {
    let mut signs = Vec::new();
    if activity.size_bytes >= LARGE {
        #[expect(clippy::cast_precision_loss, reason = "for people, to a tenth")]
        let gigabytes = activity.size_bytes as f64 / f64::from(1 << 30);
        signs.push(format!("it holds {gigabytes:.1} GB"));
    }
    if activity.busy_sessions >= BUSY {
        signs.push(format!("{} other sessions worked in it within the last minute", activity.busy_sessions));
    } else if activity.sessions >= MANY {
        signs.push(format!("{} other sessions are connected to it", activity.sessions));
    }
    if let Some(rate) = activity.transactions_per_second.filter(|rate| *rate >= STEADY) {
        signs.push(format!("it has run {rate:.0} transactions a second on average"));
    }
    signs
}

/// Lets through who may destroy what this database holds. `doing` is the command ("migrate reset"), `question`
/// what a person is asked where nothing looks like production; none asks nothing.
pub async fn allow(
    url: &ServerUrl,
    doing: &str,
    question: Option<&str>,
    consent: &Consent,
    ask: &dyn Ask,
) -> Result<Allowed, MigrateError> {
    let name = url.database().or(url.user()).unwrap_or_default();
    if let Some(typed) = consent.typed.as_deref().filter(|typed| *typed != name) {
        return Err(MigrateError::new(format!(
            "--database says \"{typed}\", and the connection leads to \"{name}\" at {}",
            url.place()
        ))
        .with_hint("check the URL, or type the name of the database that it leads to"));
    }
    if consent.force || consent.typed.is_some() {
        return Ok(Allowed::Yes);
    }
    let signs = signs(url).await?;
    if signs.is_empty() {
        let Some(question) = question else { return Ok(Allowed::Yes) };
        if !ask.interactive() {
            return Err(MigrateError::new(format!(
                "{doing} wants to be confirmed, and nobody is at a terminal to do so"
            ))
            .with_hint(format!("type the name of the database (--database {name}), or use --force")));
        }
        return Ok(match ask.confirm(question).await {
            Some(true) => Allowed::Yes,
            _ => Allowed::Cancelled,
        });
    }
    let message =
        format!("\"{name}\" at {} looks like a production database: {}", url.place(), signs.join("; "));
    if !ask.interactive() {
        return Err(MigrateError::new(message).with_hint(format!(
            "if its data may be lost, type its name (--database {name}) or use --force; nothing was changed"
        )));
    }
    let typed = ask.text(&format!("{message}.\nType the name of the database to go on with {doing}:")).await;
    Ok(if typed.as_deref().map(str::trim) == Some(name) { Allowed::Yes } else { Allowed::Cancelled })
}

/// Set to what the person said, by a program that acts for them, after asking. Prisma's name for it.
const CONSENT: &str = "PRISMA_USER_CONSENT_FOR_DANGEROUS_AI_ACTION";

/// Programs that write code by themselves and the variables that they set, as Prisma 7.10 knows them.
const AGENTS: [(&str, &[&str]); 12] = [
    ("Claude Code", &["CLAUDECODE"]),
    ("Codex CLI", &["CODEX_THREAD_ID", "CODEX_CI", "CODEX_SANDBOX", "CODEX_SANDBOX_NETWORK_DISABLED"]),
    ("Gemini CLI", &["GEMINI_CLI"]),
    ("Qwen Code", &["QWEN_CODE"]),
    ("Cursor", &["CURSOR_AGENT"]),
    ("GitHub Copilot CLI", &["COPILOT_CLI"]),
    ("OpenCode", &["OPENCODE", "OPENCODE_CLIENT"]),
    ("Cline", &["CLINE_ACTIVE"]),
    ("Crush", &["CRUSH"]),
    ("Augment Code", &["AUGMENT_AGENT"]),
    ("Antigravity", &["ANTIGRAVITY_AGENT"]),
    ("an AI agent", &["AI_AGENT", "AGENT"]),
];

/// Stops a program that acts for somebody and was not told to destroy data. `variable` reads the environment.
pub fn refuse_agents(doing: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), MigrateError> {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let agent = AGENTS.iter().find(|(_, names)| names.iter().any(|name| set(name))).map(|(agent, _)| *agent);
    let agent =
        agent.or_else(|| (variable("OR_APP_NAME").as_deref() == Some("Aider")).then_some("Aider")).or_else(
            || variable("REPLIT_SESSION").filter(|value| value.starts_with("agent-")).map(|_| "Replit Agent"),
        );
    match agent {
        Some(agent) if !set(CONSENT) => Err(MigrateError::new(format!(
            "{doing} destroys data, and {agent} runs it: that needs the user's own consent"
        ))
        .with_hint(format!(
            "stop and ask the user, naming the command, the database and that its data will be lost; when they \
             have agreed, run it again with {CONSENT} set to what they said"
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> ServerUrl {
        ServerUrl::parse(text).unwrap()
    }

    #[test]
    fn names_of_production_are_known_by_their_words() {
        for text in [
            "postgresql://a@db.prod.example.com/shop",
            "postgresql://a@localhost/shop_production",
            "postgresql://a@localhost/PROD",
            "postgresql://a@live-1.example.com/shop",
        ] {
            assert!(!named_so(&url(text)).is_empty(), "{text}");
        }
        for text in [
            "postgresql://a@localhost/shop_dev",
            "postgresql://a@products.example.com/reproduction",
            "postgresql://prod@localhost/shop",
        ] {
            assert_eq!(named_so(&url(text)), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn size_and_traffic_are_signs() {
        let idle = DatabaseActivity { size_bytes: 8 << 20, sessions: 2, ..DatabaseActivity::default() };
        assert_eq!(behaves_so(&idle), Vec::<String>::new());
        let large = DatabaseActivity { size_bytes: 3 << 30, ..idle };
        assert_eq!(behaves_so(&large), ["it holds 3.0 GB"]);
        let busy =
            DatabaseActivity { busy_sessions: 5, sessions: 9, transactions_per_second: Some(40.2), ..idle };
        assert_eq!(behaves_so(&busy).len(), 2);
    }

    #[test]
    fn programs_need_consent() {
        let with = |set: &'static [(&'static str, &'static str)]| {
            move |name: &str| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            }
        };
        assert!(refuse_agents("migrate reset", &with(&[("SHELL", "/bin/sh")])).is_ok());
        let refused = refuse_agents("migrate reset", &with(&[("CURSOR_AGENT", "1")])).unwrap_err();
        assert!(refused.message.contains("Cursor"), "{}", refused.message);
        let consent = [("CURSOR_AGENT", "1"), ("PRISMA_USER_CONSENT_FOR_DANGEROUS_AI_ACTION", "yes, go")];
        let told = |name: &str| {
            consent.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        assert!(refuse_agents("migrate reset", &told).is_ok());
    }
}
