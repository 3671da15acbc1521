//! Stories, told only through gRPC, asserted from the timeline.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod chen_jia;
mod over_nats;
