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
    Dispatched {
        answer_due_at: Timestamp,
    },
    /// `question`: how many questions the sender knew of, and has answered by it.
    InformationSupplied {
        question: u32,
    },
    CancellationRequested,
    Cancelled,
    ReturnUpheld,
    Expired,
    /// Nobody is above the receiver: its duty officer is alarmed that this due time has passed.
    Alarmed {
        due_at: Timestamp,
    },
}

/// What the receiver did. Due times are the receiver's: it knows the pauses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReceiverMove {
    Received,
    InformationRequested {
        answer_due_at: Timestamp,
    },
    InformationArrived {
        question: u32,
        answer_due_at: Timestamp,
    },
    PauseEnded,
    Accepted,
    WorkStarted,
    ReferredOnward {
        child: ReferralId,
    },
    /// The hop that it was sent on by has been dispatched.
    ChildDispatched,
    /// The hop that it was sent on by came to nothing: it must be sent on again, or answered.
    ChildEnded {
        answer_due_at: Timestamp,
    },
    ReturnProposed {
        decision_due_at: Timestamp,
    },
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
