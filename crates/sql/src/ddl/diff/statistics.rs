//! Extended statistics: those that go, before what they are about changes, and those that come. What goes with its table, its
//! materialized view or one of its columns needs no statement, and is made again where it is wanted.

use pgsteward_model::catalog::{Catalog, StatisticsObject};

use super::affected::Affected;
use super::made::{self, Made};
use crate::ddl::statistics;

fn goes(one: &StatisticsObject, to: &Catalog, affected: &Affected) -> bool {
    let same = |other: &StatisticsObject| other.definition == one.definition;
    !to.statistics_objects.get(&one.name).is_some_and(same) || affected.statistics(one)
}

pub(super) fn drop(from: &Catalog, to: &Catalog, affected: &Affected) -> Vec<String> {
    let all = from.statistics_objects.values().filter(|one| goes(one, to, affected));
    all.filter(|one| !affected.is_gone(&one.on)).map(statistics::dropped).collect()
}

pub(super) fn make(from: &Catalog, to: &Catalog, affected: &Affected, made: &mut Made) -> Vec<String> {
    let mut sql = Vec::new();
    for one in to.statistics_objects.values() {
        match from.statistics_objects.get(&one.name).filter(|old| !goes(old, to, affected)) {
            Some(old) => sql.extend((old.target != one.target).then(|| statistics::target(one))),
            None => {
                made.insert(made::named("STATISTICS", &one.name));
                sql.extend(statistics::made(one));
            }
        }
    }
    sql
}
