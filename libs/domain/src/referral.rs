//! Rules and events of the referral context: one unit asks another to take over a case.
//!
//! A referral is a chain of hops. Each hop is written in two logs: [`Referral`] at its sender,
//! [`Assignment`] at its receiver. Neither waits for the other: each takes note of what the other
//! has recorded, and [`HopView`] makes one state of both, the same on either side. [`Custody`] of
//! the case is one token; its holder alone rules which acceptance it goes to. What may be done in
//! which state by whom is data: [`TABLE`]. What follows from an event is in [`reactions`].

pub mod assignment;
pub mod basis;
pub mod chains;
pub mod custody;
pub mod hop_view;
pub mod moves;
pub mod prospects;
pub mod reactions;
pub mod relay_watch;
pub mod roles;
pub mod sender;
pub mod terms;
pub mod transitions;
pub mod words;

pub use assignment::{Acceptance, Assignment, AssignmentCommand, AssignmentEvent};
pub use basis::{Consent, Submission};
pub use chains::Chains;
pub use custody::{Claim, Custody, CustodyCommand, CustodyEvent};
pub use hop_view::HopView;
pub use moves::{ReceiverMove, Ruling, SenderMove};
pub use prospects::Prospects;
pub use relay_watch::{RelayWatch, RelayWatchCommand, RelayWatchEvent};
pub use sender::{Referral, ReferralCommand, ReferralEvent};
pub use terms::{Dispatch, Draft, HopKind, Tenure, Terms};
pub use transitions::{NotAllowed, Row, TABLE, TransitionTable};
pub use words::{HopCommand, HopRole, HopState, ReturnCode, VoidReason, WithdrawalReason};

/// The service's word for itself: the logs are `<region>.referral`.
pub const CONTEXT: &str = "referral";

#[cfg(test)]
mod cells;
#[cfg(test)]
mod custody_model;
#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod samples;
