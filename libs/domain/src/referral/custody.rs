//! Custody 管护责任: the one token of a case, as the log of one region holds it, gives it and gets it.
//!
//! The holder rules on every acceptance that asks for its custody, in the order in which its own
//! log sees things: the first acceptance gets it, unless the hop's cancellation stood there before.
//! Facts of other logs may arrive before the custody that they are about; they wait.

#[cfg(test)]
mod tests;

use eventsourcing::{Actor, Aggregate, Fact, Occasion, Rejection, RejectionKind};
use serde::{Deserialize, Serialize};

use super::CONTEXT;
use super::moves::Ruling;
use super::terms::Tenure;
use super::words::VoidReason;
use crate::ids::ReferralId;
use crate::values::Party;

/// Nobody commands custody as such: it follows from what people do with the hops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CustodyCommand {
    /// The case was opened here.
    Open {
        custodian: Party,
    },
    /// Somebody accepted a hop that asks for custody held here (by now, or soon).
    NoteAcceptance(Claim),
    NoteCancellation {
        hop: ReferralId,
    },
    /// The custodian before released it to a unit here.
    Take {
        from: Party,
        to: Party,
        hop: ReferralId,
        epoch: u64,
    },
    /// An acceptance by a unit here was void: what it sent on asks for custody it never gets.
    NoteLapse {
        hop: ReferralId,
    },
}

/// An acceptance as the custodian sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub hop: ReferralId,
    pub unit: Party,
    /// The custody it asks for.
    pub tenure: Tenure,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CustodyEvent {
    CustodyOpened {
        custodian: Party,
        epoch: u64,
    },
    /// It asks for custody that is not here yet: ruled on when it comes, or lapses.
    AcceptanceNoted(Claim),
    /// From here on `to` is the custodian.
    CustodyReleased {
        from: Party,
        /// The hop by which it had come to `from`; none if `from` opened the case.
        by_hop: Option<ReferralId>,
        to: Party,
        hop: ReferralId,
        epoch: u64,
    },
    CustodyTaken {
        custodian: Party,
        from: Party,
        hop: ReferralId,
        epoch: u64,
    },
    CancellationNoted {
        hop: ReferralId,
    },
    AcceptanceVoided {
        hop: ReferralId,
        unit: Party,
        because: VoidReason,
    },
    TenureLapsed {
        hop: ReferralId,
    },
}

impl Fact for CustodyEvent {}

impl CustodyEvent {
    /// The hop it is about; none for the opening of the case.
    pub fn hop(&self) -> Option<ReferralId> {
        match *self {
            Self::CustodyOpened { .. } => None,
            Self::AcceptanceNoted(Claim { hop, .. })
            | Self::CustodyReleased { hop, .. }
            | Self::CustodyTaken { hop, .. }
            | Self::CancellationNoted { hop }
            | Self::AcceptanceVoided { hop, .. }
            | Self::TenureLapsed { hop } => Some(hop),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CustodyRejection {
    #[error("only the system moves custody")]
    NotSystem,
    #[error("the case was opened here already")]
    AlreadyOpened,
    #[error("this has been noted already")]
    AlreadyNoted,
    #[error("custody was taken by this hop already")]
    AlreadyTaken,
    /// Too late to cancel alone.
    #[error("the acceptance of this hop was honoured already: its cancellation must be requested")]
    AlreadyReleased,
}

impl Rejection for CustodyRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotSystem => RejectionKind::Forbidden,
            Self::AlreadyReleased => RejectionKind::WrongState,
            Self::AlreadyOpened | Self::AlreadyNoted | Self::AlreadyTaken => {
                RejectionKind::AlreadyExists
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotSystem => "SYSTEM_ONLY",
            Self::AlreadyOpened => "CUSTODY_ALREADY_OPENED",
            Self::AlreadyNoted => "ALREADY_NOTED",
            Self::AlreadyTaken => "CUSTODY_ALREADY_TAKEN",
            Self::AlreadyReleased => "CUSTODY_ALREADY_RELEASED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotSystem => "管护责任只能由系统移转",
            Self::AlreadyOpened => "该个案已在本地开案",
            Self::AlreadyNoted => "该事项已登记",
            Self::AlreadyTaken => "已凭该转介环节接收管护责任",
            Self::AlreadyReleased => "该转介环节的受理已生效，须申请撤销",
        }
        .to_owned()
    }
}

/// Custody of one case in one region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Custody {
    held: Option<Held>,
    /// What was held here and has gone on; a case may come back.
    gone: Vec<Gone>,
    /// Acceptances by units here that were void.
    lapsed: Vec<ReferralId>,
    /// In the order in which they were seen.
    waiting: Vec<Claim>,
    cancelled: Vec<ReferralId>,
    ruled: Vec<(ReferralId, Ruling)>,
}

