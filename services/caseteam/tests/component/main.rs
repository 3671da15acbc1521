//! The caseteam service as its callers and its neighbours see it: over gRPC, on real adapters.

#![expect(
    clippy::unwrap_used,
    reason = "a step of a test that fails says so by panicking"
)]

mod bench;
mod cells;
mod commands;
mod policies;
mod queries;
mod refusals;
