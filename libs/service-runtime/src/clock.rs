//! The real clock.

use std::time::Duration;

use eventsourcing::Clock;
use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;

/// Sleeping longer than this at once would miss that the wall clock was set.
const NAP: Duration = Duration::from_secs(30);

/// The machine's wall clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        async move {
            while let Ok(left) = Duration::try_from(at.duration_since(Timestamp::now())) {
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(NAP)).await;
            }
        }
        .boxed()
    }
}
