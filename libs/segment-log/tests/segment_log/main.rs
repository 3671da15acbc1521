//! The log on segment files: the contracts, and everything a disk can do to it.

#![expect(
    clippy::unwrap_used,
    reason = "what tests share fails as they do: by panicking"
)]

mod contract;
mod crash;
mod damage;
mod failing_disk;
mod feed;
mod head;
mod histories;
mod opening;
mod script;
mod scrub;
mod simulated;
mod support;
mod truncation;
mod verification;
