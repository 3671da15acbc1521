//! Assignment 承办: a hop at its receiver, made from the sender's dispatch.

mod decisions;
mod rejection;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use eventsourcing::{Aggregate, Fact, Occasion, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CONTEXT;
use super::hop_view::HopView;
use super::moves::{ReceiverMove, Ruling, SenderMove};
use super::roles::places_in;
use super::terms::{Dispatch, Tenure, Terms};
use super::transitions::{TABLE, TransitionTable};
use super::words::{HopCommand, HopRole, HopState, ReturnCode, VoidReason};
use crate::directory::RuleSet;
use crate::ids::{ReferralId, WorkerId};
use crate::sealed::{Sealed, Text};
use crate::values::{CaseType, Party, RiskLevel};
pub use rejection::AssignmentRejection;

#[derive(Debug, Clone, PartialEq)]
pub enum AssignmentCommand {
    /// By the system, when the sender's dispatch is seen.
    Assign(Box<Dispatch>),
    Receive,
    RequestInformation {
        question: Sealed<Text>,
        rules: Arc<RuleSet>,
    },
    /// By the system: the information has not come in time.
    EndPause,
    Accept,
    /// The draft of the child hop is made in the same append.
    ReferOnward {
        child: ReferralId,
        to: Party,
        /// Whose custody the child asks for; as [`Assignment::onward_tenure`] says.
        tenure: Tenure,
        /// Where the hop that this one was sent on by stands, if it was sent on before.
        earlier_child: Option<HopState>,
        reason: Sealed<Text>,
    },
    ProposeReturn {
        code: ReturnCode,
        evidence: Sealed<Text>,
        rules: Arc<RuleSet>,
    },
    ConfirmCancellation,
    DeclineCancellation {
        reason: Sealed<Text>,
    },
    StartWork,
    /// `version` is that of the sender's stream: each move is noted once, in order.
    NoteSenderMove {
        moved: SenderMove,
        version: Version,
    },
    NoteInformation {
        answer: Sealed<Text>,
        /// How many questions it answers.
        question: u32,
        version: Version,
    },
    /// The hop that this one was sent on by was dispatched, or (`ended`) came to nothing.
    NoteChild {
        child: ReferralId,
        ended: bool,
        rules: Arc<RuleSet>,
    },
    NoteRelease,
    Void {
        because: VoidReason,
    },
}

/// An acceptance, with all that others act on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acceptance {
    pub hop: ReferralId,
    pub unit: Party,
    pub by: WorkerId,
    pub from: Party,
    pub origin: Party,
    pub relay: Option<Party>,
    pub case_type: CaseType,
    pub risk: RiskLevel,
    pub tenure: Tenure,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum AssignmentEvent {
    Assigned(Box<Dispatch>),
    Received {
        hop: ReferralId,
    },
    InformationRequested {
        hop: ReferralId,
        question: Sealed<Text>,
        /// Until when the clock stands still; none: it runs on.
        paused_until: Option<Timestamp>,
        answer_due_at: Timestamp,
        rules_version: String,
    },
    InformationArrived {
        hop: ReferralId,
        answer: Sealed<Text>,
        question: u32,
        answer_due_at: Timestamp,
        version: Version,
    },
    PauseEnded {
        hop: ReferralId,
    },
    Accepted(Box<Acceptance>),
    AcceptRepeated {
        hop: ReferralId,
        by: WorkerId,
    },
    ReferredOnward {
        hop: ReferralId,
        child: ReferralId,
        to: Party,
        reason: Sealed<Text>,
    },
    ChildDispatched {
        hop: ReferralId,
        child: ReferralId,
    },
    /// The case is here again: to be sent on to somebody else, or answered.
    ChildEnded {
        hop: ReferralId,
        child: ReferralId,
        answer_due_at: Timestamp,
        rules_version: String,
    },
    ReturnProposed {
        hop: ReferralId,
        code: ReturnCode,
        evidence: Sealed<Text>,
        decision_due_at: Timestamp,
        rules_version: String,
    },
    CancellationConfirmed {
        hop: ReferralId,
    },
    CancellationDeclined {
        hop: ReferralId,
        reason: Sealed<Text>,
    },
    WorkStarted {
        hop: ReferralId,
    },
    SenderMoveNoted {
        hop: ReferralId,
        moved: SenderMove,
        version: Version,
        /// The hop that this one was sent on by, where it is no longer wanted because of it.
        withdraw: Option<ReferralId>,
    },
    CustodyConfirmed {
        hop: ReferralId,
    },
    AcceptanceLapsed {
        hop: ReferralId,
        because: VoidReason,
    },
}

impl AssignmentCommand {
    /// Its rows in the table; none for taking note of what other logs have recorded.
    pub fn kind(&self) -> Option<HopCommand> {
        match self {
            Self::Receive => Some(HopCommand::Receive),
            Self::RequestInformation { .. } => Some(HopCommand::RequestInformation),
            Self::EndPause => Some(HopCommand::EndPause),
            Self::Accept => Some(HopCommand::Accept),
            Self::ReferOnward { .. } => Some(HopCommand::ReferOnward),
            Self::ProposeReturn { .. } => Some(HopCommand::ProposeReturn),
            Self::ConfirmCancellation => Some(HopCommand::ConfirmCancellation),
            Self::DeclineCancellation { .. } => Some(HopCommand::DeclineCancellation),
            Self::StartWork => Some(HopCommand::StartWork),
            Self::Void { .. } => Some(HopCommand::Void),
            Self::Assign(_)
            | Self::NoteSenderMove { .. }
            | Self::NoteInformation { .. }
            | Self::NoteChild { .. }
            | Self::NoteRelease => None,
        }
    }
}

impl Fact for AssignmentEvent {
    fn rules_version(&self) -> Option<&str> {
        match self {
            Self::Assigned(dispatch) => Some(&dispatch.rules_version),
            Self::InformationRequested { rules_version, .. }
            | Self::ChildEnded { rules_version, .. }
            | Self::ReturnProposed { rules_version, .. } => Some(rules_version),
            _ => None,
        }
    }
}

impl AssignmentEvent {
    pub fn hop(&self) -> ReferralId {
        match self {
            Self::Assigned(dispatch) => dispatch.hop,
            Self::Accepted(acceptance) => acceptance.hop,
            Self::Received { hop }
            | Self::InformationRequested { hop, .. }
            | Self::InformationArrived { hop, .. }
            | Self::PauseEnded { hop }
            | Self::ReferredOnward { hop, .. }
            | Self::ChildDispatched { hop, .. }
            | Self::ChildEnded { hop, .. }
            | Self::ReturnProposed { hop, .. }
            | Self::CancellationConfirmed { hop }
            | Self::CancellationDeclined { hop, .. }
            | Self::WorkStarted { hop }
            | Self::SenderMoveNoted { hop, .. }
            | Self::CustodyConfirmed { hop }
            | Self::AcceptanceLapsed { hop, .. }
            | Self::AcceptRepeated { hop, .. } => *hop,
        }
    }

