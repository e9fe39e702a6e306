//! When a part of an argument is there: conditions of the program, each of which comes out one way in one run of the call.

use serde::{Deserialize, Serialize};

/// A condition, and how it came out. Within one argument the same number is the same condition; across arguments it means
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Case {
    condition: u64,
    holds: bool,
}

/// Ways for something to be so: one of them at least, all cases of which come out as they say. Without any it is always so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct When(Vec<Vec<Case>>);

/// More ways than this are not told apart.
const WAYS: usize = 64;

impl When {
    /// A condition comes out so.
    pub fn case(condition: u64, holds: bool) -> When {
        When(vec![vec![Case { condition, holds }]])
    }

    pub fn is_always(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ways there are: zero for what is always so.
    pub fn ways(&self) -> usize {
        self.0.len()
    }

    /// The numbers of its conditions.
    pub fn conditions(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flatten().map(|case| case.condition)
    }

    /// Both at once; none where they exclude each other.
    pub fn and(&self, other: &When) -> Option<When> {
        if self.is_always() || other.is_always() {
            return Some(if self.is_always() { other.clone() } else { self.clone() });
        }
        let both = self.0.iter().flat_map(|one| other.0.iter().filter_map(|two| joined(one, two)));
        let both: Vec<Vec<Case>> = both.collect();
        if both.is_empty() {
            return None;
        }
        let both = simplified(both);
        // What is left out of a condition allows more, never less.
        Some(if both.len() > WAYS { self.clone() } else { When(both) })
    }

    /// One of them, or both.
    pub fn or(&self, other: &When) -> When {
        if self.is_always() || other.is_always() {
            return When::default();
        }
        let all = simplified(self.0.iter().chain(&other.0).cloned().collect());
        if all.len() > WAYS { When::default() } else { When(all) }
    }

    /// The contrary; none for what is always so.
    pub fn not(&self) -> Option<When> {
        if self.is_always() {
            return None;
        }
        let mut left = When::default();
        for way in &self.0 {
            let contrary = way.iter().map(|case| vec![Case { holds: !case.holds, ..*case }]).collect();
            left = left.and(&When(contrary))?;
        }
        Some(left)
    }

    /// The same condition of another run: the numbers are others, and as different from each other as before.
    pub fn elsewhere(&self, run: u64) -> When {
        let mut ways = self.0.clone();
        for way in &mut ways {
            for case in way.iter_mut() {
                case.condition =
                    (case.condition.rotate_left(5) ^ run).wrapping_mul(0x51_7c_c1_b7_27_22_0a_95);
            }
            way.sort_unstable();
        }
        When(ways)
    }
}

/// All cases of both ways, sorted; none where a condition would come out both ways.
fn joined(one: &[Case], two: &[Case]) -> Option<Vec<Case>> {
    let mut all: Vec<Case> = one.iter().chain(two).copied().collect();
    all.sort_unstable();
    all.dedup();
    let contrary = all.windows(2).any(|pair| pair[0].condition == pair[1].condition);
    (!contrary).then_some(all)
}

/// Without ways that others hold already, and without conditions that do not matter. A way without cases makes it always so.
fn simplified(mut ways: Vec<Vec<Case>>) -> Vec<Vec<Case>> {
    loop {
        ways.sort_by(|one, two| one.len().cmp(&two.len()).then_with(|| one.cmp(two)));
        let mut kept: Vec<Vec<Case>> = Vec::with_capacity(ways.len());
        for way in ways {
            if !kept.iter().any(|one| one.iter().all(|case| way.contains(case))) {
                kept.push(way);
            }
        }
        let pair = kept.iter().enumerate().find_map(|(at, one)| {
            kept.iter().skip(at + 1).find_map(|two| merged(one, two)).map(|merged| (at, merged))
        });
        match pair {
            Some((_, merged)) if merged.is_empty() => return Vec::new(),
            // What the merged way holds goes away in the next turn.
            Some((_, merged)) => kept.push(merged),
            None if kept.first().is_some_and(Vec::is_empty) => return Vec::new(),
            None => return kept,
        }
        ways = kept;
    }
}

/// `a and b`, `a and not b`: `a`. `a`, `not a and b`: `a` or `b`, of which `b` is told.
fn merged(one: &[Case], two: &[Case]) -> Option<Vec<Case>> {
    let (small, large) = if one.len() <= two.len() { (one, two) } else { (two, one) };
    let mut contrary = None;
    for case in small {
        if large.contains(case) {
            continue;
        }
        if contrary.is_some() || !large.contains(&Case { holds: !case.holds, ..*case }) {
            return None;
        }
        contrary = Some(case.condition);
    }
    let condition = contrary?;
    Some(large.iter().filter(|case| case.condition != condition).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excludes_each_other_is_never_so() {
        let (a, b) = (When::case(1, true), When::case(2, true));
        let not_a = When::case(1, false);
        assert_eq!(a.and(&not_a), None);
        assert_eq!(a.not(), Some(not_a.clone()));
        assert!(a.or(&not_a).is_always());
        assert_eq!(When::default().not(), None);
        let both = a.and(&b).unwrap();
        assert_eq!(both.and(&not_a), None);
        let neither = both.not().unwrap();
        assert_eq!(neither.and(&both), None);
        assert!(neither.or(&both).is_always());
        assert_eq!(neither.and(&a), Some(a.and(&When::case(2, false)).unwrap()));
    }

    #[test]
    fn conditions_that_do_not_matter_go_away() {
        let (a, b) = (When::case(1, true), When::case(2, true));
        let (not_a, not_b) = (a.not().unwrap(), b.not().unwrap());
        assert_eq!(a.and(&b).unwrap().or(&a.and(&not_b).unwrap()), a);
        assert_eq!(a.or(&a.and(&b).unwrap()), a);
        assert_eq!(a.or(&not_a.and(&b).unwrap()), a.or(&b));
    }

    #[test]
    fn conditions_of_another_run_are_others() {
        let a = When::case(1, true);
        let other = a.elsewhere(7);
        assert!(other.and(&a.not().unwrap()).is_some());
        assert_eq!(other.and(&a.not().unwrap().elsewhere(7)), None);
    }

    #[test]
    fn more_ways_than_are_told_apart_allow_more() {
        let mut many = When::case(0, true).and(&When::case(1, true)).unwrap();
        for at in 1..100 {
            many = many.or(&When::case(2 * at, true).and(&When::case(2 * at + 1, true)).unwrap());
        }
        assert!(many.ways() <= WAYS);
    }
}
