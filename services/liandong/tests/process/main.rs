//! The real program as a process: killed again and again under load, and searched for personal data.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod kill;
mod ledger;
mod marks;
mod messages;
mod personal_data;
mod program;
mod requests;
mod telling;
mod traffic;