    /// The receiver's own move, if it is one.
    pub fn moved(&self) -> Option<ReceiverMove> {
        match self {
            Self::Received { .. } => Some(ReceiverMove::Received),
            Self::InformationRequested { answer_due_at, .. } => {
                Some(ReceiverMove::InformationRequested {
                    answer_due_at: *answer_due_at,
                })
            }
            Self::InformationArrived {
                question,
                answer_due_at,
                ..
            } => Some(ReceiverMove::InformationArrived {
                question: *question,
                answer_due_at: *answer_due_at,
            }),
            Self::PauseEnded { .. } => Some(ReceiverMove::PauseEnded),
            Self::Accepted(_) => Some(ReceiverMove::Accepted),
            Self::ReferredOnward { child, .. } => {
                Some(ReceiverMove::ReferredOnward { child: *child })
            }
            Self::ChildDispatched { .. } => Some(ReceiverMove::ChildDispatched),
            Self::ChildEnded { answer_due_at, .. } => Some(ReceiverMove::ChildEnded {
                answer_due_at: *answer_due_at,
            }),
            Self::ReturnProposed {
                decision_due_at, ..
            } => Some(ReceiverMove::ReturnProposed {
                decision_due_at: *decision_due_at,
            }),
            Self::CancellationConfirmed { .. } => Some(ReceiverMove::CancellationConfirmed),
            Self::CancellationDeclined { .. } => Some(ReceiverMove::CancellationDeclined),
            Self::WorkStarted { .. } => Some(ReceiverMove::WorkStarted),
            Self::Assigned(_)
            | Self::AcceptRepeated { .. }
            | Self::SenderMoveNoted { .. }
            | Self::CustodyConfirmed { .. }
            | Self::AcceptanceLapsed { .. } => None,
        }
    }
}

/// A hop as its receiver knows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    view: HopView,
    dispatch: Option<Box<Dispatch>>,
    accepted_by: Option<WorkerId>,
    paused_until: Option<Timestamp>,
    /// The clock stops once.
    has_paused: bool,
    /// How much of the sender's stream has been noted.
    noted: Version,
}

