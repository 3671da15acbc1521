//! What follows from an event: which aggregate of this region takes note of it, and how.
//!
//! Pure: the service's policies only wrap these functions, and the tests run the same ones through
//! every order of delivery. Each answers with at most one command per event; every follower hears
//! the events of one log in order, those of different logs in any.

use std::sync::Arc;

use eventsourcing::{Aggregate, Recorded, Region, Step, UnknownEvent, Version, decode};
use uuid::Uuid;

use super::assignment::{Assignment, AssignmentCommand, AssignmentEvent};
use super::custody::{Claim, Custody, CustodyCommand, CustodyEvent};
use super::hop_view::HopView;
use super::moves::{Ruling, SenderMove};
use super::sender::{Referral, ReferralCommand, ReferralEvent};
use super::terms::{Dispatch, Draft, HopKind, Terms};
use super::words::WithdrawalReason;
use crate::directory::RuleSet;
use crate::ids::{AssignmentId, CaseId, CustodyId, ReferralId};
use crate::values::Party;

/// An event of any aggregate of this context.
#[derive(Debug, Clone, PartialEq)]
pub enum HopEvent {
    Referral(ReferralEvent),
    Assignment(AssignmentEvent),
    Custody(CustodyEvent),
}

impl HopEvent {
    /// The hop it is about; none for custody that no hop moved.
    pub fn hop(&self) -> Option<ReferralId> {
        match self {
            Self::Referral(event) => Some(event.hop()),
            Self::Assignment(event) => Some(event.hop()),
            Self::Custody(event) => event.hop(),
        }
    }

    /// Adds it to the state of its hop, for a reader of all the logs: what one log only noted of
    /// another adds nothing.
    pub fn tell(&self, view: &mut HopView) {
        match self {
            Self::Referral(event) => {
                if let Some(moved) = event.moved() {
                    view.sent(moved);
                }
            }
            Self::Assignment(event) => {
                if let Some(moved) = event.moved() {
                    view.received(moved);
                }
            }
            Self::Custody(CustodyEvent::CustodyReleased { .. }) => view.ruled(Ruling::Released),
            Self::Custody(CustodyEvent::AcceptanceVoided { because, .. }) => {
                view.ruled(Ruling::Voided(*because));
            }
            Self::Custody(_) => {}
        }
    }
}

/// An event of a region's referral log, as a follower sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Whose log it stands in.
    pub region: Region,
    pub case: CaseId,
    /// Its version in its stream.
    pub version: Version,
    pub event: HopEvent,
}

impl Seen {
    /// `None` for what is no event of a hop or of custody, such as log-keeping.
    ///
    /// # Errors
    /// [`UnknownEvent`] if it is one that this program does not know.
    pub fn read(recorded: &Recorded) -> Result<Option<Self>, UnknownEvent> {
        let envelope = &recorded.envelope;
        let event = match envelope.subject.kind.as_str() {
            Referral::KIND => HopEvent::Referral(decode::<Referral>(envelope)?),
            Assignment::KIND => HopEvent::Assignment(decode::<Assignment>(envelope)?),
            Custody::KIND => HopEvent::Custody(decode::<Custody>(envelope)?),
            _ => return Ok(None),
        };
        Ok(envelope.caseid.map(|case| Self {
            region: envelope.region,
            case: CaseId(case),
            version: envelope.version,
            event,
        }))
    }
}

/// A command that follows from an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Reaction {
    Referral(ReferralId, ReferralCommand),
    Assignment(AssignmentId, AssignmentCommand),
    Custody(CustodyId, CustodyCommand),
}

impl From<Reaction> for Step {
    fn from(reaction: Reaction) -> Self {
        match reaction {
            Reaction::Referral(id, command) => Self::of::<Referral>(id.0, command),
            Reaction::Assignment(id, command) => Self::of::<Assignment>(id.0, command),
            Reaction::Custody(id, command) => Self::of::<Custody>(id.0, command),
        }
    }
}

/// What a receiver in region `here` must know: the sender's moves, in order, and the rulings.
pub fn tell_receiver(seen: &Seen, here: Region) -> Option<Reaction> {
    let version = seen.version;
    let noted = |moved| AssignmentCommand::NoteSenderMove { moved, version };
    let (hop, to, command) = match &seen.event {
        HopEvent::Referral(event) => match event {
            ReferralEvent::Dispatched(dispatch) => (
                dispatch.hop,
                dispatch.terms.to,
                AssignmentCommand::Assign(dispatch.clone()),
            ),
            ReferralEvent::InformationSupplied {
                hop,
                to,
                answer,
                question,
            } => (
                *hop,
                *to,
                AssignmentCommand::NoteInformation {
                    answer: answer.clone(),
                    question: *question,
                    version,
                },
            ),
            ReferralEvent::DutyOfficerAlarmed { hop, to, due_at } => {
                let due_at = *due_at;
                (*hop, *to, noted(SenderMove::Alarmed { due_at }))
            }
            ReferralEvent::Cancelled {
                hop,
                to,
                tenure: Some(_),
                ..
            } => (*hop, *to, noted(SenderMove::Cancelled)),
            ReferralEvent::CancellationRequested { hop, to, .. } => {
                (*hop, *to, noted(SenderMove::CancellationRequested))
            }
            ReferralEvent::Returned { hop, to, .. } => (*hop, *to, noted(SenderMove::ReturnUpheld)),
            ReferralEvent::Expired { hop, to, .. } => (*hop, *to, noted(SenderMove::Expired)),
            ReferralEvent::Drafted(_)
            | ReferralEvent::Submitted { .. }
            | ReferralEvent::SubmissionRefused { .. }
            // Never dispatched: the receiver does not know of it.
            | ReferralEvent::Cancelled { tenure: None, .. }
            | ReferralEvent::ReceiverMoveNoted { .. }
            | ReferralEvent::RulingNoted { .. } => return None,
        },
        HopEvent::Custody(CustodyEvent::CustodyReleased { hop, to, .. }) => {
            (*hop, *to, AssignmentCommand::NoteRelease)
        }
        HopEvent::Custody(CustodyEvent::AcceptanceVoided { hop, unit, because }) => {
            let because = *because;
            (*hop, *unit, AssignmentCommand::Void { because })
        }
        HopEvent::Custody(_) | HopEvent::Assignment(_) => return None,
    };
    (to.region() == here).then(|| Reaction::Assignment(hop.at(here), command))
}

