//! Why a follow-up plan says no.

use eventsourcing::{Rejection, RejectionKind};

use super::words::{PlanCommandKind, PlanState, VisitStatus};
use crate::transitions::NotAllowed;
use crate::values::Term;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanRejection {
    /// The transition table has no row for this (state, command, place).
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed<PlanState, PlanCommandKind>),
    #[error("this visit id is already taken")]
    VisitKnown,
    #[error("there is no such visit in the plan")]
    VisitUnknown,
    #[error("the visit is no longer owed: {}", .0.name())]
    VisitNotOwed(VisitStatus),
    #[error("the visit is not due yet")]
    NotDueYet,
    #[error("a visit can only be put off to a time in the future")]
    DueInPast,
}

impl Rejection for PlanRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAllowed(not_allowed) => not_allowed.kind(),
            Self::VisitKnown => RejectionKind::AlreadyExists,
            Self::VisitUnknown => RejectionKind::NotFound,
            Self::VisitNotOwed(_) | Self::NotDueYet => RejectionKind::WrongState,
            Self::DueInPast => RejectionKind::Invalid,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAllowed(not_allowed) => not_allowed.reason(),
            Self::VisitKnown => "VISIT_KNOWN",
            Self::VisitUnknown => "VISIT_UNKNOWN",
            Self::VisitNotOwed(_) => "VISIT_NOT_OWED",
            Self::NotDueYet => "NOT_DUE_YET",
            Self::DueInPast => "DUE_IN_PAST",
        }
    }

    fn zh(&self) -> String {
        let sentence = match self {
            Self::NotAllowed(not_allowed) => return not_allowed.zh(),
            Self::VisitNotOwed(status) => {
                return format!("该次随访状态为“{}”，无需再登记", status.zh());
            }
            Self::VisitKnown => "该随访编号已被使用",
            Self::VisitUnknown => "随访计划中没有该次随访",
            Self::NotDueYet => "该次随访尚未到期",
            Self::DueInPast => "改期后的时间须晚于当前时间",
        };
        sentence.to_owned()
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::VisitUnknown | Self::VisitNotOwed(_) => Some("visit_id"),
            Self::DueInPast => Some("rescheduled_to"),
            Self::NotAllowed(_) | Self::VisitKnown | Self::NotDueYet => None,
        }
    }

    fn allowed(&self) -> Vec<String> {
        match self {
            Self::NotAllowed(not_allowed) => not_allowed.allowed(),
            _ => Vec::new(),
        }
    }
}
