//! How far a run has come, told to whom it may concern.

/// Hears how far something has come that takes a while.
pub trait Progress {
    /// There are this many steps, and none of them is done.
    fn total(&self, steps: usize);

    /// One more of them is done.
    fn step(&self);

    /// So many more of them are done.
    fn steps(&self, steps: usize) {
        (0..steps).for_each(|_| self.step());
    }

    /// This is under way.
    fn note(&self, text: &str);
}

/// Nobody listens.
impl Progress for () {
    fn total(&self, _: usize) {}

    fn step(&self) {}

    fn note(&self, _: &str) {}
}
