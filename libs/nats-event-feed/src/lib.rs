//! Logs on NATS: the publisher that copies a log into its JetStream stream, the feed that follows
//! such copies, and the restoring of either from the other.
//!
//! A log's stream holds the log's events, byte for byte, at stream sequence = position, with position
//! and chain hash beside each in the headers. Neither is trusted: whoever reads checks the chain.

mod batch;
mod connection;
mod copy;
mod feed;
mod naming;
mod published_log;
mod publisher;
mod restore;
mod stream;
#[cfg(feature = "testing")]
pub mod testing;

pub use connection::{Credentials, Nats, NatsError, NatsSettings};
pub use copy::{Circuit, CopyState};
pub use feed::NatsFeed;
pub use naming::{HASH, INCARNATION, POSITION, stream_name, subject};
pub use published_log::{Answering, Demand, Lag, PublishedLog};
pub use publisher::{Publisher, PublisherError};
pub use restore::{RestoreError, restore_log};
