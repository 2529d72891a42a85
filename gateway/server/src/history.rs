//! What histories of many clients are made of.

/// A sequence that is different for every seed.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

/// When something began and ended, in the order of all things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) begun: u64,
    pub(crate) done: u64,
}

impl Span {
    /// Whether both went on at some moment.
    pub(crate) const fn meets(&self, other: &Self) -> bool {
        self.begun < other.done && other.begun < self.done
    }
}
