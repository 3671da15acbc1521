//! Contract suites: what every adapter of a port must do.
//!
//! Each sentence is an async function; [`event_log_contract!`](crate::event_log_contract) and
//! [`event_feed_contract!`](crate::event_feed_contract) make a test of each for an adapter.

#![expect(
    clippy::unwrap_used,
    reason = "all of this is the body of tests, which fail by panicking"
)]

pub mod event_feed;
pub mod event_log;
pub mod rows;
