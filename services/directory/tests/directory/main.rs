//! The directory service over real gRPC, with real logs and stores below a temporary directory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test says no by panicking"
)]
#![expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the contract is optional"
)]

mod commands;
mod fixture;
mod refusals;
mod views;
