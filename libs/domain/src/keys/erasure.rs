//! Erasure of a case's texts, by destroying its keys: proposed by one person, ordered by another.
//!
//! In the case's own region the order is carried out first; every other region that had keys of the
//! case follows and says so in its own log. The events stay: who, when, on what ground.

use std::collections::BTreeSet;

use eventsourcing::{Aggregate, Fact, Occasion, Region, Rejection, RejectionKind, ScopedId};
use serde::{Deserialize, Serialize};

use super::{CONTEXT, CaseRejection, KnownCase, NotTheSystem, acting_in, check_system};
use crate::acting::Acting;
use crate::ids::{CaseId, ErasureId, KeyId, WorkerId};
use crate::values::{Role, terms};

terms! {
    /// Why texts must go.
    pub enum ErasureGround {
        /// The young person asks for it; 14 or older.
        SubjectRequest => "本人申请删除",
        /// The guardian asks for it.
        GuardianRequest => "监护人申请删除",
        /// The records were kept as long as the law asks.
        RetentionEnded => "保存期限届满",
        /// Court or procuratorate.
        Judicial => "司法要求",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasureCommand {
    Propose {
        case: CaseId,
        ground: ErasureGround,
        known: KnownCase,
    },
    /// By a second person.
    Order { case: CaseId, known: KnownCase },
    /// The system has destroyed these keys of the case, in the case's own region.
    Complete { case: CaseId, keys: BTreeSet<KeyId> },
    /// The system of another region has destroyed what it had of the case's keys.
    CompleteCopies { case: CaseId, keys: BTreeSet<KeyId> },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum ErasureEvent {
    ErasureProposed {
        case: CaseId,
        ground: ErasureGround,
        proposed_by: WorkerId,
    },
    ErasureOrdered {
        case: CaseId,
        ground: ErasureGround,
        proposed_by: WorkerId,
        ordered_by: WorkerId,
    },
    /// These keys are in no file any more. Again, where a text sealed before the order shows late.
    Erased {
        case: CaseId,
        keys: BTreeSet<KeyId>,
    },
    CopiesErased {
        case: CaseId,
        keys: BTreeSet<KeyId>,
    },
}

impl Fact for ErasureEvent {}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ErasureRejection {
    #[error("only a supervisor or an authorised person of region {0} may propose this")]
    MayNotPropose(Region),
    #[error("only an authorised person of region {0} may order this")]
    MayNotOrder(Region),
    #[error("who proposed it may not order it: a second person is needed")]
    SecondPersonNeeded,
    #[error(transparent)]
    Case(#[from] CaseRejection),
    /// An unknown age counts as under 14 (Personal Information Protection Law, article 31).
    #[error("only from 14 on may the young person ask for it; an unknown age is under 14")]
    TooYoungToAsk,
    #[error(transparent)]
    NotTheSystem(#[from] NotTheSystem),
    #[error("nobody has proposed to erase this case")]
    NotProposed,
    #[error("to erase this case is proposed already")]
    AlreadyProposed,
    #[error("the erasure of this case is ordered already")]
    AlreadyOrdered,
    #[error("nobody has ordered to erase this case")]
    NotOrdered,
    #[error("these keys are erased already")]
    AlreadyErased,
}

impl Rejection for ErasureRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::MayNotPropose(_)
            | Self::MayNotOrder(_)
            | Self::SecondPersonNeeded
            | Self::NotTheSystem(_) => RejectionKind::Forbidden,
            Self::Case(case) => case.kind(),
            Self::TooYoungToAsk => RejectionKind::Invalid,
            Self::NotProposed | Self::NotOrdered => RejectionKind::WrongState,
            Self::AlreadyProposed | Self::AlreadyOrdered | Self::AlreadyErased => {
                RejectionKind::AlreadyExists
            }
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::MayNotPropose(_) => "MAY_NOT_PROPOSE_ERASURE",
            Self::MayNotOrder(_) => "MAY_NOT_ORDER_ERASURE",
            Self::SecondPersonNeeded => "SECOND_PERSON_NEEDED",
            Self::Case(case) => case.reason(),
            Self::TooYoungToAsk => "TOO_YOUNG_TO_ASK",
            Self::NotTheSystem(_) => NotTheSystem::REASON,
            Self::NotProposed => "ERASURE_NOT_PROPOSED",
            Self::AlreadyProposed => "ERASURE_ALREADY_PROPOSED",
            Self::AlreadyOrdered => "ERASURE_ALREADY_ORDERED",
            Self::NotOrdered => "ERASURE_NOT_ORDERED",
            Self::AlreadyErased => "ALREADY_ERASED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::MayNotPropose(region) => {
                format!("只有地区 {region} 的督导或授权负责人可以提出删除")
            }
            Self::MayNotOrder(region) => format!("只有地区 {region} 的授权负责人可以批准删除"),
            Self::SecondPersonNeeded => "提出人不得自行批准删除，须由另一人批准".to_owned(),
            Self::Case(case) => case.zh(),
            Self::TooYoungToAsk => {
                "年满十四周岁方可由本人申请；年龄不详的，按不满十四周岁对待".to_owned()
            }
            Self::NotTheSystem(_) => NotTheSystem::zh(),
            Self::NotProposed => "尚未有人提出删除该个案".to_owned(),
            Self::AlreadyProposed => "已有人提出删除该个案".to_owned(),
            Self::AlreadyOrdered => "该个案的删除已获批准".to_owned(),
            Self::NotOrdered => "该个案的删除尚未批准".to_owned(),
            Self::AlreadyErased => "这些密钥已销毁".to_owned(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Case(_) => Some("case_id"),
            Self::TooYoungToAsk => Some("ground"),
            _ => None,
        }
    }

    fn allowed(&self) -> Vec<String> {
        match self {
            Self::NotProposed => vec!["ProposeErasure".to_owned()],
            Self::AlreadyProposed => vec!["OrderErasure".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// How far the erasure of a case has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Erasure {
    #[default]
    NotProposed,
    Proposed {
        ground: ErasureGround,
        proposed_by: WorkerId,
    },
    Ordered,
    /// With all keys destroyed so far, here.
    Erased {
        keys: BTreeSet<KeyId>,
    },
}

impl Erasure {
    /// The erasure of a case in a region's log.
    pub fn id(region: Region, case: CaseId) -> ErasureId {
        ErasureId(ScopedId::derived(region, case.0.uuid, "erasure"))
    }
}

impl Aggregate for Erasure {
    const CONTEXT: &'static str = CONTEXT;
    const KIND: &'static str = "erasure";
    type Command = ErasureCommand;
    type Event = ErasureEvent;
    type Rejection = ErasureRejection;

    fn decide(
        &self,
        command: &ErasureCommand,
        on: &Occasion,
    ) -> Result<Vec<ErasureEvent>, ErasureRejection> {
        let event = match command {
            ErasureCommand::Propose {
                case,
                ground,
                known,
            } => self.propose(*case, *ground, *known, on)?,
            ErasureCommand::Order { case, known } => self.order(*case, *known, on)?,
            ErasureCommand::Complete { case, keys } => {
                check_system(&on.actor)?;
                let (case, keys) = (*case, self.not_yet_erased(keys)?);
                ErasureEvent::Erased { case, keys }
            }
            ErasureCommand::CompleteCopies { case, keys } => {
                check_system(&on.actor)?;
                let (case, keys) = (*case, self.not_yet_erased_copies(keys)?);
                ErasureEvent::CopiesErased { case, keys }
            }
        };
        Ok(vec![event])
    }

    fn evolve(&mut self, event: &ErasureEvent) {
        match event {
            ErasureEvent::ErasureProposed {
                ground,
                proposed_by,
                ..
            } => {
                *self = Self::Proposed {
                    ground: *ground,
                    proposed_by: *proposed_by,
                };
            }
            ErasureEvent::ErasureOrdered { .. } => *self = Self::Ordered,
            ErasureEvent::Erased { keys, .. } | ErasureEvent::CopiesErased { keys, .. } => {
                let mut all = keys.clone();
                if let Self::Erased { keys: earlier } = self {
                    all.append(earlier);
                }
                *self = Self::Erased { keys: all };
            }
        }
    }
}

impl Erasure {
    fn propose(
        &self,
        case: CaseId,
        ground: ErasureGround,
        known: KnownCase,
        on: &Occasion,
    ) -> Result<ErasureEvent, ErasureRejection> {
        let roles = [Role::Supervisor, Role::Authorised];
        let Acting { worker, .. } = acting_in(&on.actor, case.region(), &roles)
            .ok_or(ErasureRejection::MayNotPropose(case.region()))?;
        let (age_band, _) = known.check()?;
        if ground == ErasureGround::SubjectRequest && age_band.counts_as_under_fourteen() {
            return Err(ErasureRejection::TooYoungToAsk);
        }
        match self {
            Self::NotProposed => Ok(ErasureEvent::ErasureProposed {
                case,
                ground,
                proposed_by: worker,
            }),
            Self::Proposed { .. } => Err(ErasureRejection::AlreadyProposed),
            Self::Ordered | Self::Erased { .. } => Err(ErasureRejection::AlreadyOrdered),
        }
    }

    fn order(
        &self,
        case: CaseId,
        known: KnownCase,
        on: &Occasion,
    ) -> Result<ErasureEvent, ErasureRejection> {
        let Acting { worker, .. } = acting_in(&on.actor, case.region(), &[Role::Authorised])
            .ok_or(ErasureRejection::MayNotOrder(case.region()))?;
        known.check()?;
        match self {
            Self::NotProposed => Err(ErasureRejection::NotProposed),
            Self::Proposed { proposed_by, .. } if *proposed_by == worker => {
                Err(ErasureRejection::SecondPersonNeeded)
            }
            Self::Proposed {
                ground,
                proposed_by,
            } => Ok(ErasureEvent::ErasureOrdered {
                case,
                ground: *ground,
                proposed_by: *proposed_by,
                ordered_by: worker,
            }),
            Self::Ordered | Self::Erased { .. } => Err(ErasureRejection::AlreadyOrdered),
        }
    }

    fn not_yet_erased(&self, keys: &BTreeSet<KeyId>) -> Result<BTreeSet<KeyId>, ErasureRejection> {
        match self {
            Self::NotProposed | Self::Proposed { .. } => Err(ErasureRejection::NotOrdered),
            Self::Ordered => Ok(keys.clone()),
            Self::Erased { keys: erased } if keys.is_subset(erased) => {
                Err(ErasureRejection::AlreadyErased)
            }
            Self::Erased { keys: erased } => Ok(keys - erased),
        }
    }

    /// Elsewhere nobody proposes or orders: the case's own region did.
    fn not_yet_erased_copies(
        &self,
        keys: &BTreeSet<KeyId>,
    ) -> Result<BTreeSet<KeyId>, ErasureRejection> {
        match self {
            Self::NotProposed => Ok(keys.clone()),
            Self::Proposed { .. } => Err(ErasureRejection::NotOrdered),
            Self::Ordered | Self::Erased { .. } => self.not_yet_erased(keys),
        }
    }
}

#[cfg(test)]
mod tests;
