//! gRPC conventions: one gate for commands and queries, one mapping of errors, one server.

mod connection;
mod consistency;
mod deadline;
mod digest;
mod fields;
mod gate;
mod health;
mod identity;
mod incoming;
mod operations;
mod page;
mod server;
mod status;
mod typed;
mod watch;

pub use consistency::ConsistencyToken;
pub use digest::DigestKey;
pub use fields::{
    date, enum_number, field, moment, optional, page_size, required, term, timestamp,
};
pub use gate::Gate;
pub use identity::{Identify, IdentityRefused, ORGANIZATION, PERSON, ROLE};
pub use page::Page;
pub use server::{COMPRESSION, MAX_DECODED_BYTES, MAX_ENCODED_BYTES, Server, ServerError};
pub use status::{failure, not_shown, refused, rejected, violation};
pub use watch::{Watched, watch};
