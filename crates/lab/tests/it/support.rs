//! Labs for tests: by major version, with a message where a version cannot be had on this machine.

use pgsteward_lab::{Lab, LabOptions};

pub(crate) const MAJORS: [u32; 2] = [15, 17];

/// A lab of exactly this major version, or nothing with a message where it is neither installed nor can be
/// downloaded.
pub(crate) async fn lab(major: u32) -> Option<Lab> {
    lab_with(LabOptions { major: Some(major), ..LabOptions::default() }).await
}

pub(crate) async fn lab_with(options: LabOptions) -> Option<Lab> {
    let major = options.major.expect("tests name a version");
    match Lab::start(&options).await {
        Ok(lab) if lab.version().major() == major => Some(lab),
        Ok(lab) => {
            eprintln!("not tested on PostgreSQL {major}: {}", lab.note().unwrap_or("it cannot be had"));
            None
        }
        Err(error) => panic!("no lab: {error}; {}", error.hint()),
    }
}
