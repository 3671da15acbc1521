//! What a disk, a feed, a flipped bit or a stop in the middle may do to three whole regions.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod calls;
mod damage;
mod deliveries;
mod disk;
mod feed;
mod rewritten;
mod shutdown;
mod snapshot;
