//! Referral: a hop at its sender. Draft, approval and dispatch; withdrawal, return and expiry.

mod decisions;
mod rejection;
mod stage;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use eventsourcing::{Aggregate, Fact, Occasion, Version};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::CONTEXT;
use super::basis::{Consent, Submission};
use super::hop_view::HopView;
use super::moves::{ReceiverMove, Ruling, SenderMove};
use super::roles::places_in;
use super::terms::{CancellationReason, Dispatch, Draft, Tenure, Terms};
use super::transitions::{TABLE, TransitionTable};
use super::words::{HopCommand, HopRole, WithdrawalReason};
use crate::directory::RuleSet;
use crate::ids::{ReferralId, WorkerId};
use crate::sealed::{Sealed, Text};
use crate::values::Party;
pub use rejection::ReferralRejection;
use stage::Stage;

#[derive(Debug, Clone, PartialEq)]
pub enum ReferralCommand {
    Draft(Box<Draft>),
    Submit(Submission),
    RefuseSubmission {
        reason: Sealed<Text>,
    },
    Dispatch {
        /// What this region's custody of the case says, for a hop whose draft does not say whose
        /// custody it asks for.
        tenure: Option<Tenure>,
        /// What the ledger says now: it may have been withdrawn since the submission.
        consents: Vec<Consent>,
        escalate_to: Option<Party>,
        rules: Arc<RuleSet>,
    },
    Escalate {
        draft: Box<Draft>,
        submission: Submission,
        escalate_to: Option<Party>,
        rules: Arc<RuleSet>,
    },
    Cancel {
        reason: Sealed<Text>,
        /// The custody of the case takes note in the same append.
        custody_told: bool,
    },
    RequestCancellation {
        reason: Sealed<Text>,
    },
    SupplyInformation {
        answer: Sealed<Text>,
    },
    UpholdReturn {
        note: Option<Sealed<Text>>,
    },
    /// By the system, with the hop that it makes in the same append; none at the top.
    Expire {
        escalated: Option<ReferralId>,
    },
    Withdraw {
        because: WithdrawalReason,
    },
    /// `version` is that of the receiver's stream: each move is noted once, in order.
    NoteReceiverMove {
        moved: ReceiverMove,
        version: Version,
    },
    NoteRuling {
        ruling: Ruling,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ReferralEvent {
    Drafted(Box<Draft>),
    Submitted {
        hop: ReferralId,
        by: WorkerId,
        #[serde(flatten)]
        submission: Submission,
    },
    SubmissionRefused {
        hop: ReferralId,
        reason: Sealed<Text>,
    },
    Dispatched(Box<Dispatch>),
    Cancelled {
        hop: ReferralId,
        to: Party,
        reason: CancellationReason,
        /// Whose custody it had asked for; none if it was never dispatched.
        tenure: Option<Tenure>,
        custody_told: bool,
    },
    CancellationRequested {
        hop: ReferralId,
        to: Party,
        reason: CancellationReason,
    },
    InformationSupplied {
        hop: ReferralId,
        to: Party,
        answer: Sealed<Text>,
        /// How many questions it answers: all that the sender knew of.
        question: u32,
    },
    Returned {
        hop: ReferralId,
        to: Party,
        note: Option<Sealed<Text>>,
    },
    Expired {
        hop: ReferralId,
        to: Party,
        due_at: Timestamp,
        escalated: ReferralId,
    },
    /// Nobody is above the receiver: its duty officer is alarmed, and the hop stays where it is.
    DutyOfficerAlarmed {
        hop: ReferralId,
        to: Party,
        due_at: Timestamp,
    },
    ReceiverMoveNoted {
        hop: ReferralId,
        moved: ReceiverMove,
        version: Version,
        /// An escalated hop that is no longer wanted because of it.
        withdraw: Option<ReferralId>,
    },
    RulingNoted {
        hop: ReferralId,
        ruling: Ruling,
    },
}

impl ReferralCommand {
    /// Its rows in the table; none for taking note of what other logs have recorded.
    pub fn kind(&self) -> Option<HopCommand> {
        match self {
            Self::Draft(_) => Some(HopCommand::Draft),
            Self::Submit(_) => Some(HopCommand::Submit),
            Self::RefuseSubmission { .. } => Some(HopCommand::RefuseSubmission),
            Self::Dispatch { .. } => Some(HopCommand::Dispatch),
            Self::Escalate { .. } => Some(HopCommand::Escalate),
            Self::Cancel { .. } => Some(HopCommand::Cancel),
            Self::RequestCancellation { .. } => Some(HopCommand::RequestCancellation),
            Self::SupplyInformation { .. } => Some(HopCommand::SupplyInformation),
            Self::UpholdReturn { .. } => Some(HopCommand::UpholdReturn),
            Self::Expire { .. } => Some(HopCommand::Expire),
            Self::Withdraw {
                because: WithdrawalReason::CustodyGone,
            } => Some(HopCommand::Lapse),
            Self::Withdraw { .. } => Some(HopCommand::Withdraw),
            Self::NoteReceiverMove { .. } | Self::NoteRuling { .. } => None,
        }
    }

    /// The terms of a hop that begins with this command.
    fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Draft(draft) | Self::Escalate { draft, .. } => Some(&draft.terms),
            _ => None,
        }
    }
}

