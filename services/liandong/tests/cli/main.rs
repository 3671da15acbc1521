//! The program as a process: what it prints, where, and with which exit code.

#![expect(
    clippy::unwrap_used,
    reason = "what tests share fails as they do: by panicking"
)]

mod cases;
mod demo;
mod dev;
mod dev_system;
mod fake;
mod logs;
mod parked;
mod program;
mod usage;
mod watching;