/// Custody that was here, and to whom it went.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gone {
    pub held: Held,
    pub to: Party,
}

/// Custody while it is here: whose, and the how-manieth stretch of the case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub tenure: Tenure,
    pub epoch: u64,
}

impl Aggregate for Custody {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "custody";
    type Command = CustodyCommand;
    type Event = CustodyEvent;
    type Rejection = CustodyRejection;

    fn decide(
        &self,
        command: &CustodyCommand,
        on: &Occasion,
    ) -> Result<Vec<CustodyEvent>, CustodyRejection> {
        match *command {
            // Also by a person: a custodian that cancels its own hop takes note in the same append.
            CustodyCommand::NoteCancellation { hop } => self.note_cancellation(hop),
            _ if !matches!(on.actor, Actor::System { .. }) => Err(CustodyRejection::NotSystem),
            CustodyCommand::Open { custodian } => self.open(custodian),
            CustodyCommand::NoteAcceptance(claim) => self.note_acceptance(claim),
            CustodyCommand::Take {
                from,
                to,
                hop,
                epoch,
            } => self.take(from, to, hop, epoch),
            CustodyCommand::NoteLapse { hop } => self.note_lapse(hop),
        }
    }

    fn evolve(&mut self, event: &CustodyEvent) {
        match *event {
            CustodyEvent::CustodyOpened { custodian, epoch } => {
                let by_hop = None;
                let tenure = Tenure { custodian, by_hop };
                self.held = Some(Held { tenure, epoch });
            }
            CustodyEvent::AcceptanceNoted(claim) => self.waiting.push(claim),
            CustodyEvent::CustodyReleased { hop, to, .. } => {
                let gone = self.held.take().map(|held| Gone { held, to });
                self.gone.extend(gone);
                self.rule(hop, Ruling::Released);
            }
            CustodyEvent::CustodyTaken {
                custodian,
                hop,
                epoch,
                ..
            } => {
                let by_hop = Some(hop);
                let tenure = Tenure { custodian, by_hop };
                self.held = Some(Held { tenure, epoch });
            }
            CustodyEvent::CancellationNoted { hop } => self.cancelled.push(hop),
            CustodyEvent::AcceptanceVoided { hop, because, .. } => {
                self.rule(hop, Ruling::Voided(because));
            }
            CustodyEvent::TenureLapsed { hop } => self.lapsed.push(hop),
        }
    }
}

impl Custody {
    /// Whose custody is here now; none while it is elsewhere.
    pub fn held(&self) -> Option<Held> {
        self.held
    }

    /// What was here before, oldest first.
    pub fn gone(&self) -> &[Gone] {
        &self.gone
    }

    /// How an acceptance was ruled on here, if it was.
    pub fn ruling(&self, hop: ReferralId) -> Option<Ruling> {
        let ruled = self.ruled.iter().find(|(ruled, _)| *ruled == hop);
        ruled.map(|(_, ruling)| *ruling)
    }

    fn open(&self, custodian: Party) -> Result<Vec<CustodyEvent>, CustodyRejection> {
        if self.was_here(None) {
            return Err(CustodyRejection::AlreadyOpened);
        }
        Ok(self.with_rulings(CustodyEvent::CustodyOpened {
            custodian,
            epoch: 1,
        }))
    }

