//! Every rule and every event of Liandong, pure: one folder per context, one file per aggregate.
//!
//! Nothing here reads a clock, makes an id or waits on I/O. Words are those of the hotline's people;
//! each value shows its Chinese term through [`values::Term`].

pub mod acting;
pub mod caseteam;
pub mod directory;
pub mod followup;
pub mod ids;
pub mod intake;
pub mod keys;
pub mod referral;
pub mod sealed;
pub mod transitions;
pub mod values;

/// The contexts that have a log in every region, by their words: logs are `<region>.<context>`.
pub const CONTEXTS: [&str; 6] = [
    directory::CONTEXT,
    "intake",
    referral::CONTEXT,
    "caseteam",
    "followup",
    "keys",
];
