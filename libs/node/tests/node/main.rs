//! A node in trouble: a log that fails, a log that others had seen further, a clock set back.

#![expect(
    clippy::unwrap_used,
    reason = "what tests share fails as they do: by panicking"
)]

mod apart;
mod bench;
mod failing_disk;
mod failing_log;
mod starting;
