//! The timeline service as its callers see it: over gRPC, on logs that the tests write by hand.

#![expect(
    clippy::unwrap_used,
    reason = "a step of a test that fails says so by panicking"
)]

mod arrivals;
mod bench;
mod reading;
mod refusals;
