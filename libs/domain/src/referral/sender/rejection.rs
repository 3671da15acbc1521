//! Why a hop's sender is told no.

use eventsourcing::{Rejection, RejectionKind};
use jiff::Timestamp;

use crate::referral::basis::BasisRejection;
use crate::referral::transitions::NotAllowed;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferralRejection {
    /// The transition table has no row for this state, command and role.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error(transparent)]
    Basis(#[from] BasisRejection),
    #[error("only the system takes note of what other logs have recorded")]
    NotSystem,
    #[error("only a person can submit and dispatch")]
    NotAPerson,
    #[error("the hop has not been drafted")]
    NotDrafted,
    #[error("the hop has not been submitted")]
    NotSubmitted,
    #[error("the hop has not been dispatched")]
    NotDispatched,
    /// Who does not hold the custody cannot hand it over.
    #[error("the sending unit does not hold the custody of the case")]
    NotCustodian,
    #[error("the receiver has asked for no information")]
    NothingAsked,
    /// Its acceptance, or the hop that it was sent on by, is ruled on first.
    #[error("something may still come of the hop")]
    NotHopeless,
    #[error("no answer is awaited")]
    NothingDue,
    #[error("the answer is not due before {0}")]
    NotYetDue(Timestamp),
    #[error("the receiver's duty officer has been alarmed already")]
    AlreadyAlarmed,
    #[error("this has been noted already")]
    AlreadyNoted,
}

impl Rejection for ReferralRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAllowed(no) => no.kind(),
            Self::Basis(no) => no.kind(),
            Self::NotSystem | Self::NotAPerson => RejectionKind::Forbidden,
            Self::NotDrafted
            | Self::NotSubmitted
            | Self::NotDispatched
            | Self::NotCustodian
            | Self::NothingAsked
            | Self::NotHopeless
            | Self::NothingDue
            | Self::NotYetDue(_) => RejectionKind::WrongState,
            Self::AlreadyAlarmed | Self::AlreadyNoted => RejectionKind::AlreadyExists,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAllowed(no) => no.reason(),
            Self::Basis(no) => no.reason(),
            Self::NotSystem => "SYSTEM_ONLY",
            Self::NotAPerson => "PERSON_ONLY",
            Self::NotDrafted => "NOT_DRAFTED",
            Self::NotSubmitted => "NOT_SUBMITTED",
            Self::NotDispatched => "NOT_DISPATCHED",
            Self::NotCustodian => "NOT_CUSTODIAN",
            Self::NothingAsked => "NOTHING_ASKED",
            Self::NotHopeless => "NOT_HOPELESS",
            Self::NothingDue => "NOTHING_DUE",
            Self::NotYetDue(_) => "NOT_YET_DUE",
            Self::AlreadyAlarmed => "ALREADY_ALARMED",
            Self::AlreadyNoted => "ALREADY_NOTED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotAllowed(no) => no.zh(),
            Self::Basis(no) => no.zh().to_owned(),
            Self::NotSystem => "其他日志的记录只能由系统登记".to_owned(),
            Self::NotAPerson => "只能由工作人员提交和派单".to_owned(),
            Self::NotDrafted => "该转介环节尚未拟制".to_owned(),
            Self::NotSubmitted => "该转介环节尚未提交审核".to_owned(),
            Self::NotDispatched => "该转介环节尚未派单".to_owned(),
            Self::NotCustodian => "转出单位不承担该个案的管护责任，不能转出".to_owned(),
            Self::NothingAsked => "承办方没有要求补充信息".to_owned(),
            Self::NotHopeless => "该转介环节仍可能有结果".to_owned(),
            Self::NothingDue => "当前没有等待答复的事项".to_owned(),
            Self::NotYetDue(due_at) => format!("答复时限为 {due_at}，尚未到期"),
            Self::AlreadyAlarmed => "已向承办方值班负责人告警".to_owned(),
            Self::AlreadyNoted => "该事项已登记".to_owned(),
        }
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::Basis(no) => no.field(),
            _ => None,
        }
    }

    fn allowed(&self) -> Vec<String> {
        match self {
            Self::NotAllowed(no) => no.allowed(),
            _ => Vec::new(),
        }
    }
}
