//! How far an intake has come, each stage with the data that only it has.

use serde::{Deserialize, Serialize};

use super::transitions::Phase;
use super::triage::Assessment;
use super::{Outcome, WithoutCase};
use crate::ids::ReferralId;
use crate::values::Party;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    NoCase,
    AwaitingTriage,
    Triaged(Assessment),
    Open(OpenCase),
    KeptHere(OpenCase),
    Ended {
        ending: Ending,
        assessment: Assessment,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Ending {
    WithoutCase(WithoutCase),
    HandedOver { to: Party, hop: ReferralId },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenCase {
    pub custodian: Party,
    pub assessment: Assessment,
    pub referral_proposed: bool,
}

impl Stage {
    pub fn phase(&self) -> Phase {
        match self {
            Self::NoCase => Phase::NoCase,
            Self::AwaitingTriage => Phase::AwaitingTriage,
            Self::Triaged(_) => Phase::Triaged,
            Self::Open(_) => Phase::Open,
            Self::KeptHere(_) => Phase::KeptHere,
            Self::Ended { .. } => Phase::Ended,
        }
    }

    /// The assessment in force.
    pub fn assessment(&self) -> Option<&Assessment> {
        match self {
            Self::NoCase | Self::AwaitingTriage => None,
            Self::Triaged(assessment) | Self::Ended { assessment, .. } => Some(assessment),
            Self::Open(case) | Self::KeptHere(case) => Some(&case.assessment),
        }
    }

    pub fn referral_proposed(&self) -> bool {
        match self {
            Self::Open(case) | Self::KeptHere(case) => case.referral_proposed,
            _ => false,
        }
    }

    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::KeptHere(_) => Some(Outcome::KeptHere),
            Self::Ended { ending, .. } => Some(ending.outcome()),
            _ => None,
        }
    }

    pub(super) fn assess(&mut self, now: &Assessment) {
        match self {
            Self::Open(case) | Self::KeptHere(case) => case.assessment = now.clone(),
            _ => *self = Self::Triaged(now.clone()),
        }
    }

    pub(super) fn open(&mut self, custodian: Party) {
        if let Self::Triaged(assessment) = self {
            *self = Self::Open(OpenCase {
                custodian,
                assessment: assessment.clone(),
                referral_proposed: false,
            });
        }
    }

    pub(super) fn propose_referral(&mut self) {
        if let Self::Open(case) | Self::KeptHere(case) = self {
            case.referral_proposed = true;
        }
    }

    pub(super) fn keep_here(&mut self) {
        if let Self::Open(case) = self {
            *self = Self::KeptHere(case.clone());
        }
    }

    pub(super) fn end(&mut self, ending: Ending) {
        if let Some(assessment) = self.assessment() {
            *self = Self::Ended {
                ending,
                assessment: assessment.clone(),
            };
        }
    }
}

impl Ending {
    fn outcome(self) -> Outcome {
        match self {
            Self::WithoutCase(WithoutCase::ShortService) => Outcome::ShortService,
            Self::WithoutCase(WithoutCase::NotOpened) => Outcome::NotOpened,
            Self::HandedOver { .. } => Outcome::HandedOver,
        }
    }
}
