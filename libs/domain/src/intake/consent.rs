//! The consent ledger: who was asked for what, and what they said. Nothing in it is overwritten.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::contact::AgeBand;
use super::rejection::IntakeRejection;
use crate::ids::OrganizationId;
use crate::sealed::{Sealed, SealedClass, Text};
use crate::values::{DisclosureBasis, Term, terms};

terms! {
    /// What the ledger says.
    pub enum ConsentState {
        /// Asking was not possible or not safe.
        NotAsked => "未征询",
        Asked => "已征询",
        Given => "同意",
        Refused => "不同意",
        Withdrawn => "撤回",
        /// Set by the system at the end that the giver named.
        Expired => "已失效",
        /// Set by the system: its giver can no longer give it.
        Voided => "不再采信",
    }
}

terms! {
    /// Who consents, or does not.
    pub enum ConsentGiver {
        Subject => "本人",
        Guardian => "监护人",
    }
}

terms! {
    /// What the consent is for.
    pub enum ConsentPurpose {
        Referral => "转介",
        CaseHandling => "个案办理",
        FollowUp => "跟踪随访",
        Counselling => "心理咨询",
    }
}

/// One line of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConsentEntry {
    pub state: ConsentState,
    pub by: ConsentGiver,
    pub purpose: ConsentPurpose,
    /// What may be told.
    pub scope: BTreeSet<SealedClass>,
    /// To whom.
    pub receivers: BTreeSet<OrganizationId>,
    /// When it ends, if its giver set an end.
    pub valid_until: Option<Timestamp>,
    pub note: Option<Sealed<Text>>,
}

/// A basis other than consent on which something may be told, with its reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LegalBasis {
    pub basis: DisclosureBasis,
    pub reason: Sealed<Text>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConsentLedger {
    entries: Vec<ConsentEntry>,
}

impl ConsentState {
    /// Whether a ledger that says `before` may next say `self`.
    pub fn may_follow(self, before: Self) -> bool {
        match self {
            Self::NotAsked => before == Self::NotAsked,
            // What was given is withdrawn, not refused.
            Self::Asked | Self::Refused => before != Self::Given,
            Self::Given => true,
            Self::Withdrawn | Self::Expired | Self::Voided => before == Self::Given,
        }
    }
}

impl ConsentLedger {
    /// Every line, oldest first.
    pub fn entries(&self) -> &[ConsentEntry] {
        &self.entries
    }

    /// The last line of this giver for this purpose.
    pub fn standing(&self, by: ConsentGiver, purpose: ConsentPurpose) -> Option<&ConsentEntry> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.by == by && entry.purpose == purpose)
    }

    pub(super) fn add(&mut self, entry: ConsentEntry) {
        self.entries.push(entry);
    }

    /// Whether a person may write this line now.
    pub(super) fn check(
        &self,
        entry: &ConsentEntry,
        age: AgeBand,
        now: Timestamp,
    ) -> Result<(), IntakeRejection> {
        let from = self.state(entry.by, entry.purpose);
        let of_the_system = matches!(entry.state, ConsentState::Expired | ConsentState::Voided);
        if of_the_system || !entry.state.may_follow(from) {
            return Err(IntakeRejection::ConsentStep {
                from,
                to: entry.state,
            });
        }
        if entry.state == ConsentState::Given {
            check_given(entry, age, now)?;
        }
        Ok(())
    }

    /// The line that the system writes when a consent has reached its end.
    pub(super) fn expired(
        &self,
        by: ConsentGiver,
        purpose: ConsentPurpose,
        now: Timestamp,
    ) -> Result<ConsentEntry, IntakeRejection> {
        self.standing(by, purpose)
            .filter(|entry| entry.state == ConsentState::Given)
            .filter(|entry| entry.valid_until.is_some_and(|end| end <= now))
            .map(|entry| ConsentEntry {
                state: ConsentState::Expired,
                ..entry.clone()
            })
            .ok_or(IntakeRejection::NothingDue)
    }

    /// The lines that the system writes when what this giver consented to no longer counts.
    pub(super) fn voided(&self, by: ConsentGiver) -> impl Iterator<Item = ConsentEntry> {
        ConsentPurpose::ALL
            .iter()
            .filter_map(move |purpose| self.standing(by, *purpose))
            .filter(|entry| entry.state == ConsentState::Given)
            .map(|entry| ConsentEntry {
                state: ConsentState::Voided,
                ..entry.clone()
            })
    }

    fn state(&self, by: ConsentGiver, purpose: ConsentPurpose) -> ConsentState {
        self.standing(by, purpose)
            .map_or(ConsentState::NotAsked, |entry| entry.state)
    }
}

fn check_given(entry: &ConsentEntry, age: AgeBand, now: Timestamp) -> Result<(), IntakeRejection> {
    if entry.by == ConsentGiver::Subject && age.counts_as_under_fourteen() {
        return Err(IntakeRejection::GuardianMustConsent);
    }
    if entry.scope.is_empty() {
        return Err(IntakeRejection::ConsentUnbounded { field: "scope" });
    }
    if entry.receivers.is_empty() {
        return Err(IntakeRejection::ConsentUnbounded {
            field: "receiver_ids",
        });
    }
    if entry.valid_until.is_some_and(|end| end <= now) {
        return Err(IntakeRejection::NotInFuture {
            field: "valid_until",
        });
    }
    Ok(())
}