impl Fact for ReferralEvent {
    fn rules_version(&self) -> Option<&str> {
        match self {
            Self::Dispatched(dispatch) => Some(&dispatch.rules_version),
            _ => None,
        }
    }
}

impl ReferralEvent {
    pub fn hop(&self) -> ReferralId {
        match self {
            Self::Drafted(draft) => draft.hop,
            Self::Dispatched(dispatch) => dispatch.hop,
            Self::Submitted { hop, .. }
            | Self::SubmissionRefused { hop, .. }
            | Self::Cancelled { hop, .. }
            | Self::CancellationRequested { hop, .. }
            | Self::InformationSupplied { hop, .. }
            | Self::Returned { hop, .. }
            | Self::Expired { hop, .. }
            | Self::DutyOfficerAlarmed { hop, .. }
            | Self::ReceiverMoveNoted { hop, .. }
            | Self::RulingNoted { hop, .. } => *hop,
        }
    }

    /// The sender's own move, if it is one.
    pub fn moved(&self) -> Option<SenderMove> {
        match self {
            Self::Drafted(_) => Some(SenderMove::Drafted),
            Self::Submitted { .. } => Some(SenderMove::Submitted),
            Self::SubmissionRefused { .. } => Some(SenderMove::SubmissionRefused),
            Self::Dispatched(dispatch) => Some(SenderMove::Dispatched {
                answer_due_at: dispatch.answer_due_at,
            }),
            Self::Cancelled { .. } => Some(SenderMove::Cancelled),
            Self::CancellationRequested { .. } => Some(SenderMove::CancellationRequested),
            Self::InformationSupplied { question, .. } => Some(SenderMove::InformationSupplied {
                question: *question,
            }),
            Self::Returned { .. } => Some(SenderMove::ReturnUpheld),
            Self::Expired { .. } => Some(SenderMove::Expired),
            Self::DutyOfficerAlarmed { due_at, .. } => {
                Some(SenderMove::Alarmed { due_at: *due_at })
            }
            Self::ReceiverMoveNoted { .. } | Self::RulingNoted { .. } => None,
        }
    }
}

/// A hop as its sender knows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Referral {
    view: HopView,
    stage: Stage,
    escalated: Option<ReferralId>,
    /// How much of the receiver's stream has been noted.
    noted: Version,
}

impl Aggregate for Referral {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "referral";
    type Command = ReferralCommand;
    type Event = ReferralEvent;
    type Rejection = ReferralRejection;

    fn decide(
        &self,
        command: &ReferralCommand,
        on: &Occasion,
    ) -> Result<Vec<ReferralEvent>, ReferralRejection> {
        self.decide_by(TABLE, command, on)
    }

