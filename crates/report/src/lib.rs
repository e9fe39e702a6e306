//! One file per output format, and the versioned JSON that pgsteward promises.
