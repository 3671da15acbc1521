//! Why a hop's receiver is told no.

use eventsourcing::{Rejection, RejectionKind};
use jiff::Timestamp;

use crate::referral::transitions::NotAllowed;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignmentRejection {
    /// The transition table has no row for this state, command and role.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    #[error("only the system takes note of what other logs have recorded")]
    NotSystem,
    #[error("only a person can accept")]
    NotAPerson,
    #[error("no such hop has arrived here")]
    NotAssigned,
    #[error("the hop has arrived already")]
    AlreadyAssigned,
    #[error("somebody else has accepted the hop already")]
    AlreadyAccepted,
    #[error("no information is awaited")]
    NothingDue,
    #[error("the information is awaited until {0}")]
    NotYetDue(Timestamp),
    /// The hop was accepted, or not yet, since whoever commands this looked.
    #[error("the hop has changed meanwhile; look again")]
    TenureChanged,
    #[error("the hop was sent on already, and that has not come to nothing")]
    SentOnAlready,
    #[error("this has been noted already")]
    AlreadyNoted,
}

impl Rejection for AssignmentRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAllowed(no) => no.kind(),
            Self::NotSystem | Self::NotAPerson => RejectionKind::Forbidden,
            Self::NotAssigned => RejectionKind::NotFound,
            Self::AlreadyAssigned | Self::AlreadyNoted => RejectionKind::AlreadyExists,
            Self::AlreadyAccepted
            | Self::NothingDue
            | Self::NotYetDue(_)
            | Self::TenureChanged
            | Self::SentOnAlready => RejectionKind::WrongState,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAllowed(no) => no.reason(),
            Self::NotSystem => "SYSTEM_ONLY",
            Self::NotAPerson => "PERSON_ONLY",
            Self::NotAssigned => "NOT_ASSIGNED",
            Self::AlreadyAssigned => "ALREADY_ASSIGNED",
            Self::AlreadyAccepted => "ALREADY_ACCEPTED",
            Self::NothingDue => "NOTHING_DUE",
            Self::NotYetDue(_) => "NOT_YET_DUE",
            Self::TenureChanged => "HOP_CHANGED",
            Self::SentOnAlready => "SENT_ON_ALREADY",
            Self::AlreadyNoted => "ALREADY_NOTED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::NotAllowed(no) => no.zh(),
            Self::NotSystem => "其他日志的记录只能由系统登记".to_owned(),
            Self::NotAPerson => "只能由授权负责人受理".to_owned(),
            Self::NotAssigned => "本单位没有该转介环节".to_owned(),
            Self::AlreadyAssigned => "该转介环节已送达".to_owned(),
            Self::AlreadyAccepted => "该转介环节已由他人受理".to_owned(),
            Self::NothingDue => "当前没有等待补充的信息".to_owned(),
            Self::NotYetDue(until) => format!("等待补充信息的时限为 {until}，尚未到期"),
            Self::TenureChanged => "该转介环节已发生变化，请刷新后重试".to_owned(),
            Self::SentOnAlready => "该转介环节已再转介，且后续环节尚未终止".to_owned(),
            Self::AlreadyNoted => "该事项已登记".to_owned(),
        }
    }

    fn allowed(&self) -> Vec<String> {
        match self {
            Self::NotAllowed(no) => no.allowed(),
            _ => Vec::new(),
        }
    }
}
