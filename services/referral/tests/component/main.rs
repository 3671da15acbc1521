//! The referral service as its callers and its neighbours see it: over gRPC, on real adapters, in
//! four regions of one process.

mod bench;
mod calls;
mod clock;
mod hops;
mod inbox;
mod races;
mod refusals;
