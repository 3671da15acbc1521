//! The moves of a hop as one side tells them to the other, without what only the mover needs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::VoidReason;
use crate::ids::ReferralId;

/// What the sender did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SenderMove {
    Drafted,
    Submitted,
    SubmissionRefused,
    Dispatched { answer_due_at: Timestamp },
    InformationSupplied,
    CancellationRequested,
    Cancelled,
    ReturnUpheld,
    Expired,
}

/// What the receiver did. Due times are the receiver's: it knows the pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReceiverMove {
    Received,
    InformationRequested { answer_due_at: Timestamp },
    InformationArrived { answer_due_at: Timestamp },
    PauseEnded,
    Accepted,
    WorkStarted,
    ReferredOnward { child: ReferralId },
    ReturnProposed { decision_due_at: Timestamp },
    CancellationConfirmed,
    CancellationDeclined,
}

/// What the custodian answered to an acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ruling {
    /// Custody goes to whoever accepted.
    Released,
    /// It does not: the hop is over.
    Voided(VoidReason),
}
