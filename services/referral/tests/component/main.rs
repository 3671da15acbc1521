//! The referral service as its callers and its neighbours see it: over gRPC, on real adapters, in
//! four regions of one process.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a step of a test that fails says so by panicking; a list of cases is long"
)]

mod bench;
mod calls;
mod clock;
mod drafts;
mod hops;
mod inbox;
mod races;
mod refusals;
