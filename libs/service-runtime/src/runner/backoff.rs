//! How long to wait before trying again: longer each time, and not all at the same moment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

const SHORTEST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// Doubles from one try to the next.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// Between half of this try's span and all of it.
    pub(super) fn next(&mut self) -> Duration {
        let span = SHORTEST
            .saturating_mul(1 << self.tries.min(10))
            .min(LONGEST);
        self.tries = self.tries.saturating_add(1);
        // Each of std's hashers has its own random key; spreading load needs no better dice.
        let dice = RandomState::new().hash_one(self.tries) % 1024;
        span / 2 + (span / 2) * u32::try_from(dice).unwrap_or(0) / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound_and_differ() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.next()).collect();
        assert!(waits[0] >= SHORTEST / 2 && waits[0] <= SHORTEST);
        assert!(waits[10..].iter().all(|wait| *wait >= LONGEST / 2));
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert!(waits[10..].windows(2).any(|pair| pair[0] != pair[1]));
    }
}
