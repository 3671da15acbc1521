//! The hybrid logical clock: an order of events across regions that never runs against causality.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::ids::InvalidId;

/// How far another region's clock may run ahead of ours before we stop following it.
const MAX_DRIFT: SignedDuration = SignedDuration::from_secs(60);

/// A moment of the hybrid logical clock (Kulkarni et al., 2014): milliseconds, then a counter.
///
/// Written as 16 hexadecimal digits, so that text sorts as time does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    pub millis: u64,
    pub counter: u16,
}

impl FromStr for Order {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = || InvalidId {
            what: "an order",
            form: "16 hexadecimal digits",
        };
        if text.len() != 16 {
            return Err(invalid());
        }
        let value = u64::from_str_radix(text, 16).map_err(|_| invalid())?;
        let counter = u16::try_from(value & 0xffff).map_err(|_| invalid())?;
        Ok(Self {
            millis: value >> 16,
            counter,
        })
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}{:04x}", self.millis, self.counter)
    }
}

crate::ids::string_serde!(Order);

/// The clock refuses to follow a remote moment; the event itself is never refused for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a remote clock runs {ahead_ms} ms ahead of ours")]
pub struct ClockDrift {
    pub ahead_ms: u64,
}

/// Gives each event of a node a moment later than everything the node has made or seen.
#[derive(Debug)]
pub struct HybridClock {
    clock: Arc<dyn Clock>,
    last: Mutex<Order>,
}

impl HybridClock {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            last: Mutex::new(Order {
                millis: 0,
                counter: 0,
            }),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A new moment, later than any this node has given or observed.
    pub fn tick(&self) -> Order {
        let wall = Order {
            millis: millis(self.clock.now()),
            counter: 0,
        };
        let mut last = self.lock();
        *last = wall.max(following(*last));
        *last
    }

    /// Goes on after a moment that this node gave before it was started anew, however far ahead it is.
    pub fn resume(&self, given: Order) {
        let mut last = self.lock();
        *last = given.max(*last);
    }

    /// Takes note of a moment seen in an event of another node.
    ///
    /// # Errors
    /// [`ClockDrift`] if it is more than 60 s ahead: then our clock stays where it is.
    pub fn observe(&self, seen: Order) -> Result<(), ClockDrift> {
        let now = millis(self.clock.now());
        let ahead_ms = seen.millis.saturating_sub(now);
        if i128::from(ahead_ms) > MAX_DRIFT.as_millis() {
            return Err(ClockDrift { ahead_ms });
        }
        let mut last = self.lock();
        *last = seen.max(*last);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Order> {
        self.last
            .lock()
            .expect("no code panics while it holds the order")
    }
}

fn following(order: Order) -> Order {
    match order.counter.checked_add(1) {
        Some(counter) => Order { counter, ..order },
        None => Order {
            millis: order.millis + 1,
            counter: 0,
        },
    }
}

fn millis(at: Timestamp) -> u64 {
    // Before 1970 there is no case to order.
    u64::try_from(at.as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;

    fn node(second: i64) -> HybridClock {
        HybridClock::new(Arc::new(VirtualClock::new(
            Timestamp::from_second(second).unwrap(),
        )))
    }

    #[test]
    fn an_effect_is_ordered_after_its_cause_even_when_its_clock_runs_behind() {
        let (ahead, behind) = (node(1_030), node(1_000));
        let cause = ahead.tick();
        behind.observe(cause).unwrap();
        assert!(behind.tick() > cause);
    }

    #[test]
    fn a_clock_an_hour_ahead_is_not_followed() {
        let (wrong, ours) = (node(4_600), node(1_000));
        assert_eq!(
            ours.observe(wrong.tick()),
            Err(ClockDrift {
                ahead_ms: 3_600_000
            })
        );
        assert_eq!(
            ours.tick(),
            Order {
                millis: 1_000_000,
                counter: 0
            }
        );
    }

    #[test]
    fn a_clock_is_followed_up_to_a_minute_ahead_and_no_millisecond_more() {
        let ahead = |millis| Order { millis, counter: 0 };
        let ours = node(1_000);
        assert_eq!(
            ours.observe(ahead(1_060_001)),
            Err(ClockDrift { ahead_ms: 60_001 })
        );
        assert!(ours.tick() < ahead(1_060_000));
        assert_eq!(ours.observe(ahead(1_060_000)), Ok(()));
        assert!(ours.tick() > ahead(1_060_000));
    }

    #[test]
    fn a_node_that_starts_anew_goes_on_after_its_own_last_moment_however_far_ahead() {
        let (before, after) = (node(4_600), node(1_000));
        let last = before.tick();
        after.resume(last);
        assert!(after.tick() > last);
    }

    #[test]
    fn moments_given_while_the_wall_stands_still_differ_and_sort_as_text() {
        let node = node(1);
        let moments: Vec<Order> = (0..70_000).map(|_| node.tick()).collect();
        assert!(moments.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            moments
                .windows(2)
                .all(|pair| pair[0].to_string() < pair[1].to_string())
        );
        assert_eq!(moments[9].to_string().parse(), Ok(moments[9]));
    }
}
