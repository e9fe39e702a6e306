//! Waits for other services that no import tells of: what an interface stands for (`await provider.deleteDraft(…)`), by
//! the name of the receiver.

use crate::shared::kept_words;

/// Something in a text is waited for at another service.
pub(in crate::code) fn asked_in(text: &str) -> bool {
    text.match_indices("await ").any(|(at, wait)| is_remote(&text[at + wait.len()..]))
}

/// `mailProvider.send(`, `this.slackApi.chat.post(`
fn is_remote(waited: &str) -> bool {
    const SERVICES: [&str; 16] = [
        "provider",
        "api",
        "sdk",
        "gmail",
        "outlook",
        "slack",
        "discord",
        "telegram",
        "github",
        "gitlab",
        "octokit",
        "openai",
        "anthropic",
        "stripe",
        "s3",
        "browser",
    ];
    let end = waited
        .find(|one: char| !one.is_alphanumeric() && !matches!(one, '_' | '$' | '.' | '?' | '!'))
        .unwrap_or(waited.len());
    let (path, rest) = waited.split_at(end);
    let mut receivers = path.split(['.', '?', '!']).filter(|part| !part.is_empty());
    // The last part is the method.
    let called = receivers.next_back().is_some() && rest.starts_with('(');
    // `prisma.provider.findMany` is a table.
    let database = |part: &str| matches!(part, "prisma" | "tx" | "db" | "trx");
    let parts: Vec<&str> = receivers.collect();
    called
        && !parts.iter().any(|part| database(part))
        && parts.iter().any(|part| {
            kept_words(part)
                .iter()
                .rev()
                .find(|word| *word != "instance")
                .is_some_and(|word| SERVICES.contains(&word.as_str()))
        })
}

#[cfg(test)]
mod tests {
    use super::asked_in;

    #[test]
    fn services_are_told_by_their_names() {
        assert!(asked_in("for (…) { await provider.deleteDraft(id) }"));
        assert!(asked_in("await this.slackApi.chat.post({})"));
        assert!(!asked_in("await prisma.provider.findMany()"));
        assert!(!asked_in("await provider"));
        assert!(!asked_in("await orders.load()"));
    }
}