    fn take(
        &self,
        from: Party,
        to: Party,
        hop: ReferralId,
        epoch: u64,
    ) -> Result<Vec<CustodyEvent>, CustodyRejection> {
        if self.was_here(Some(hop)) {
            return Err(CustodyRejection::AlreadyTaken);
        }
        Ok(self.with_rulings(CustodyEvent::CustodyTaken {
            custodian: to,
            from,
            hop,
            epoch,
        }))
    }

    fn note_acceptance(&self, claim: Claim) -> Result<Vec<CustodyEvent>, CustodyRejection> {
        let waits = self.waiting.iter().any(|waiting| waiting.hop == claim.hop);
        if waits || self.ruling(claim.hop).is_some() {
            return Err(CustodyRejection::AlreadyNoted);
        }
        let answer = self.answer(&claim);
        Ok(vec![answer.unwrap_or(CustodyEvent::AcceptanceNoted(claim))])
    }

    fn note_cancellation(&self, hop: ReferralId) -> Result<Vec<CustodyEvent>, CustodyRejection> {
        match self.ruling(hop) {
            Some(Ruling::Released) => return Err(CustodyRejection::AlreadyReleased),
            Some(Ruling::Voided(_)) => return Err(CustodyRejection::AlreadyNoted),
            None if self.cancelled.contains(&hop) => return Err(CustodyRejection::AlreadyNoted),
            None => {}
        }
        Ok(self.with_rulings(CustodyEvent::CancellationNoted { hop }))
    }

    fn note_lapse(&self, hop: ReferralId) -> Result<Vec<CustodyEvent>, CustodyRejection> {
        if self.was_here(Some(hop)) {
            return Err(CustodyRejection::AlreadyTaken);
        }
        if self.lapsed.contains(&hop) {
            return Err(CustodyRejection::AlreadyNoted);
        }
        Ok(self.with_rulings(CustodyEvent::TenureLapsed { hop }))
    }

    /// An event, and the rulings on whatever waited for it, in order.
    fn with_rulings(&self, first: CustodyEvent) -> Vec<CustodyEvent> {
        let mut after = self.clone();
        after.evolve(&first);
        let mut events = vec![first];
        for claim in &self.waiting {
            if let Some(answer) = after.answer(claim) {
                after.evolve(&answer);
                events.push(answer);
            }
        }
        events
    }

    /// The ruling, if the custody asked for is here, was, or will never be.
    fn answer(&self, claim: &Claim) -> Option<CustodyEvent> {
        let Claim { hop, unit, tenure } = *claim;
        let void = |because| CustodyEvent::AcceptanceVoided { hop, unit, because };
        let never = |by_hop: ReferralId| self.lapsed.contains(&by_hop);
        if self.cancelled.contains(&hop) {
            return Some(void(VoidReason::CancelledFirst));
        }
        if let Some(held) = self.held.filter(|held| held.tenure == tenure) {
            return Some(CustodyEvent::CustodyReleased {
                from: held.tenure.custodian,
                by_hop: held.tenure.by_hop,
                to: unit,
                hop,
                epoch: held.epoch + 1,
            });
        }
        if self.gone.iter().any(|gone| gone.held.tenure == tenure) {
            return Some(void(VoidReason::AcceptedElsewhere));
        }
        tenure
            .by_hop
            .is_some_and(never)
            .then(|| void(VoidReason::NeverCustodian))
    }

    /// Whether custody came here by this hop (none: by opening the case), even if it has gone on.
    fn was_here(&self, by_hop: Option<ReferralId>) -> bool {
        let gone = self.gone.iter().map(|gone| &gone.held);
        gone.chain(&self.held)
            .any(|held| held.tenure.by_hop == by_hop)
    }

    fn rule(&mut self, hop: ReferralId, ruling: Ruling) {
        self.waiting.retain(|claim| claim.hop != hop);
        self.ruled.push((hop, ruling));
    }
}
