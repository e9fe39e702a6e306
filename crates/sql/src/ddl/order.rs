//! Types, sequences, functions, tables with their keys, and views, each after what it names.
//!
//! Introspection prints qualified names, so what an object needs can be read from its own statement. Bodies
//! of functions are not looked into unless they are of the standard's kind, which the server parses at once.

use std::collections::{BTreeSet, HashMap};

use pgsteward_model::catalog::{Catalog, QName};

use super::{object, table, tables};

#[derive(Default)]
struct Node {
    sql: Vec<String>,
    /// The name it makes; none for the keys of a table.
    makes: Option<QName>,
    /// How much of the statement is read for names.
    read: usize,
    /// It may rest on the keys of a table that it names (GROUP BY a primary key).
    uses_keys: bool,
    /// Position of the keys of the table that it makes.
    keys: Option<usize>,
    /// Positions of what it waits for.
    needs: BTreeSet<usize>,
}

impl Node {
    fn new(makes: &QName, sql: String) -> Node {
        Node { read: sql.len(), sql: vec![sql], makes: Some(makes.clone()), ..Node::default() }
    }
}

pub(super) fn objects(catalog: &Catalog) -> Vec<String> {
    let mut nodes = nodes(catalog);
    let mut makers: HashMap<QName, Vec<usize>> = HashMap::new();
    for (position, node) in nodes.iter().enumerate() {
        if let Some(name) = &node.makes {
            makers.entry(name.clone()).or_default().push(position);
        }
    }
    for position in 0..nodes.len() {
        let node = &nodes[position];
        let text = node.sql.first().and_then(|sql| sql.get(..node.read)).unwrap_or_default();
        let named: Vec<usize> =
            names(text).iter().filter_map(|name| makers.get(name)).flatten().copied().collect();
        let keys: Vec<usize> = if node.uses_keys {
            named.iter().filter_map(|maker| nodes[*maker].keys).collect()
        } else {
            Vec::new()
        };
        nodes[position].needs.extend(named.into_iter().chain(keys).filter(|other| *other != position));
    }
    sorted(nodes)
}

fn nodes(catalog: &Catalog) -> Vec<Node> {
    let mut nodes = Vec::new();
    nodes.extend(catalog.enums.values().map(|one| Node::new(&one.name, object::enumeration(one))));
    nodes.extend(catalog.domains.values().map(|one| Node::new(&one.name, object::domain(one))));
    nodes.extend(catalog.composites.values().map(|one| Node::new(&one.name, object::composite(one))));
    nodes.extend(catalog.ranges.values().map(|one| Node::new(&one.name, object::range(one))));
    nodes.extend(object::sequences(catalog).map(|one| Node::new(&one.name, object::sequence(one))));
    for function in catalog.functions.values() {
        let Some(sql) = object::function(function) else { continue };
        let body = sql.find("\nAS ");
        let mut node = Node::new(&function.id.name, sql);
        node.uses_keys = body.is_none();
        node.read = body.unwrap_or(node.read);
        nodes.push(node);
    }
    for one in tables(catalog) {
        let position = nodes.len();
        let keys = table::keys(one);
        let mut node = Node::new(&one.name, table::create(catalog, one));
        node.keys = (!keys.is_empty()).then_some(position + 1);
        nodes.push(node);
        if !keys.is_empty() {
            nodes.push(Node { sql: keys, needs: BTreeSet::from([position]), ..Node::default() });
        }
    }
    for view in catalog.views.values() {
        nodes.push(Node { uses_keys: true, ..Node::new(&view.name, object::view(view)) });
    }
    nodes
}

/// Each after what it needs, otherwise in the order given. In a circle the first one goes first.
fn sorted(nodes: Vec<Node>) -> Vec<String> {
    let mut waiting: Vec<usize> = nodes.iter().map(|node| node.needs.len()).collect();
    let mut waiters: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (position, node) in nodes.iter().enumerate() {
        for other in &node.needs {
            waiters[*other].push(position);
        }
    }
    let mut left: BTreeSet<usize> = (0..nodes.len()).collect();
    let mut ready: BTreeSet<usize> =
        left.iter().copied().filter(|position| waiting[*position] == 0).collect();
    let mut sql = Vec::new();
    while let Some(next) = ready.first().or_else(|| left.first()).copied() {
        ready.remove(&next);
        left.remove(&next);
        sql.extend(nodes[next].sql.iter().cloned());
        for waiter in &waiters[next] {
            waiting[*waiter] -= 1;
            if waiting[*waiter] == 0 && left.contains(waiter) {
                ready.insert(*waiter);
            }
        }
    }
    sql
}

/// All names in a text, also inside string constants; words of the language too.
pub(super) fn identifiers(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match identifier(rest) {
            Some((name, length)) => {
                found.insert(name);
                length
            }
            None => first.len_utf8(),
        };
        rest = &rest[length..];
    }
    found
}

/// All `schema.name` in a text, also inside string constants (`nextval('public.a_seq'::regclass)`).
pub fn names(text: &str) -> BTreeSet<QName> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    let mut before: Option<String> = None;
    while let Some(first) = rest.chars().next() {
        let Some((name, length)) = identifier(rest) else {
            // A dot joins two names only where it stands right between them.
            before = before.filter(|_| first == '.');
            rest = &rest[first.len_utf8()..];
            if first == '.' && identifier(rest).is_none() {
                before = None;
            }
            continue;
        };
        if let Some(namespace) = before.take() {
            found.insert(QName::new(namespace, name.clone()));
        }
        rest = &rest[length..];
        before = rest.starts_with('.').then_some(name);
    }
    found
}

/// The identifier that a text begins with, without its quotes, and its length as written.
fn identifier(text: &str) -> Option<(String, usize)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut from = 0;
        loop {
            let end = from + quoted.get(from..)?.find('"')?;
            name.push_str(&quoted[from..end]);
            if !quoted[end + 1..].starts_with('"') {
                return (!name.is_empty()).then_some((name, end + 2));
            }
            name.push('"');
            from = end + 2;
        }
    }
    let starts = text.starts_with(|first: char| first.is_alphabetic() || first == '_');
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
    (starts && end > 0).then(|| (text[..end].to_owned(), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualified_names_are_found_wherever_they_stand() {
        let found = names(
            "nextval('public.\"Order_id_seq\"'::regclass) + shop.price(a.b, \"we \"\"ird\".\"na.me\") . c 1.5 d. e",
        );
        let found: Vec<String> =
            found.iter().map(|name| format!("{}|{}", name.namespace, name.name)).collect();
        assert_eq!(found, ["a|b", "public|Order_id_seq", "shop|price", "we \"ird|na.me"]);
        assert_eq!(names("'it''s \"open"), BTreeSet::new(), "a quote that never ends");
    }

    #[test]
    fn a_circle_ends_with_everything_in_it() {
        let node = |name: &str, needs: &[usize]| Node {
            needs: needs.iter().copied().collect(),
            ..Node::new(&QName::public(name), name.to_owned())
        };
        assert_eq!(
            sorted(vec![node("a", &[1]), node("b", &[0]), node("c", &[3]), node("d", &[])]),
            ["d", "c", "a", "b"]
        );
    }
}