impl Aggregate for Assignment {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "assignment";
    type Command = AssignmentCommand;
    type Event = AssignmentEvent;
    type Rejection = AssignmentRejection;

    fn decide(
        &self,
        command: &AssignmentCommand,
        on: &Occasion,
    ) -> Result<Vec<AssignmentEvent>, AssignmentRejection> {
        self.decide_by(TABLE, command, on)
    }

    fn evolve(&mut self, event: &AssignmentEvent) {
        if let Some(moved) = event.moved() {
            self.view.received(moved);
        }
        match event {
            AssignmentEvent::Assigned(dispatch) => {
                let answer_due_at = dispatch.answer_due_at;
                self.view.sent(SenderMove::Dispatched { answer_due_at });
                self.dispatch = Some(dispatch.clone());
            }
            AssignmentEvent::InformationRequested { paused_until, .. } => {
                self.paused_until = *paused_until;
                self.has_paused |= paused_until.is_some();
            }
            AssignmentEvent::InformationArrived {
                question, version, ..
            } => {
                let question = *question;
                self.view.sent(SenderMove::InformationSupplied { question });
                if question >= self.view.questions() {
                    self.paused_until = None;
                }
                self.noted = *version;
            }
            // The question is over: what comes now changes no due time.
            AssignmentEvent::PauseEnded { .. } | AssignmentEvent::ReturnProposed { .. } => {
                self.paused_until = None;
            }
            AssignmentEvent::Accepted(acceptance) => {
                self.accepted_by = Some(acceptance.by);
                self.paused_until = None;
            }
            AssignmentEvent::SenderMoveNoted { moved, version, .. } => {
                self.view.sent(*moved);
                self.noted = *version;
            }
            AssignmentEvent::CustodyConfirmed { .. } => self.view.ruled(Ruling::Released),
            AssignmentEvent::AcceptanceLapsed { because, .. } => {
                self.view.ruled(Ruling::Voided(*because));
            }
            AssignmentEvent::Received { .. }
            | AssignmentEvent::AcceptRepeated { .. }
            | AssignmentEvent::ReferredOnward { .. }
            | AssignmentEvent::ChildDispatched { .. }
            | AssignmentEvent::ChildEnded { .. }
            | AssignmentEvent::CancellationConfirmed { .. }
            | AssignmentEvent::CancellationDeclined { .. }
            | AssignmentEvent::WorkStarted { .. } => {}
        }
    }
}

impl Assignment {
    /// The state and the due times, as known here.
    pub fn view(&self) -> &HopView {
        &self.view
    }

    /// None until it is assigned.
    pub fn dispatch(&self) -> Option<&Dispatch> {
        self.dispatch.as_deref()
    }

    /// None until it is assigned.
    pub fn terms(&self) -> Option<&Terms> {
        self.dispatch().map(|sent| &sent.terms)
    }

