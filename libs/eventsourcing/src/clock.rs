//! The clock that is handed in: rules never read one, tests and the demo turn theirs by hand.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard};

use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;

/// Tells the time and waits for it. The real one lives in `service-runtime`.
pub trait Clock: Send + Sync + fmt::Debug {
    fn now(&self) -> Timestamp;

    /// Resolves once `now() >= at`; dropping the future stops waiting.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()>;
}

/// A clock that stands still until somebody turns it, and knows what is waiting for which moment.
#[derive(Debug)]
pub struct VirtualClock {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    next_sleeper: u64,
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
}

impl VirtualClock {
    pub fn new(now: Timestamp) -> Self {
        Self {
            state: Mutex::new(State {
                now,
                next_sleeper: 0,
                sleepers: BTreeMap::new(),
            }),
        }
    }

    /// The earliest moment anybody waits for; what the demo jumps to.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let mut state = self.lock();
        state.sleepers.retain(|_, waiting| !waiting.is_canceled());
        state.sleepers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Turns the clock to `to` (never back) and wakes everybody who waited for that or less.
    pub fn turn_to(&self, to: Timestamp) {
        let mut state = self.lock();
        state.now = state.now.max(to);
        let later = state.now;
        while let Some(first) = state.sleepers.first_entry() {
            if first.key().0 > later {
                break;
            }
            // Nobody listening any more is fine: the sleeper was dropped.
            let _ = first.remove().send(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the clock")
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let mut state = self.lock();
        if at <= state.now {
            return futures::future::ready(()).boxed();
        }
        let (wake, woken) = oneshot::channel();
        let key = (at, state.next_sleeper);
        state.next_sleeper += 1;
        state.sleepers.insert(key, wake);
        woken.map(|_| ()).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn sleepers_wake_when_the_clock_reaches_them_and_not_before() {
        let clock = VirtualClock::new(at(0));
        let mut early = clock.sleep_until(at(5));
        let mut late = clock.sleep_until(at(9));
        assert_eq!(clock.next_wake(), Some(at(5)));

        clock.turn_to(at(5));
        assert!((&mut early).now_or_never().is_some());
        assert!((&mut late).now_or_never().is_none());
        assert_eq!(clock.next_wake(), Some(at(9)));
    }

    #[test]
    fn the_clock_never_goes_back_and_forgets_those_who_left() {
        let clock = VirtualClock::new(at(10));
        drop(clock.sleep_until(at(20)));
        clock.turn_to(at(3));
        assert_eq!(clock.now(), at(10));
        assert_eq!(clock.next_wake(), None);
    }
}
