//! What the receiver's commands lead to, once the table has allowed them.

use eventsourcing::{Occasion, Version};
use jiff::{SignedDuration, Timestamp};

use super::{Acceptance, Assignment, AssignmentEvent, AssignmentRejection};
use crate::acting::Acting;
use crate::directory::RuleSet;
use crate::ids::ReferralId;
use crate::referral::moves::SenderMove;
use crate::referral::terms::{Dispatch, Tenure};
use crate::referral::words::HopState;
use crate::sealed::{Sealed, Text};

impl Assignment {
    /// The clock stands still while the sender looks for the answer: once, as long as the rules
    /// allow, and then goes on with the time that was left.
    pub(super) fn ask(
        &self,
        dispatch: &Dispatch,
        question: &Sealed<Text>,
        rules: &RuleSet,
        on: &Occasion,
    ) -> AssignmentEvent {
        let due_at = self.answer_due_at(dispatch);
        let pause = rules.info_pause.at_most(dispatch.terms.risk);
        let pause = pause.filter(|_| !self.has_paused && on.now < due_at);
        let paused_until = pause.map(|at_most| rules.due(at_most, on.now));
        let answer_due_at =
            paused_until.map_or(due_at, |until| later(until, due_at.duration_since(on.now)));
        AssignmentEvent::InformationRequested {
            hop: dispatch.hop,
            question: question.clone(),
            paused_until,
            answer_due_at,
            rules_version: rules.version.clone(),
        }
    }

    pub(super) fn note_information(
        &self,
        dispatch: &Dispatch,
        answer: &Sealed<Text>,
        question: u32,
        version: Version,
        on: &Occasion,
    ) -> Result<AssignmentEvent, AssignmentRejection> {
        self.check_new(version)?;
        let due_at = self.answer_due_at(dispatch);
        let last = question >= self.view.questions();
        let answer_due_at = match self.paused_until {
            Some(until) if last && on.now < until => later(on.now, due_at.duration_since(until)),
            _ => due_at,
        };
        Ok(AssignmentEvent::InformationArrived {
            hop: dispatch.hop,
            answer: answer.clone(),
            question,
            answer_due_at,
            version,
        })
    }

    /// What the hop was sent on by is under way, and this one's clock stands still; or that came to
    /// nothing, and somebody must find another way: in the time that a decision on a return has.
    pub(super) fn note_child(
        &self,
        dispatch: &Dispatch,
        child: ReferralId,
        ended: bool,
        rules: &RuleSet,
        on: &Occasion,
    ) -> Result<AssignmentEvent, AssignmentRejection> {
        let hop = dispatch.hop;
        let known = if ended {
            self.view.child_ended()
        } else {
            self.view.child_under_way()
        };
        if self.view.child() != Some(child) || known {
            return Err(AssignmentRejection::AlreadyNoted);
        }
        if !ended {
            return Ok(AssignmentEvent::ChildDispatched { hop, child });
        }
        Ok(AssignmentEvent::ChildEnded {
            hop,
            child,
            answer_due_at: rules.due(rules.return_decision.of(dispatch.terms.risk), on.now),
            rules_version: rules.version.clone(),
        })
    }

    pub(super) fn end_pause(
        &self,
        hop: ReferralId,
        on: &Occasion,
    ) -> Result<AssignmentEvent, AssignmentRejection> {
        let until = self.paused_until.ok_or(AssignmentRejection::NothingDue)?;
        if on.now < until {
            return Err(AssignmentRejection::NotYetDue(until));
        }
        Ok(AssignmentEvent::PauseEnded { hop })
    }

    pub(super) fn accept(
        &self,
        dispatch: &Dispatch,
        on: &Occasion,
    ) -> Result<AssignmentEvent, AssignmentRejection> {
        let acting = Acting::of(&on.actor).ok_or(AssignmentRejection::NotAPerson)?;
        let by = acting.worker;
        match self.accepted_by {
            Some(first) if first == by => Ok(AssignmentEvent::AcceptRepeated {
                hop: dispatch.hop,
                by,
            }),
            Some(_) => Err(AssignmentRejection::AlreadyAccepted),
            None => Ok(AssignmentEvent::Accepted(Box::new(Acceptance {
                hop: dispatch.hop,
                unit: dispatch.terms.to,
                by,
                from: dispatch.terms.from,
                origin: dispatch.terms.origin,
                relay: dispatch.terms.relay,
                case_type: dispatch.terms.case_type,
                risk: dispatch.terms.risk,
                tenure: dispatch.tenure,
            }))),
        }
    }

    pub(super) fn check_onward(
        &self,
        tenure: Tenure,
        earlier_child: Option<HopState>,
    ) -> Result<(), AssignmentRejection> {
        if self.onward_tenure() != Some(tenure) {
            return Err(AssignmentRejection::TenureChanged);
        }
        let over = matches!(
            earlier_child,
            Some(HopState::Returned | HopState::Cancelled)
        );
        if self.view.child().is_some() && !over {
            return Err(AssignmentRejection::SentOnAlready);
        }
        Ok(())
    }

    pub(super) fn note_move(
        &self,
        hop: ReferralId,
        moved: SenderMove,
        version: Version,
    ) -> Result<AssignmentEvent, AssignmentRejection> {
        self.check_new(version)?;
        let unwanted = match moved {
            // Sent on before it was known that nobody wants it any more.
            SenderMove::Cancelled => !self.view.child_ended(),
            // Somebody else has it now; what is on its way goes on.
            SenderMove::Expired => !self.view.child_ended() && !self.view.child_under_way(),
            _ => false,
        };
        let unwanted = unwanted && !self.view.accepted();
        Ok(AssignmentEvent::SenderMoveNoted {
            hop,
            moved,
            version,
            withdraw: self.view.child().filter(|_| unwanted),
        })
    }

    pub(super) fn answer_due_at(&self, dispatch: &Dispatch) -> Timestamp {
        self.view.deadline().unwrap_or(dispatch.answer_due_at)
    }

    pub(super) fn check_new(&self, version: Version) -> Result<(), AssignmentRejection> {
        if version <= self.noted {
            return Err(AssignmentRejection::AlreadyNoted);
        }
        Ok(())
    }

    pub(super) fn check_unruled(&self) -> Result<(), AssignmentRejection> {
        if self.view.ruling().is_some() {
            return Err(AssignmentRejection::AlreadyNoted);
        }
        Ok(())
    }
}

fn later(from: Timestamp, by: SignedDuration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}
