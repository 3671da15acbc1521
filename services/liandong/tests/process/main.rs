//! The real program as processes: killed again and again under load, searched for personal data, and
//! playing the story with every service a process of its own.

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
mod up;
