//! One lab per major version for a whole test process.

use std::sync::{Arc, OnceLock};

use pgsteward_lab::{Lab, LabOptions};
use tokio::runtime::Runtime;

/// The majors that tests pin.
pub const MAJORS: [u32; 2] = [17, 15];

/// A runtime that lives as long as the process; labs are bound to it.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("start a runtime: {error}"))
    })
}

/// The lab of a major version, or why there is none on this machine.
pub fn lab(major: u32) -> Result<Arc<Lab>, String> {
    static LABS: [OnceLock<Result<Arc<Lab>, String>>; 2] = [OnceLock::new(), OnceLock::new()];
    let index = MAJORS
        .iter()
        .position(|known| *known == major)
        .ok_or_else(|| format!("tests pin majors {MAJORS:?}, not {major}"))?;
    LABS[index]
        .get_or_init(|| {
            let options = LabOptions { major: Some(major), ..LabOptions::default() };
            match runtime().block_on(Lab::start(&options)) {
                Ok(lab) if lab.version().major() == major => Ok(Arc::new(lab)),
                Ok(lab) => Err(format!("PostgreSQL {major} cannot be had here, only {}", lab.version())),
                Err(error) => Err(format!("no PostgreSQL {major}: {error}; {}", error.hint())),
            }
        })
        .clone()
}
