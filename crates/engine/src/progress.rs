//! What a person sees while work goes on.

/// Receives phases and counts. All methods may be called from any thread.
pub trait Progress: Send + Sync {
    /// A phase begins: "replay 434 migrations".
    fn phase(&self, text: &str);
    /// `done` of `total` steps of the phase are over.
    fn step(&self, done: usize, total: usize);
    /// Something to know before the work goes on; the report has it too.
    fn note(&self, _text: &str) {}
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn phase(&self, _text: &str) {}
    fn step(&self, _done: usize, _total: usize) {}
}
