//! What reads columns of a type, around the moment in which another type takes its name: views are made anew, because
//! types of their columns change, with all that belongs to them on the server; policies let no row through meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, Policy, QName, Table, View};
use pgsteward_sql::ddl;

use super::readers::{closure, names, policies, reads, speaks, texts, views};
use crate::migrate::belongings::{Misfits, Parts, given_back, kept};

/// Both run in the transaction of the swap.
#[derive(Default)]
pub(super) struct Remade {
    pub(super) ahead: Vec<String>,
    pub(super) behind: Vec<String>,
    /// The views that are made anew.
    pub(super) views: BTreeSet<QName>,
    /// The policies that get other words.
    pub(super) policies: BTreeSet<(QName, String)>,
}

impl Remade {
    /// `after` is the catalog with the other type. An error says what cannot be made anew.
    pub(super) fn of(
        catalog: &Catalog,
        after: &Catalog,
        places: &[(&Table, &str)],
        ty: &QName,
    ) -> Result<Remade, String> {
        let mut remade = Remade::default();
        // The words of policies and views name the type wherever they hold a value of it.
        let of_type = catalog.views.values().filter(|view| speaks(&view.definition, &ty.name));
        let of_columns = places.iter().flat_map(|(table, column)| views(catalog, table, column));
        let mut views: BTreeSet<&QName> = of_type.chain(of_columns).map(|view| &view.name).collect();
        views.extend(closure(catalog, &views));
        let all =
            catalog.tables.values().flat_map(|on| on.policies.iter().map(move |one| (on.as_ref(), one)));
        // A policy that reads a view is in its way as it goes.
        let names_it =
            |text: &str| speaks(text, &ty.name) || views.iter().any(|view| speaks(text, &view.name));
        let of_type = all.filter(|(_, policy)| texts(policy).any(names_it));
        let of_columns = places.iter().flat_map(|(table, column)| policies(catalog, table, column));
        let readers: BTreeMap<(&QName, &str), (&Table, &Policy)> =
            of_type.chain(of_columns).map(|(on, one)| ((&on.name, one.name.as_str()), (on, one))).collect();
        let mut opened = Vec::new();
        for (on, policy) in readers.into_values() {
            let next = after.table(&on.name);
            let next = next.and_then(|next| next.policies.iter().find(|other| other.name == policy.name));
            let next = next.ok_or_else(|| names(on, policy))?;
            let nothing = |text: &Option<String>| text.as_ref().map(|_| "false".to_owned());
            let closed =
                Policy { using: nothing(&next.using), with_check: nothing(&next.with_check), ..next.clone() };
            remade.ahead.push(ddl::policy_altered(&on.name, &closed));
            opened.push(ddl::policy_altered(&on.name, next));
            remade.policies.insert((on.name.clone(), policy.name.clone()));
        }
        remade.views(catalog, after, &views)?;
        remade.behind.extend(opened);
        remade.views.extend(views.into_iter().cloned());
        Ok(remade)
    }

    fn views(&mut self, catalog: &Catalog, after: &Catalog, views: &BTreeSet<&QName>) -> Result<(), String> {
        if views.is_empty() {
            return Ok(());
        }
        let (mut old, mut new) = (Catalog::empty(after.version), Catalog::empty(after.version));
        for name in views.iter().copied() {
            let Some(view) = catalog.views.get(name) else { continue };
            let next = after.views.get(name).filter(|next| !view.materialized && !next.materialized);
            let bare = |view: &View| View { owner: None, grants: Vec::new(), comment: None, ..view.clone() };
            new.views.insert(name.clone(), bare(next.ok_or_else(|| reads(view))?));
            old.views.insert(name.clone(), bare(view));
        }
        let none = Catalog::empty(after.version);
        self.ahead.push(kept(old.views.keys(), &BTreeSet::new(), &Parts::new()));
        self.ahead.extend(ddl::diff(&old, &none).statements);
        self.behind.extend(ddl::diff(&none, &new).statements);
        self.behind.push(given_back(Misfits::Fail));
        Ok(())
    }
}
