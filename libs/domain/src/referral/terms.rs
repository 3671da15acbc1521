//! What a hop is about and between whom: written when it is drafted, the same to its end.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::basis::Submission;
use super::words::WithdrawalReason;
use crate::ids::{ReferralId, WorkerId};
use crate::intake::ReportFlag;
use crate::sealed::{Sealed, Text};
use crate::values::{CaseType, Party, RiskLevel};

/// One stretch of custody: who holds it, and by which hop it came to them.
///
/// Every hop says whose custody it asks for. So each acceptance has exactly one custodian who can
/// answer it, whatever else happens to the case meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenure {
    pub custodian: Party,
    /// None: the custodian opened the case.
    pub by_hop: Option<ReferralId>,
}

/// How a hop came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HopKind {
    ByWorker,
    /// The call-back rule proposed it.
    ByRule,
    /// The receiver of `parent` sent the case on.
    Onward {
        parent: ReferralId,
    },
    /// Hop `of` was not answered in time.
    Escalation {
        of: ReferralId,
    },
}

/// Between whom, and what about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    pub from: Party,
    pub to: Party,
    /// The first desk of the chain: it goes on seeing what becomes of it.
    pub origin: Party,
    /// The committee that passes it on, if one takes part.
    pub relay: Option<Party>,
    pub kind: HopKind,
    pub case_type: CaseType,
    pub risk: RiskLevel,
    pub flags: BTreeSet<ReportFlag>,
    /// What the receiver needs in order to decide.
    pub summary: Sealed<Text>,
}

/// A hop not yet sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    pub hop: ReferralId,
    #[serde(flatten)]
    pub terms: Terms,
    /// Whose custody it asks for, where that is settled; else the sender's own, at dispatch.
    pub tenure: Option<Tenure>,
}

/// A hop as it is sent: everything that the receiver and its region need.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dispatch {
    pub hop: ReferralId,
    #[serde(flatten)]
    pub terms: Terms,
    #[serde(flatten)]
    pub submission: Submission,
    /// The second person; none where the system escalated what was approved before.
    pub approved_by: Option<WorkerId>,
    pub tenure: Tenure,
    pub answer_due_at: Timestamp,
    pub rules_version: String,
    /// Who gets it if it is not answered; none at the top.
    pub escalate_to: Option<Party>,
}

/// Why a sender takes a hop back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CancellationReason {
    Stated(Sealed<Text>),
    Withdrawn(WithdrawalReason),
}
