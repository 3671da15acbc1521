//! The state of one hop, folded from what its sender, its receiver and the custodian did.
//!
//! Each side keeps one: its own moves as it makes them, the others' as it hears of them. Moves of
//! one side come in order, those of different sides in any. The state depends only on what has been
//! heard, so two sides that have heard everything agree, whichever way their moves crossed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::moves::{ReceiverMove, Ruling, SenderMove};
use super::words::HopState;
use crate::ids::ReferralId;

/// One hop as far as it is known at one place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HopView {
    sender: SenderSide,
    receiver: ReceiverSide,
    /// The receiver accepted, whatever came after.
    accepted: bool,
    ruling: Option<Ruling>,
    /// How far the hop is that this one was sent on by.
    onward: Onward,
    questions: u32,
    /// How many of them have been answered: each answer says how many it knew of.
    answered: u32,
    cancellations_requested: u32,
    cancellations_declined: u32,
    due_at: Option<Timestamp>,
    /// The due time whose passing the receiver's duty officer was told of.
    alarmed_for: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum SenderSide {
    #[default]
    Nothing,
    Draft,
    Submitted,
    Dispatched,
    Cancelled,
    Returned,
    Expired,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum ReceiverSide {
    #[default]
    Nothing,
    Received,
    InfoRequested,
    ReturnProposed,
    Accepted,
    InProgress,
    ReferredOnward(ReferralId),
    Cancelled,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Onward {
    /// It is not dispatched yet.
    #[default]
    Waiting,
    UnderWay,
    /// It came to nothing.
    Ended,
}

impl HopView {
    /// The sender moved.
    pub fn sent(&mut self, moved: SenderMove) {
        match moved {
            SenderMove::Drafted | SenderMove::SubmissionRefused => self.sender = SenderSide::Draft,
            SenderMove::Submitted => self.sender = SenderSide::Submitted,
            SenderMove::Dispatched { answer_due_at } => {
                self.sender = SenderSide::Dispatched;
                self.due_at = self.due_at.or(Some(answer_due_at));
            }
            SenderMove::InformationSupplied { question } => {
                self.answered = self.answered.max(question);
            }
            SenderMove::CancellationRequested => self.cancellations_requested += 1,
            SenderMove::Cancelled => self.sender = SenderSide::Cancelled,
            SenderMove::ReturnUpheld => self.sender = SenderSide::Returned,
            SenderMove::Expired => self.sender = SenderSide::Expired,
            SenderMove::Alarmed { due_at } => self.alarmed_for = Some(due_at),
        }
    }

    /// The receiver moved.
    pub fn received(&mut self, moved: ReceiverMove) {
        match moved {
            ReceiverMove::Received => self.receiver = ReceiverSide::Received,
            ReceiverMove::InformationRequested { answer_due_at } => {
                self.receiver = ReceiverSide::InfoRequested;
                self.questions += 1;
                self.due_at = Some(answer_due_at);
            }
            ReceiverMove::InformationArrived {
                question,
                answer_due_at,
            } => {
                // An answer to an earlier question leaves the last one open.
                if question >= self.questions {
                    self.end_question();
                }
                self.due_at = Some(answer_due_at);
            }
            ReceiverMove::PauseEnded => self.end_question(),
            ReceiverMove::Accepted => {
                self.receiver = ReceiverSide::Accepted;
                self.accepted = true;
            }
            ReceiverMove::WorkStarted => self.receiver = ReceiverSide::InProgress,
            ReceiverMove::ReferredOnward { child } => {
                self.receiver = ReceiverSide::ReferredOnward(child);
                self.onward = Onward::Waiting;
            }
            ReceiverMove::ChildDispatched => self.onward = Onward::UnderWay,
            ReceiverMove::ChildEnded { answer_due_at } => {
                self.onward = Onward::Ended;
                self.due_at = Some(answer_due_at);
            }
            ReceiverMove::ReturnProposed { decision_due_at } => {
                self.receiver = ReceiverSide::ReturnProposed;
                self.due_at = Some(decision_due_at);
            }
            ReceiverMove::CancellationConfirmed => self.receiver = ReceiverSide::Cancelled,
            ReceiverMove::CancellationDeclined => self.cancellations_declined += 1,
        }
    }

    /// The custodian answered the acceptance.
    pub fn ruled(&mut self, ruling: Ruling) {
        self.ruling = Some(ruling);
    }

    fn end_question(&mut self) {
        if self.receiver == ReceiverSide::InfoRequested {
            self.receiver = ReceiverSide::Received;
        }
    }

    /// Where the hop stands; none before its draft.
    pub fn state(&self) -> Option<HopState> {
        if let Some(Ruling::Voided(_)) = self.ruling {
            return Some(HopState::Cancelled);
        }
        // An acceptance stands against whatever crossed it, until the custodian rules.
        if self.accepted {
            return Some(self.at_receiver());
        }
        match (self.sender, self.receiver) {
            (SenderSide::Nothing, _) => None,
            (SenderSide::Draft, _) => Some(HopState::Draft),
            (SenderSide::Submitted, _) => Some(HopState::Submitted),
            // Given up by both, or on its way elsewhere: what crossed it came too late to matter.
            (_, ReceiverSide::Cancelled) | (SenderSide::Dispatched, _) => Some(self.at_receiver()),
            _ if self.child_under_way() => Some(self.at_receiver()),
            (SenderSide::Cancelled, _) => Some(HopState::Cancelled),
            (SenderSide::Returned, _) => Some(HopState::Returned),
            (SenderSide::Expired, _) => Some(HopState::Expired),
        }
    }

    fn at_receiver(&self) -> HopState {
        match self.receiver {
            ReceiverSide::ReferredOnward(_) => HopState::ReferredOnward,
            ReceiverSide::Cancelled => HopState::Cancelled,
            _ if self.cancellations_requested > self.cancellations_declined => {
                HopState::CancellationRequested
            }
            ReceiverSide::Nothing => HopState::Dispatched,
            ReceiverSide::InfoRequested if self.unanswered() => HopState::InfoRequested,
            ReceiverSide::Received | ReceiverSide::InfoRequested => HopState::Received,
            ReceiverSide::ReturnProposed => HopState::ReturnProposed,
            ReceiverSide::Accepted => HopState::Accepted,
            ReceiverSide::InProgress => HopState::InProgress,
        }
    }

    /// When the next answer is due: the receiver's, the decision on a return, or the next unit to
    /// send it on to. None if none is.
    pub fn due_at(&self) -> Option<Timestamp> {
        let awaited = match self.state() {
            Some(
                HopState::Dispatched
                | HopState::Received
                | HopState::InfoRequested
                | HopState::ReturnProposed
                | HopState::CancellationRequested,
            ) => true,
            Some(HopState::ReferredOnward) => !self.child_under_way(),
            _ => false,
        };
        self.due_at.filter(|_| awaited && !self.accepted)
    }

    /// The last due time that was set, awaited or not.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.due_at
    }

    pub fn accepted(&self) -> bool {
        self.accepted
    }

    /// What the custodian answered to the acceptance; while accepted and none, custody is pending.
    pub fn ruling(&self) -> Option<Ruling> {
        self.ruling
    }

    /// The hop that carries the request on, if the receiver sent it on.
    pub fn child(&self) -> Option<ReferralId> {
        match self.receiver {
            ReceiverSide::ReferredOnward(child) => Some(child),
            _ => None,
        }
    }

    /// Whether it was sent on by a hop that has been dispatched and has not come to nothing.
    pub fn child_under_way(&self) -> bool {
        self.child().is_some() && self.onward == Onward::UnderWay
    }

    /// Whether the hop that it was sent on by came to nothing.
    pub fn child_ended(&self) -> bool {
        self.child().is_some() && self.onward == Onward::Ended
    }

    /// How many questions the receiver has asked.
    pub fn questions(&self) -> u32 {
        self.questions
    }

    /// Whether the last question has no answer, awaited or not.
    pub fn unanswered(&self) -> bool {
        self.answered < self.questions
    }

    /// Whether the receiver's duty officer knows that what is due now is late.
    pub fn alarmed(&self) -> bool {
        self.due_at()
            .is_some_and(|due| self.alarmed_for == Some(due))
    }
}
