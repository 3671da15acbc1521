//! The runners over feeds, logs and policies that fail in every way they may.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what tests share fails as they do: by panicking"
)]

mod feed;
mod fixture;
mod following;
mod own_log;
mod parking;
