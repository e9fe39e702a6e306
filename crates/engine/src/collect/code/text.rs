//! The texts of files of code, of which there are thousands: read one after the other into the same memory, because new
//! memory costs more than what is read into it.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::walk::MAX_CODE_BYTES;

/// Shows the text of a file, without a byte order mark. None inside where it is no text. Of larger files than are read the
/// beginning is shown.
pub(super) fn with_text<T>(path: &Path, show: impl FnOnce(&str) -> T) -> std::io::Result<Option<T>> {
    thread_local! {
        static TEXT: RefCell<Vec<u8>> = RefCell::default();
    }
    TEXT.with_borrow_mut(|bytes| {
        bytes.clear();
        File::open(path)?.take(MAX_CODE_BYTES + 1).read_to_end(bytes)?;
        let text = std::str::from_utf8(bytes).ok();
        Ok(text.map(|text| show(text.strip_prefix('\u{feff}').unwrap_or(text))))
    })
}
