//! What the sender's commands lead to, once the table has allowed them.

use eventsourcing::{Occasion, Version};

use super::{Referral, ReferralEvent, ReferralRejection, Stage};
use crate::acting::Acting;
use crate::directory::RuleSet;
use crate::ids::{ReferralId, WorkerId};
use crate::referral::basis::{Consent, Submission};
use crate::referral::moves::{ReceiverMove, Ruling};
use crate::referral::terms::{CancellationReason, Dispatch, Draft, Tenure};
use crate::referral::words::{HopState, WithdrawalReason};
use crate::sealed::{Sealed, Text};
use crate::values::Party;

impl Referral {
    pub(super) fn sent(&self) -> Result<&Dispatch, ReferralRejection> {
        self.dispatch().ok_or(ReferralRejection::NotDispatched)
    }

    pub(super) fn drafted(&self) -> Result<&Draft, ReferralRejection> {
        match &self.stage {
            Stage::Drafted(draft) | Stage::Submitted { draft, .. } => Ok(draft),
            Stage::Nothing | Stage::Dispatched(_) => Err(ReferralRejection::NotDrafted),
        }
    }

    pub(super) fn submit(
        &self,
        submission: &Submission,
        on: &Occasion,
    ) -> Result<ReferralEvent, ReferralRejection> {
        let draft = self.drafted()?;
        submission.check(draft.terms.to, on.now)?;
        Ok(ReferralEvent::Submitted {
            hop: draft.hop,
            by: acting_worker(on)?,
            submission: submission.clone(),
        })
    }

    pub(super) fn send(
        &self,
        own_tenure: Option<Tenure>,
        consents: &[Consent],
        escalate_to: Option<Party>,
        rules: &RuleSet,
        on: &Occasion,
    ) -> Result<ReferralEvent, ReferralRejection> {
        let Stage::Submitted {
            draft,
            by,
            submission,
        } = &self.stage
        else {
            return Err(ReferralRejection::NotSubmitted);
        };
        let submission = Submission {
            consents: consents.to_vec(),
            ..Submission::clone(submission)
        };
        submission.check(draft.terms.to, on.now)?;
        let approver = acting_worker(on)?;
        submission.check_approver(draft.terms.risk, *by, approver)?;
        let tenure = draft
            .tenure
            .or(own_tenure.filter(|own| own.custodian == draft.terms.from));
        let tenure = tenure.ok_or(ReferralRejection::NotCustodian)?;
        let dispatch = sent_by(draft, &submission, tenure, escalate_to, rules, on);
        Ok(ReferralEvent::Dispatched(Box::new(Dispatch {
            approved_by: Some(approver),
            ..dispatch
        })))
    }

    pub(super) fn cancel(
        &self,
        reason: CancellationReason,
        custody_told: bool,
    ) -> Result<ReferralEvent, ReferralRejection> {
        let (hop, to, tenure) = match self.dispatch() {
            Some(sent) => (sent.hop, sent.terms.to, Some(sent.tenure)),
            None => self
                .drafted()
                .map(|draft| (draft.hop, draft.terms.to, None))?,
        };
        Ok(ReferralEvent::Cancelled {
            hop,
            to,
            reason,
            tenure,
            custody_told,
        })
    }

    pub(super) fn request_cancellation(
        &self,
        reason: CancellationReason,
    ) -> Result<ReferralEvent, ReferralRejection> {
        let sent = self.sent()?;
        Ok(ReferralEvent::CancellationRequested {
            hop: sent.hop,
            to: sent.terms.to,
            reason,
        })
    }

    pub(super) fn supply(&self, answer: &Sealed<Text>) -> Result<ReferralEvent, ReferralRejection> {
        let sent = self.sent()?;
        if !self.view.unanswered() {
            return Err(ReferralRejection::NothingAsked);
        }
        Ok(ReferralEvent::InformationSupplied {
            hop: sent.hop,
            to: sent.terms.to,
            answer: answer.clone(),
            question: self.view.questions(),
        })
    }

    pub(super) fn uphold_return(
        &self,
        note: Option<&Sealed<Text>>,
    ) -> Result<ReferralEvent, ReferralRejection> {
        let sent = self.sent()?;
        Ok(ReferralEvent::Returned {
            hop: sent.hop,
            to: sent.terms.to,
            note: note.cloned(),
        })
    }