    /// When the clock runs on without the information, while it is awaited.
    pub fn paused_until(&self) -> Option<Timestamp> {
        let awaited = self.view.state() == Some(HopState::InfoRequested);
        self.paused_until.filter(|_| awaited)
    }

    /// The authorised person who accepted.
    pub fn accepted_by(&self) -> Option<WorkerId> {
        self.accepted_by
    }

    /// Whose custody a hop asks for that carries this one on: the receiver's, if it has accepted
    /// (it may hold custody by then, or soon, or never); else the one that was asked of it.
    pub fn onward_tenure(&self) -> Option<Tenure> {
        let dispatch = self.dispatch()?;
        if self.view.accepted() {
            return Some(Tenure {
                custodian: dispatch.terms.to,
                by_hop: Some(dispatch.hop),
            });
        }
        Some(dispatch.tenure)
    }

    /// [`Aggregate::decide`] by any table.
    pub(super) fn decide_by(
        &self,
        table: TransitionTable<'_>,
        command: &AssignmentCommand,
        on: &Occasion,
    ) -> Result<Vec<AssignmentEvent>, AssignmentRejection> {
        let roles = places_in(&on.actor, self.terms());
        match command.kind() {
            Some(kind) => drop(table.allow(self.view.state(), kind, &roles)?),
            None if roles != [HopRole::System] => return Err(AssignmentRejection::NotSystem),
            None => {}
        }
        let Some(dispatch) = self.dispatch() else {
            return match command {
                AssignmentCommand::Assign(sent) => {
                    Ok(vec![AssignmentEvent::Assigned(sent.clone())])
                }
                _ => Err(AssignmentRejection::NotAssigned),
            };
        };
        let hop = dispatch.hop;
        let event = match command {
            AssignmentCommand::Assign(_) => return Err(AssignmentRejection::AlreadyAssigned),
            AssignmentCommand::Receive => AssignmentEvent::Received { hop },
            AssignmentCommand::RequestInformation { question, rules } => {
                self.ask(dispatch, question, rules, on)
            }
            AssignmentCommand::EndPause => self.end_pause(hop, on)?,
            AssignmentCommand::Accept => self.accept(dispatch, on)?,
            AssignmentCommand::ReferOnward {
                child,
                to,
                tenure,
                earlier_child,
                reason,
            } => {
                self.check_onward(*tenure, *earlier_child)?;
                AssignmentEvent::ReferredOnward {
                    hop,
                    child: *child,
                    to: *to,
                    reason: reason.clone(),
                }
            }
            AssignmentCommand::ProposeReturn {
                code,
                evidence,
                rules,
            } => AssignmentEvent::ReturnProposed {
                hop,
                code: *code,
                evidence: evidence.clone(),
                decision_due_at: rules.due(rules.return_decision.of(dispatch.terms.risk), on.now),
                rules_version: rules.version.clone(),
            },
            AssignmentCommand::ConfirmCancellation => {
                AssignmentEvent::CancellationConfirmed { hop }
            }
            AssignmentCommand::DeclineCancellation { reason } => {
                AssignmentEvent::CancellationDeclined {
                    hop,
                    reason: reason.clone(),
                }
            }
            AssignmentCommand::StartWork => AssignmentEvent::WorkStarted { hop },
            AssignmentCommand::NoteSenderMove { moved, version } => {
                self.note_move(hop, *moved, *version)?
            }
            AssignmentCommand::NoteInformation {
                answer,
                question,
                version,
            } => self.note_information(dispatch, answer, *question, *version, on)?,
            AssignmentCommand::NoteChild {
                child,
                ended,
                rules,
            } => self.note_child(dispatch, *child, *ended, rules, on)?,
            AssignmentCommand::NoteRelease => {
                self.check_unruled()?;
                AssignmentEvent::CustodyConfirmed { hop }
            }
            AssignmentCommand::Void { because } => {
                self.check_unruled()?;
                AssignmentEvent::AcceptanceLapsed {
                    hop,
                    because: *because,
                }
            }
        };
        Ok(vec![event])
    }
}
