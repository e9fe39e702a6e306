//! Statements that were proven in `public`, for a database whose migrations live in the namespace of its URL.

use pgsteward_sql::ddl::unqualified;

/// Where the lab works, so what every name of a generated file says.
const PROVEN_IN: &str = "public";

/// The statements with names that the connection's namespace completes, as it completes those of the migration. None
/// where the migration names `public` itself: then so may what undoes it, and nobody knows which is meant.
pub(super) fn relocate(statements: Vec<String>, migration: &str, namespace: &str) -> Option<Vec<String>> {
    if namespace == PROVEN_IN {
        return Some(statements);
    }
    let short: Vec<String> = statements.iter().map(|sql| unqualified(sql, PROVEN_IN)).collect();
    if short != statements && unqualified(migration, PROVEN_IN) != migration {
        return None;
    }
    Some(short)
}

#[cfg(test)]
mod tests {
    use super::relocate;

    #[test]
    fn names_are_completed_by_the_connection() {
        let down = vec!["DROP TABLE public.\"User\"".to_owned()];
        let up = "CREATE TABLE \"User\" (id INT);";
        assert_eq!(relocate(down.clone(), up, "app"), Some(vec!["DROP TABLE \"User\"".to_owned()]));
        assert_eq!(relocate(down.clone(), up, "public"), Some(down.clone()));
        assert_eq!(relocate(down, "CREATE TABLE \"public\".\"User\" (id INT);", "app"), None);
        let other = vec!["DROP TABLE audit.log".to_owned()];
        assert_eq!(relocate(other.clone(), "CREATE TABLE public.a ();", "app"), Some(other));
    }
}
