//! What kept data say again and again: names of files, statements, lists of columns. Within [`within`] each of them is written
//! once and then by its number, and comes back as one value that all share. Anywhere else they are written out.
//!
//! It knows no format: whatever serde writes to, reads its numbers back.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Default)]
struct Known {
    texts: Vec<Arc<str>>,
    lists: Vec<Arc<Vec<String>>>,
    number_of_text: HashMap<Arc<str>, u32>,
    number_of_list: HashMap<Arc<Vec<String>>, u32>,
}

thread_local! {
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
}

/// Runs what writes or reads one document.
pub fn within<T>(run: impl FnOnce() -> T) -> T {
    /// Ends it even where `run` does not return.
    struct End(Option<Known>);
    impl Drop for End {
        fn drop(&mut self) {
            KNOWN.set(self.0.take());
        }
    }
    let _end = End(KNOWN.replace(Some(Known::default())));
    run()
}

#[derive(Serialize, Deserialize)]
enum Written<T> {
    New(T),
    Known(u32),
}

/// Places of one file follow each other: where nothing is numbered they share one name all the same.
fn like_the_last(text: &str) -> Arc<str> {
    thread_local! {
        static LAST: RefCell<Arc<str>> = RefCell::new(Arc::from(""));
    }
    LAST.with_borrow_mut(|last| {
        if **last != *text {
            *last = text.into();
        }
        last.clone()
    })
}

/// For `#[serde(with = "…")]` at an `Arc<str>`.
pub mod text {
    use super::*;

    pub fn serialize<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        let known = KNOWN.with_borrow_mut(|known| {
            let known = known.as_mut()?;
            let next = u32::try_from(known.number_of_text.len()).ok()?;
            let number = *known.number_of_text.entry(text.clone()).or_insert(next);
            (number != next).then_some(number)
        });
        known.map_or(Written::New(&**text), Written::Known).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
        let written = Written::<Text<'de>>::deserialize(from)?;
        KNOWN.with_borrow_mut(|known| match (written, known) {
            (Written::New(Text(text)), None) => Ok(like_the_last(&text)),
            (Written::New(Text(text)), Some(known)) => {
                let text: Arc<str> = text.into();
                known.texts.push(text.clone());
                Ok(text)
            }
            (Written::Known(number), known) => known
                .as_ref()
                .and_then(|known| known.texts.get(number as usize))
                .cloned()
                .ok_or_else(|| D::Error::custom("a text that was not written before")),
        })
    }
}

/// For `#[serde(with = "…")]` at an `Arc<Vec<String>>`.
pub mod list {
    use super::*;

    pub fn serialize<S: Serializer>(list: &Arc<Vec<String>>, to: S) -> Result<S::Ok, S::Error> {
        let known = KNOWN.with_borrow_mut(|known| {
            let known = known.as_mut()?;
            let next = u32::try_from(known.number_of_list.len()).ok()?;
            let number = *known.number_of_list.entry(list.clone()).or_insert(next);
            (number != next).then_some(number)
        });
        known.map_or(Written::New(&**list), Written::Known).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<Vec<String>>, D::Error> {
        let written = Written::<Vec<String>>::deserialize(from)?;
        KNOWN.with_borrow_mut(|known| match (written, known) {
            (Written::New(list), None) => Ok(Arc::new(list)),
            (Written::New(list), Some(known)) => {
                let list = Arc::new(list);
                known.lists.push(list.clone());
                Ok(list)
            }
            (Written::Known(number), known) => known
                .as_ref()
                .and_then(|known| known.lists.get(number as usize))
                .cloned()
                .ok_or_else(|| D::Error::custom("a list that was not written before")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Line {
        #[serde(with = "text")]
        file: Arc<str>,
        #[serde(with = "list")]
        columns: Arc<Vec<String>>,
    }

    fn lines() -> Vec<Line> {
        let line = |file: &str, columns: &[&str]| Line {
            file: file.into(),
            columns: Arc::new(columns.iter().map(|column| (*column).to_owned()).collect()),
        };
        vec![
            line("a.ts", &["id", "name"]),
            line("b.ts", &["id"]),
            line("a.ts", &["id"]),
            line("b.ts", &["id", "name"]),
        ]
    }

    #[test]
    fn what_is_repeated_comes_back_as_one() {
        let lines = lines();
        let text = within(|| serde_json::to_string(&lines)).unwrap();
        assert_eq!(text.matches("a.ts").count(), 1, "{text}");
        assert_eq!(text.matches("name").count(), 1, "{text}");
        let back: Vec<Line> = within(|| serde_json::from_str(&text)).unwrap();
        assert_eq!(back, lines);
        assert!(Arc::ptr_eq(&back[0].file, &back[2].file) && Arc::ptr_eq(&back[0].columns, &back[3].columns));
    }

    #[test]
    fn outside_all_is_written_out() {
        let text = serde_json::to_string(&lines()).unwrap();
        assert_eq!(text.matches("a.ts").count(), 2, "{text}");
        assert_eq!(serde_json::from_str::<Vec<Line>>(&text).unwrap(), lines());
        let numbered = within(|| serde_json::to_string(&lines())).unwrap();
        assert!(serde_json::from_str::<Vec<Line>>(&numbered).is_err(), "numbers mean nothing here");
    }

    #[test]
    fn documents_do_not_know_each_other() {
        let first = within(|| serde_json::to_string(&lines())).unwrap();
        assert_eq!(within(|| serde_json::to_string(&lines())).unwrap(), first);
    }
}