    /// At its due time, as far as it is known here, the hop goes to whoever is above the receiver.
    pub(super) fn expire(
        &self,
        escalated: Option<ReferralId>,
        on: &Occasion,
    ) -> Result<ReferralEvent, ReferralRejection> {
        let sent = self.sent()?;
        let due_at = self.view.due_at().ok_or(ReferralRejection::NothingDue)?;
        if on.now < due_at {
            return Err(ReferralRejection::NotYetDue(due_at));
        }
        let (hop, to) = (sent.hop, sent.terms.to);
        match escalated {
            Some(escalated) => Ok(ReferralEvent::Expired {
                hop,
                to,
                due_at,
                escalated,
            }),
            None if self.view.alarmed() => Err(ReferralRejection::AlreadyAlarmed),
            None => Ok(ReferralEvent::DutyOfficerAlarmed { hop, to, due_at }),
        }
    }

    /// What the receiver has not seen is cancelled; what it has, it is asked to give up. Only where
    /// no custody is left to be had is nobody asked.
    pub(super) fn withdraw(
        &self,
        because: WithdrawalReason,
    ) -> Result<ReferralEvent, ReferralRejection> {
        let reason = CancellationReason::Withdrawn(because);
        if because == WithdrawalReason::CustodyGone {
            if self.view.accepted() || self.view.child_under_way() {
                return Err(ReferralRejection::NotHopeless);
            }
            // Whoever held it knows: it is gone from there.
            return self.cancel(reason, true);
        }
        match self.view.state() {
            Some(HopState::Draft | HopState::Submitted | HopState::Dispatched) => {
                self.cancel(reason, false)
            }
            _ => self.request_cancellation(reason),
        }
    }

    pub(super) fn note_move(
        &self,
        moved: ReceiverMove,
        version: Version,
    ) -> Result<ReferralEvent, ReferralRejection> {
        let hop = self.sent()?.hop;
        if version <= self.noted {
            return Err(ReferralRejection::AlreadyNoted);
        }
        let given_up = moved == ReceiverMove::CancellationConfirmed;
        Ok(ReferralEvent::ReceiverMoveNoted {
            hop,
            moved,
            version,
            withdraw: self.escalated.filter(|_| given_up),
        })
    }

    pub(super) fn note_ruling(&self, ruling: Ruling) -> Result<ReferralEvent, ReferralRejection> {
        let hop = self.sent()?.hop;
        if self.view.ruling().is_some() {
            return Err(ReferralRejection::AlreadyNoted);
        }
        Ok(ReferralEvent::RulingNoted { hop, ruling })
    }
}

fn acting_worker(on: &Occasion) -> Result<WorkerId, ReferralRejection> {
    let acting = Acting::of(&on.actor).ok_or(ReferralRejection::NotAPerson)?;
    Ok(acting.worker)
}

/// Made and sent at once: the submission was approved when the hop that expired was dispatched.
pub(super) fn escalate(
    draft: &Draft,
    submission: &Submission,
    escalate_to: Option<Party>,
    rules: &RuleSet,
    on: &Occasion,
) -> Result<Vec<ReferralEvent>, ReferralRejection> {
    let tenure = draft.tenure.ok_or(ReferralRejection::NotCustodian)?;
    let dispatch = sent_by(draft, submission, tenure, escalate_to, rules, on);
    Ok(vec![
        ReferralEvent::Drafted(Box::new(draft.clone())),
        ReferralEvent::Dispatched(Box::new(dispatch)),
    ])
}

fn sent_by(
    draft: &Draft,
    submission: &Submission,
    tenure: Tenure,
    escalate_to: Option<Party>,
    rules: &RuleSet,
    on: &Occasion,
) -> Dispatch {
    let limit = rules.answer.of(draft.terms.risk);
    Dispatch {
        hop: draft.hop,
        terms: draft.terms.clone(),
        submission: submission.clone(),
        approved_by: None,
        tenure,
        answer_due_at: rules.due(limit, on.now),
        rules_version: rules.version.clone(),
        escalate_to,
    }
}
