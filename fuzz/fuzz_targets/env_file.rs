//! `.env` files. What is promised for every text: nothing panics, and every value stands in the text at the
//! offset that is given for it.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use pgsteward_engine::discover::environment::variables;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    let mut before = 0;
    for (name, value, offset) in variables(text) {
        let rest = text.get(offset..).expect("the offset is on a character boundary of the text");
        assert!(rest.starts_with(&value), "{name:?} is {value:?}, but at {offset} stands {rest:?}");
        assert!(before <= offset, "values come in the order of the text");
        before = offset;
    }
    Corpus::Keep
});
