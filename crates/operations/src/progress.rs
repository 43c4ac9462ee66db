//! How far long work has come, for whoever watches. Operations report; how it is shown is not their business.

/// Takes reports of progress.
pub trait Progress: Sync {
    /// A step of `total` units begins; `unit` is `bytes` for sizes.
    fn begin(&self, label: &str, total: u64, unit: &str) -> Box<dyn Step>;
}

/// One step of long work. Dropped without [`Step::end`], it ended early.
pub trait Step: Sync {
    /// Whether anybody sees [`Step::at`]; counting is left out when not.
    fn is_watched(&self) -> bool {
        true
    }
    /// How far the step has come.
    fn at(&self, position: u64);
    /// What the step waits for.
    fn waits(&self, what: &str);
    /// The step is done; what came out of it.
    fn end(self: Box<Self>, outcome: &str);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str, _: u64, _: &str) -> Box<dyn Step> {
        Box::new(Silent)
    }
}

impl Step for Silent {
    fn is_watched(&self) -> bool {
        false
    }

    fn at(&self, _: u64) {}

    fn waits(&self, _: &str) {}

    fn end(self: Box<Self>, _: &str) {}
}
