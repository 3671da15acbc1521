//! The followup service as its callers and its neighbours see it: over gRPC, on real adapters.

mod bench;
mod clock;
mod commands;
mod policies;
mod queries;
mod refusals;
