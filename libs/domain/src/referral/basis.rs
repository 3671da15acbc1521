//! On what a hop may tell another region about a young person, and who must look at it first.

use std::collections::BTreeSet;

use eventsourcing::RejectionKind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{OrganizationId, WorkerId};
use crate::intake::AgeBand;
use crate::intake::consent::ConsentGiver;
use crate::sealed::{Sealed, Text};
use crate::values::{DisclosureBasis, Party, RiskLevel};

/// Why the hop may be sent, as its submitter says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    pub basis: DisclosureBasis,
    /// Every basis but consent needs one.
    pub basis_reason: Option<Sealed<Text>>,
    /// Decides whose consent counts.
    pub age_band: AgeBand,
    /// The guardian may be the one who does harm: neither asked nor told.
    pub guardian_suspected: bool,
    /// What the intake's ledger says was given for a referral.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<Consent>,
}

/// A consent to a referral as it stands in the ledger of the case's intake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub by: ConsentGiver,
    /// Who may be told.
    pub receivers: BTreeSet<OrganizationId>,
    pub valid_until: Option<Timestamp>,
}

impl Consent {
    fn covers(&self, to: Party, now: Timestamp) -> bool {
        let in_force = self.valid_until.is_none_or(|end| now < end);
        in_force && self.receivers.contains(&to.organization)
    }
}

/// Why a basis does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BasisRejection {
    #[error("every basis but consent needs a reason")]
    ReasonMissing,
    /// An unknown age counts as under 14 (Personal Information Protection Law, article 31).
    #[error(
        "only from 14 on does the young person's own consent count; an unknown age is under 14"
    )]
    TooYoungToConsent,
    #[error("from 14 on the young person consents, not the guardian")]
    OldEnoughToConsent,
    #[error("a guardian who is suspected can neither be asked nor consent")]
    GuardianSuspected,
    #[error("no consent is on record that is in force and names the receiver")]
    ConsentNotGiven,
    #[error("a second person must dispatch what somebody submitted")]
    SecondPerson,
}

impl BasisRejection {
    pub(crate) fn kind(self) -> RejectionKind {
        match self {
            Self::SecondPerson => RejectionKind::Forbidden,
            _ => RejectionKind::Invalid,
        }
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::ReasonMissing => "BASIS_REASON_MISSING",
            Self::TooYoungToConsent => "TOO_YOUNG_TO_CONSENT",
            Self::OldEnoughToConsent => "OLD_ENOUGH_TO_CONSENT",
            Self::GuardianSuspected => "GUARDIAN_SUSPECTED",
            Self::ConsentNotGiven => "CONSENT_NOT_GIVEN",
            Self::SecondPerson => "SECOND_PERSON_NEEDED",
        }
    }

    pub(crate) fn zh(self) -> &'static str {
        match self {
            Self::ReasonMissing => "除同意外，其他披露依据均须说明理由",
            Self::TooYoungToConsent => "年满十四周岁方可由本人同意；年龄不详的，按不满十四周岁对待",
            Self::OldEnoughToConsent => "年满十四周岁的，应由本人同意，而非监护人",
            Self::GuardianSuspected => "监护人涉嫌侵害的，不得征询其意见，其同意无效",
            Self::ConsentNotGiven => "没有对该接收单位有效的同意记录",
            Self::SecondPerson => "提交人不得自行派单，须由另一人审核",
        }
    }

    pub(super) fn field(self) -> Option<&'static str> {
        match self {
            Self::ReasonMissing => Some("basis_reason"),
            Self::TooYoungToConsent
            | Self::OldEnoughToConsent
            | Self::GuardianSuspected
            | Self::ConsentNotGiven => Some("basis"),
            Self::SecondPerson => None,
        }
    }
}

/// Whether a basis holds: for a hop as for a grant of keys.
pub(crate) fn check_basis(
    basis: DisclosureBasis,
    age_band: AgeBand,
    guardian_suspected: bool,
    has_reason: bool,
) -> Result<(), BasisRejection> {
    let under_fourteen = age_band.counts_as_under_fourteen();
    match basis {
        DisclosureBasis::ConsentSelf if under_fourteen => Err(BasisRejection::TooYoungToConsent),
        DisclosureBasis::ConsentGuardian if guardian_suspected => {
            Err(BasisRejection::GuardianSuspected)
        }
        DisclosureBasis::ConsentGuardian if !under_fourteen => {
            Err(BasisRejection::OldEnoughToConsent)
        }
        DisclosureBasis::ConsentSelf | DisclosureBasis::ConsentGuardian => Ok(()),
        _ if !has_reason => Err(BasisRejection::ReasonMissing),
        _ => Ok(()),
    }
}

impl Submission {
    /// Whether the basis holds for telling this receiver, on what is recorded.
    pub(super) fn check(&self, to: Party, now: Timestamp) -> Result<(), BasisRejection> {
        let has_reason = self.basis_reason.is_some();
        check_basis(
            self.basis,
            self.age_band,
            self.guardian_suspected,
            has_reason,
        )?;
        match self.basis {
            DisclosureBasis::ConsentSelf => self.check_given(ConsentGiver::Subject, to, now),
            DisclosureBasis::ConsentGuardian => self.check_given(ConsentGiver::Guardian, to, now),
            _ => Ok(()),
        }
    }

    fn check_given(
        &self,
        by: ConsentGiver,
        to: Party,
        now: Timestamp,
    ) -> Result<(), BasisRejection> {
        let mut of_giver = self.consents.iter().filter(|consent| consent.by == by);
        if of_giver.any(|consent| consent.covers(to, now)) {
            return Ok(());
        }
        Err(BasisRejection::ConsentNotGiven)
    }

    /// Whether `approver` may dispatch what `submitter` submitted.
    ///
    /// Always a second person; except that with a life in danger now a supervisor who is alone on
    /// duty does not wait for one. The record shows that there was none.
    pub(super) fn check_approver(
        &self,
        risk: RiskLevel,
        submitter: WorkerId,
        approver: WorkerId,
    ) -> Result<(), BasisRejection> {
        let alone = risk == RiskLevel::Immediate && self.basis == DisclosureBasis::Emergency;
        if submitter == approver && !alone {
            return Err(BasisRejection::SecondPerson);
        }
        Ok(())
    }
}