/// What a sender in region `here` must know: the receiver's moves, in order, and the rulings.
pub fn tell_sender(seen: &Seen, here: Region) -> Option<Reaction> {
    let (hop, command) = match &seen.event {
        HopEvent::Assignment(event) => (
            event.hop(),
            ReferralCommand::NoteReceiverMove {
                moved: event.moved()?,
                version: seen.version,
            },
        ),
        HopEvent::Custody(CustodyEvent::CustodyReleased { hop, .. }) => {
            let ruling = Ruling::Released;
            (*hop, ReferralCommand::NoteRuling { ruling })
        }
        HopEvent::Custody(CustodyEvent::AcceptanceVoided { hop, because, .. }) => {
            let ruling = Ruling::Voided(*because);
            (*hop, ReferralCommand::NoteRuling { ruling })
        }
        HopEvent::Custody(_) | HopEvent::Referral(_) => return None,
    };
    (hop.region() == here).then_some(Reaction::Referral(hop, command))
}

/// What custody in region `here` must know.
pub fn keep_custody(seen: &Seen, here: Region) -> Option<Reaction> {
    let command = match &seen.event {
        HopEvent::Assignment(AssignmentEvent::Accepted(acceptance))
            if acceptance.tenure.custodian.region() == here =>
        {
            CustodyCommand::NoteAcceptance(Claim {
                hop: acceptance.hop,
                unit: acceptance.unit,
                tenure: acceptance.tenure,
            })
        }
        HopEvent::Referral(ReferralEvent::Cancelled {
            hop,
            tenure: Some(tenure),
            custody_told: false,
            ..
        }) if tenure.custodian.region() == here => CustodyCommand::NoteCancellation { hop: *hop },
        HopEvent::Custody(CustodyEvent::CustodyReleased {
            from,
            to,
            hop,
            epoch,
            ..
        }) if to.region() == here => CustodyCommand::Take {
            from: *from,
            to: *to,
            hop: *hop,
            epoch: *epoch,
        },
        HopEvent::Custody(CustodyEvent::AcceptanceVoided { hop, unit, .. })
            if unit.region() == here =>
        {
            CustodyCommand::NoteLapse { hop: *hop }
        }
        _ => return None,
    };
    Some(Reaction::Custody(seen.case.custody_in(here), command))
}

/// Hops of this region that are no longer wanted because of what became of another.
pub fn withdraw(seen: &Seen, here: Region) -> Option<Reaction> {
    let (unwanted, because) = match &seen.event {
        HopEvent::Referral(ReferralEvent::ReceiverMoveNoted { withdraw, .. }) => {
            (*withdraw, WithdrawalReason::ParentCancelled)
        }
        HopEvent::Assignment(AssignmentEvent::SenderMoveNoted {
            withdraw, moved, ..
        }) => match moved {
            SenderMove::Expired => (*withdraw, WithdrawalReason::ParentExpired),
            _ => (*withdraw, WithdrawalReason::ParentCancelled),
        },
        _ => return None,
    };
    let hop = unwanted.filter(|_| seen.region == here)?;
    Some(Reaction::Referral(
        hop,
        ReferralCommand::Withdraw { because },
    ))
}

/// What the system does with a hop that was not answered in time: both commands in one append.
///
/// `to` is the desk above the receiver, and `above` the one above that: who gets the new hop if it
/// is not answered either. Where there is none, or the sender itself is that desk, nobody else can
/// be asked: the receiver's duty officer is alarmed, and the hop stays listed with both.
pub fn expire(
    sent: &Dispatch,
    to: Option<Party>,
    above: Option<Party>,
    rules: &Arc<RuleSet>,
) -> Vec<Reaction> {
    let sender = sent.terms.from.organization;
    let Some(to) = to.filter(|to| to.organization != sender) else {
        let alarm = ReferralCommand::Expire { escalated: None };
        return vec![Reaction::Referral(sent.hop, alarm)];
    };
    let escalated = escalation_of(sent.hop);
    let draft = Draft {
        hop: escalated,
        terms: Terms {
            to,
            relay: Some(to),
            kind: HopKind::Escalation { of: sent.hop },
            ..sent.terms.clone()
        },
        tenure: Some(sent.tenure),
    };
    let expire = ReferralCommand::Expire {
        escalated: Some(escalated),
    };
    let escalate = ReferralCommand::Escalate {
        draft: Box::new(draft),
        submission: sent.submission.clone(),
        escalate_to: above,
        rules: rules.clone(),
    };
    vec![
        Reaction::Referral(sent.hop, expire),
        Reaction::Referral(escalated, escalate),
    ]
}

/// A hop is escalated once: the id of the new hop follows from it.
pub fn escalation_of(hop: ReferralId) -> ReferralId {
    ReferralId::new(hop.region(), Uuid::new_v5(&hop.0.uuid, b"escalation"))
}
