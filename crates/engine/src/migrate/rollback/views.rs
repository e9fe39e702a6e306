//! Views that a way back makes anew or replaces. What belongs to them comes from the server that runs it, since hands grant more
//! than migrations do; but what the migration itself gave or took is as the two states say.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, QName, View};
use pgsteward_model::identity::ObjectClass;
use pgsteward_model::statement::Statement;
use pgsteward_sql::{ddl, quote_qualified};

use super::state::State;
use crate::migrate::belongings::{Misfits, Parts, given_back, kept, with_options};

/// Kinds of asides that the server is asked for when a view is made anew.
const KINDS: [&str; 5] = ["rule ", "trigger ", "comment", "default", "privilege "];

#[derive(Default)]
pub(super) struct Views {
    /// Made anew where they were.
    anew: BTreeSet<QName>,
    /// Those of them that are materialized now and were not, or the other way round.
    turned: BTreeSet<QName>,
    /// Made where nothing of theirs is: there was none, or something else had the name.
    bare: BTreeSet<QName>,
    replaced: BTreeSet<QName>,
}

impl Views {
    pub(super) fn of(after: &State, before: &State, statements: &[String]) -> Views {
        let mut views = Views::default();
        for one in statements.iter().flat_map(|sql| pgsteward_sql::parse(sql).statements) {
            let Statement::CreateView { name, or_replace, .. } = one.statement else { continue };
            let name = name.qualified();
            let (old, new) = (after.catalog.views.get(&name), before.catalog.views.get(&name));
            let (Some(old), Some(new)) = (old, new) else {
                views.bare.extend((!or_replace).then_some(name));
                continue;
            };
            match (is_one(after, before, &name), or_replace) {
                (true, true) => views.replaced.insert(name),
                (true, false) => {
                    views.turned.extend((old.materialized != new.materialized).then(|| name.clone()));
                    views.anew.insert(name)
                }
                (false, false) => views.bare.insert(name),
                (false, true) => false,
            };
        }
        views
    }

    /// Whether an aside is one of a view that is dropped meanwhile, and went with it.
    pub(super) fn went(&self, what: &str) -> bool {
        self.anew.iter().chain(&self.bare).any(|name| part(what, name).is_some())
    }

    /// Whether [`Views::around`] sees to the aside.
    pub(super) fn says(&self, what: &str) -> bool {
        self.anew.iter().any(|name| part(what, name).is_some())
    }

    /// The statements, and around them what keeps what belongs to the views.
    pub(super) fn around(&self, after: &State, before: &State, mut statements: Vec<String>) -> Vec<String> {
        let both = |name: &QName| Some((after.catalog.views.get(name)?, before.catalog.views.get(name)?));
        let options = |names: &BTreeSet<QName>| -> Parts {
            let of = |name: &QName| {
                let keys = both(name).map(|(old, new)| other_options(old, new)).unwrap_or_default();
                keys.into_iter().map(|key| (name.clone(), format!("option {key}"))).collect::<Parts>()
            };
            names.iter().flat_map(of).collect()
        };
        if !self.replaced.is_empty() {
            let but = options(&self.replaced);
            statements = with_options(self.replaced.iter(), &but, Misfits::Warn, statements);
        }
        if self.anew.is_empty() {
            return statements;
        }
        let mut but = options(&self.anew);
        but.extend(self.anew.iter().filter_map(both).flat_map(|(old, new)| of_migrations(old, new)));
        but.extend(self.anew.iter().flat_map(|name| statistics(&after.catalog, &before.catalog, name)));
        let mut last = Vec::new();
        let (then, now) = (&before.identities.asides, &after.identities.asides);
        for what in then.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
            let of = self.anew.iter().find_map(|name| Some((name.clone(), part(what, name)?)));
            let (set, had) = (then.get(what), now.get(what));
            let Some(of) = of.filter(|_| set.map(|aside| &aside.value) != had.map(|aside| &aside.value))
            else {
                continue;
            };
            but.insert(of);
            last.extend(set.map(|aside| aside.set.clone()));
        }
        let version = before.catalog.version;
        let (mut had, mut wanted) = (Catalog::empty(version), Catalog::empty(version));
        for (old, new) in self.anew.iter().filter_map(both) {
            let (owner, grants, comment) = (old.owner.clone(), old.grants.clone(), old.comment.clone());
            had.views.insert(new.name.clone(), View { owner, grants, comment, ..new.clone() });
            wanted.views.insert(new.name.clone(), new.clone());
        }
        statements.insert(0, kept(self.anew.iter(), &self.turned, &but));
        statements.push(given_back(Misfits::Warn));
        statements.extend(ddl::diff(&had, &wanted).statements);
        statements.extend(last);
        statements
    }
}

