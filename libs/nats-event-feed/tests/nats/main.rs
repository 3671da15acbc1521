//! Logs on real nats-servers: the contract of the feed, the publisher, restoring, and faults.

#![expect(
    clippy::unwrap_used,
    reason = "what tests share fails as they do: by panicking"
)]

mod contract;
mod faults;
mod publishing;
mod restoring;
mod stage;
