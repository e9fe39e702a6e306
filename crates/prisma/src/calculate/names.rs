//! Names that Prisma and PostgreSQL give to what the schema leaves unnamed. All are cut to PostgreSQL's 63
//! bytes, never inside a code point.

/// PostgreSQL's limit, bytes.
const LIMIT: usize = 63;

pub(crate) fn primary_key(table: &str) -> String {
    with_suffix(table, "_pkey")
}

pub(crate) fn unique(table: &str, columns: &[String]) -> String {
    with_suffix(&stem(table, columns), "_key")
}

pub(crate) fn index(table: &str, columns: &[String]) -> String {
    with_suffix(&stem(table, columns), "_idx")
}

pub(crate) fn foreign_key(table: &str, columns: &[String]) -> String {
    with_suffix(&stem(table, columns), "_fkey")
}

/// `{table}{suffix}` of a many-to-many table: `_AB_pkey`, `_B_index`, `_A_fkey`.
pub(super) fn with_suffix(stem: &str, suffix: &str) -> String {
    format!("{}{suffix}", cut(stem, LIMIT - suffix.len()))
}

pub(super) fn table(name: &str) -> String {
    cut(name, LIMIT).to_owned()
}

fn stem(table: &str, columns: &[String]) -> String {
    format!("{table}_{}", columns.join("_"))
}

fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The sequence that PostgreSQL makes for a `serial` column. Unlike Prisma's names, table and column are
/// shortened in turn, the longer one first (`makeObjectName` in PostgreSQL's `indexcmds.c`).
pub(super) fn sequence(table: &str, column: &str) -> String {
    let room = LIMIT - "_".len() - "_seq".len();
    let (mut first, mut second) = (table.len(), column.len());
    while first + second > room {
        if first > second {
            first -= 1;
        } else {
            second -= 1;
        }
    }
    format!("{}_{}_seq", cut(table, first), cut(column, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_as_their_makers_do() {
        let columns = ["runtimeEnvironmentId".to_owned(), "agentSlug".to_owned(), "updatedAt".to_owned()];
        assert_eq!(
            index("PlaygroundConversation", &columns),
            "PlaygroundConversation_runtimeEnvironmentId_agentSlug_updat_idx"
        );
        assert_eq!(primary_key("User"), "User_pkey");
        assert_eq!(foreign_key("é".repeat(40).as_str(), &["a".into()]), format!("{}_fkey", "é".repeat(29)));
        assert_eq!(sequence("t", "id"), "t_id_seq");
        let long = "a".repeat(50);
        assert_eq!(sequence(&long, &long).len(), 63);
    }
}