/// How `belongings` calls the aside if it is one of the view: `rule r on public.v`, `comment on public.v.column`.
fn part(what: &str, view: &QName) -> Option<String> {
    let on = format!(" on {}", quote_qualified(view));
    let (head, tail) = KINDS.iter().any(|kind| what.starts_with(kind)).then(|| what.split_once(&on))??;
    (tail.is_empty() || tail.starts_with('.')).then(|| format!("{head}{tail}"))
}

/// Whether the view is not there under another name, which then has what was given on it. One that took the name of a view that
/// is gone stands for it.
fn is_one(after: &State, before: &State, name: &QName) -> bool {
    let is_view = |class| matches!(class, ObjectClass::View | ObjectClass::MaterializedView);
    let mut all = before.identities.objects.iter();
    let found = all.find(|(id, called)| {
        is_view(id.class) && called.name == name.name && called.namespace == name.namespace
    });
    found.is_none_or(|(id, called)| after.identities.objects.get(id).is_none_or(|now| now == called))
}

/// Indexes that migrations made, which the statements make again, and what is on those that this one changes. Hands made the others.
fn of_migrations(old: &View, new: &View) -> Parts {
    let mut parts = Parts::new();
    for index in old.indexes.iter().chain(&new.indexes) {
        let stays = |view: &View| {
            view.indexes.iter().any(|other| other.name == index.name && other.comment == index.comment)
        };
        if !(stays(old) && stays(new)) {
            parts.insert((new.name.clone(), format!("of index {}", index.name)));
        }
        parts.insert((new.name.clone(), format!("index {}", index.name)));
    }
    parts
}

/// The same of extended statistics.
fn statistics(old: &Catalog, new: &Catalog, view: &QName) -> Parts {
    let of = |catalog: &Catalog, name: &QName| -> Option<(Option<i32>, Option<String>)> {
        let one = catalog.statistics_objects.get(name).filter(|one| one.on == *view)?;
        Some((one.target, one.comment.clone()))
    };
    let mut parts = Parts::new();
    for name in old.statistics_objects.keys().chain(new.statistics_objects.keys()) {
        let (was, is) = (of(old, name), of(new, name));
        if was.is_none() && is.is_none() {
            continue;
        }
        if was != is {
            parts.insert((view.clone(), format!("of statistics {name}")));
        }
        parts.insert((view.clone(), format!("statistics {name}")));
    }
    parts
}

/// The options that the migration changes.
fn other_options<'a>(old: &'a View, new: &'a View) -> BTreeSet<&'a str> {
    let differ = |one: &&'a String| !(old.options.contains(one) && new.options.contains(one));
    let key = |one: &'a String| one.split_once('=').map_or(one.as_str(), |(key, _)| key);
    old.options.iter().chain(&new.options).filter(differ).map(key).collect()
}

#[cfg(test)]
mod tests {
    use pgsteward_model::catalog::QName;

    use super::part;

    #[test]
    fn an_aside_is_one_of_its_view_alone() {
        let view = QName::public("v");
        for (what, of) in [
            ("rule r on public.v", Some("rule r")),
            ("trigger \"G\" on public.v", Some("trigger \"G\"")),
            ("comment on public.v.total", Some("comment.total")),
            ("privilege SELECT of reader on public.v.total", Some("privilege SELECT of reader.total")),
            ("rule r on public.v2", None),
            ("rule r on app.v", None),
            ("storage of public.v.total", None),
        ] {
            assert_eq!(part(what, &view).as_deref(), of, "{what}");
        }
    }
}
