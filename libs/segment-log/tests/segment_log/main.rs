//! The log on segment files: the contracts, and everything a disk can do to it.

#![expect(
    clippy::unwrap_used,
    reason = "what tests share fails as they do: by panicking"
)]

mod contract;
mod head;
mod support;
