//! `db execute`: a script of the user's, sent as one command, as Prisma sends it. What it returns is dropped.

use std::path::Path;

use pgsteward_model::migration::ServerError;

use super::error::MigrateError;
use super::place::Place;
use super::server;

/// The text of `--file`.
pub fn read_script(path: &Path) -> Result<String, MigrateError> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            MigrateError::new(format!("the file \"{}\" of --file does not exist", path.display()))
                .with_hint("check the path")
        }
        _ => MigrateError::new(format!("the file \"{}\" of --file cannot be read: {error}", path.display()))
            .with_hint("check its permissions"),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        MigrateError::new(format!(
            "the file \"{}\" is not UTF-8 (first wrong byte at offset {at})",
            path.display()
        ))
        .with_hint("save it as UTF-8; nothing was sent")
    })
}

/// Runs the script. Several statements are one implicit transaction, unless the script says otherwise.
pub async fn execute(place: &Place, script: &str) -> Result<(), MigrateError> {
    let (_, connection) = place.open()?;
    let session = server::connect(&connection, "db execute").await?;
    let ran = session.simple(script).await;
    session.close().await;
    ran.map_err(|error| failed(&error, script))
}

fn failed(error: &ServerError, script: &str) -> MigrateError {
    let mut message = format!("{} (SQLSTATE {})", error.message, error.sqlstate);
    if let Some(position) = error.position {
        let before: String = script.chars().take(position.saturating_sub(1) as usize).collect();
        let line = before.matches('\n').count() + 1;
        message.push_str(&format!(" at line {line} of the script"));
    }
    if let Some(detail) = &error.detail {
        message.push_str(&format!("\n{detail}"));
    }
    let hint = error.hint.clone().unwrap_or_else(|| {
        "correct the script; what it did before the error was rolled back, unless it says COMMIT itself"
            .to_owned()
    });
    MigrateError::new(message).with_hint(hint)
}
