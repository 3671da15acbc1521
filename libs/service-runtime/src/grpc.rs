//! gRPC conventions: one gate for commands and queries, one mapping of errors, one server.

mod consistency;
mod deadline;
mod fields;
mod gate;
mod identity;
mod incoming;
mod operations;
mod server;
mod status;
mod watch;

pub use consistency::ConsistencyToken;
pub use fields::{
    date, enum_number, field, moment, optional, page_size, required, term, timestamp,
};
pub use gate::{DigestKey, Gate};
pub use identity::{Identify, IdentityRefused, ORGANIZATION, PERSON, ROLE};
pub use server::{COMPRESSION, MAX_DECODED_BYTES, MAX_ENCODED_BYTES, Server, ServerError};
pub use status::{failure, refused, rejected, violation};
pub use watch::{Watched, watch};
