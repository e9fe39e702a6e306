//! The GRANT that closes a gap, ready to run.

use std::collections::BTreeMap;

use pgsteward_model::catalog::QName;

/// Up to this many objects of a namespace are named one by one.
const NAMED: usize = 5;

/// The GRANTs that let `role` read the objects; `kind` is `TABLE` or `SEQUENCE`.
pub(crate) fn grant_hint(kind: &str, names: &[QName], role: &str) -> String {
    let mut by_namespace: BTreeMap<&str, Vec<&QName>> = BTreeMap::new();
    for name in names {
        by_namespace.entry(&name.namespace).or_default().push(name);
    }
    let role = identifier(role);
    let grants = by_namespace.iter().map(|(namespace, names)| {
        if names.len() > NAMED {
            return format!("GRANT SELECT ON ALL {kind}S IN SCHEMA {} TO {role};", identifier(namespace));
        }
        let list: Vec<String> =
            names.iter().map(|name| relation_identifier(&name.namespace, &name.name)).collect();
        format!("GRANT SELECT ON {kind} {} TO {role};", list.join(", "))
    });
    format!("run {}", grants.collect::<Vec<_>>().join(" "))
}

/// A name in double quotes, which is right for every name.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(crate) fn relation_identifier(namespace: &str, name: &str) -> String {
    format!("{}.{}", identifier(namespace), identifier(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_few_objects_and_sums_up_many() {
        let few = [QName::new("shop", "Order"), QName::public("a\"b")];
        assert_eq!(
            grant_hint("TABLE", &few, "reader"),
            "run GRANT SELECT ON TABLE \"public\".\"a\"\"b\" TO \"reader\"; \
             GRANT SELECT ON TABLE \"shop\".\"Order\" TO \"reader\";"
        );
        let many: Vec<QName> = (0..6).map(|number| QName::public(format!("s{number}"))).collect();
        assert_eq!(
            grant_hint("SEQUENCE", &many, "reader"),
            "run GRANT SELECT ON ALL SEQUENCES IN SCHEMA \"public\" TO \"reader\";"
        );
    }
}