    fn evolve(&mut self, event: &ReferralEvent) {
        if let Some(moved) = event.moved() {
            self.view.sent(moved);
        }
        match event {
            ReferralEvent::Drafted(draft) => self.stage = Stage::Drafted(draft.clone()),
            ReferralEvent::Submitted { by, submission, .. } => {
                self.stage.submitted(*by, submission);
            }
            ReferralEvent::SubmissionRefused { .. } => self.stage.refused(),
            ReferralEvent::Dispatched(dispatch) => {
                self.stage = Stage::Dispatched(dispatch.clone());
            }
            ReferralEvent::Expired { escalated, .. } => self.escalated = Some(*escalated),
            ReferralEvent::ReceiverMoveNoted { moved, version, .. } => {
                self.view.received(*moved);
                self.noted = *version;
            }
            ReferralEvent::RulingNoted { ruling, .. } => self.view.ruled(*ruling),
            ReferralEvent::Cancelled { .. }
            | ReferralEvent::CancellationRequested { .. }
            | ReferralEvent::InformationSupplied { .. }
            | ReferralEvent::DutyOfficerAlarmed { .. }
            | ReferralEvent::Returned { .. } => {}
        }
    }
}

impl Referral {
    /// The state and the due times, as known here.
    pub fn view(&self) -> &HopView {
        &self.view
    }

    /// None before the draft.
    pub fn terms(&self) -> Option<&Terms> {
        self.stage.terms()
    }

    /// None until it is dispatched.
    pub fn dispatch(&self) -> Option<&Dispatch> {
        self.stage.dispatch()
    }

    /// On what it is sent, from its submission on.
    pub fn submission(&self) -> Option<&Submission> {
        self.stage.submission()
    }

    /// The hop that the system made when this one expired.
    pub fn escalated(&self) -> Option<ReferralId> {
        self.escalated
    }

    /// When the system acts on it: once for each due time that passes.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.view.due_at().filter(|_| !self.view.alarmed())
    }

    /// [`Aggregate::decide`] by any table.
    pub(super) fn decide_by(
        &self,
        table: TransitionTable<'_>,
        command: &ReferralCommand,
        on: &Occasion,
    ) -> Result<Vec<ReferralEvent>, ReferralRejection> {
        let roles = places_in(&on.actor, command.terms().or(self.terms()));
        match command.kind() {
            Some(kind) => drop(table.allow(self.view.state(), kind, &roles)?),
            None if roles != [HopRole::System] => return Err(ReferralRejection::NotSystem),
            None => {}
        }
        let event = match command {
            ReferralCommand::Draft(draft) => ReferralEvent::Drafted(draft.clone()),
            ReferralCommand::Escalate {
                draft,
                submission,
                escalate_to,
                rules,
            } => return decisions::escalate(draft, submission, *escalate_to, rules, on),
            ReferralCommand::Submit(submission) => self.submit(submission, on)?,
            ReferralCommand::RefuseSubmission { reason } => ReferralEvent::SubmissionRefused {
                hop: self.drafted()?.hop,
                reason: reason.clone(),
            },
            ReferralCommand::Dispatch {
                tenure,
                consents,
                escalate_to,
                rules,
            } => self.send(*tenure, consents, *escalate_to, rules, on)?,
            ReferralCommand::Cancel {
                reason,
                custody_told,
            } => self.cancel(CancellationReason::Stated(reason.clone()), *custody_told)?,
            ReferralCommand::RequestCancellation { reason } => {
                self.request_cancellation(CancellationReason::Stated(reason.clone()))?
            }
            ReferralCommand::SupplyInformation { answer } => self.supply(answer)?,
            ReferralCommand::UpholdReturn { note } => self.uphold_return(note.as_ref())?,
            ReferralCommand::Expire { escalated } => self.expire(*escalated, on)?,
            ReferralCommand::Withdraw { because } => self.withdraw(*because)?,
            ReferralCommand::NoteReceiverMove { moved, version } => {
                self.note_move(*moved, *version)?
            }
            ReferralCommand::NoteRuling { ruling } => self.note_ruling(*ruling)?,
        };
        Ok(vec![event])
    }
}
