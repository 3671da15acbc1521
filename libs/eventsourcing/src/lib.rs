//! Event sourcing for Liandong: aggregates, the log and its ports, the envelope and the hash chain.
//!
//! Nothing here knows a runtime, a disk or a network: adapters implement the ports
//! ([`EventLog`], [`EventFeed`], [`ProjectionStore`], [`Clock`]), services write the rules
//! ([`Aggregate`], [`Projection`], [`Policy`]), and [`CommandHandler`] is the one path between.

mod actor;
mod aggregate;
mod chain;
mod clock;
mod command;
mod due;
mod envelope;
mod feed;
mod ids;
mod log;
mod order;
mod policy;
mod projection;
mod rows;

#[cfg(feature = "testing")]
pub mod testing;

pub use actor::Actor;
pub use aggregate::{
    Aggregate, Decoded, Fact, Occasion, Rejected, Rejection, RejectionKind, UnknownEvent, decode,
    encode, fold,
};
pub use chain::{ChainBroken, Checkpoint, Hash, chain_hash};
pub use clock::{Clock, VirtualClock};
pub use command::{Answer, CommandError, CommandHandler, EventRef, RequestContext, Step};
pub use due::{Due, DueRule, first_due};
pub use envelope::{Body, Envelope, EnvelopeError, MAX_BODY_BYTES, Recorded};
pub use feed::{EventFeed, FeedError, FeedItem};
pub use ids::{InvalidId, LogId, Position, Region, ScopedId, StreamId, Version};
pub use log::{
    Append, AppendError, Appended, Damage, Durability, EventLog, Head, ReadError, Verified, Write,
};
pub use order::{ClockDrift, HybridClock, Order};
pub use policy::{NotASkipReason, Policy, PolicyError, SkipReason, policy_request_id};
pub use projection::{Projection, ProjectionError, Rows};
pub use rows::{Change, Commit, ProjectionStore, Row, StoreError};
