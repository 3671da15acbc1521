//! Why a case team says no.

use eventsourcing::{Rejection, RejectionKind};

use super::words::{TaskStatus, TeamCommandKind, TeamRole, TeamState};
use crate::transitions::NotAllowed;
use crate::values::Term;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TeamRejection {
    /// The transition table has no row for this (state, command, place).
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed<TeamState, TeamCommandKind>),
    #[error("the acceptance of this hop was voided: no team forms on it")]
    AcceptanceVoided,
    #[error("this hop is already on record here")]
    HopKnown,
    #[error("no acceptance of this hop is on record here")]
    HopUnknown,
    #[error("custody under this hop was already confirmed")]
    CustodyAlreadyConfirmed,
    #[error("the directory does not know this organization, or this worker as one of its own")]
    NotInDirectory,
    #[error("this member is already seated in this role")]
    AlreadySeated,
    #[error("there is no such seat in the team")]
    NotSeated,
    /// Who leads, who is liaison and that Central observes follow from the referral.
    #[error("the seat {} follows from the referral and is not given or taken here", .0.name())]
    FollowsFromReferral(TeamRole),
    #[error("a team is never without a lead: seat another one first")]
    LastLead,
    #[error("the member still owns open tasks: complete or cancel them first")]
    OwnsOpenTasks,
    #[error("the owner of a task must have a seat in the team")]
    OwnerNotSeated,
    #[error("a task must be due in the future")]
    DueInPast,
    #[error("this task id is already taken")]
    TaskKnown,
    #[error("there is no such task in the team")]
    TaskUnknown,
    #[error("the task belongs to another member")]
    NotYourTask,
    #[error("the task is already {}", .0.name())]
    TaskClosed(TaskStatus),
}

impl Rejection for TeamRejection {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::NotAllowed(not_allowed) => not_allowed.kind(),
            Self::NotInDirectory | Self::DueInPast => RejectionKind::Invalid,
            Self::HopKnown | Self::AlreadySeated | Self::TaskKnown => RejectionKind::AlreadyExists,
            Self::HopUnknown | Self::NotSeated | Self::TaskUnknown => RejectionKind::NotFound,
            Self::NotYourTask => RejectionKind::Forbidden,
            Self::AcceptanceVoided
            | Self::CustodyAlreadyConfirmed
            | Self::FollowsFromReferral(_)
            | Self::LastLead
            | Self::OwnsOpenTasks
            | Self::OwnerNotSeated
            | Self::TaskClosed(_) => RejectionKind::WrongState,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::NotAllowed(not_allowed) => not_allowed.reason(),
            Self::AcceptanceVoided => "ACCEPTANCE_VOIDED",
            Self::HopKnown => "HOP_KNOWN",
            Self::HopUnknown => "HOP_UNKNOWN",
            Self::CustodyAlreadyConfirmed => "CUSTODY_ALREADY_CONFIRMED",
            Self::NotInDirectory => "NOT_IN_DIRECTORY",
            Self::AlreadySeated => "ALREADY_SEATED",
            Self::NotSeated => "NOT_SEATED",
            Self::FollowsFromReferral(_) => "FOLLOWS_FROM_REFERRAL",
            Self::LastLead => "LAST_LEAD",
            Self::OwnsOpenTasks => "OWNS_OPEN_TASKS",
            Self::OwnerNotSeated => "OWNER_NOT_SEATED",
            Self::DueInPast => "DUE_IN_PAST",
            Self::TaskKnown => "TASK_KNOWN",
            Self::TaskUnknown => "TASK_UNKNOWN",
            Self::NotYourTask => "NOT_YOUR_TASK",
            Self::TaskClosed(_) => "TASK_CLOSED",
        }
    }

    fn zh(&self) -> String {
        let sentence = match self {
            Self::NotAllowed(not_allowed) => return not_allowed.zh(),
            Self::FollowsFromReferral(role) => {
                return format!("“{}”席位由转介确定，不能在此增减", role.zh());
            }
            Self::TaskClosed(status) => return format!("该任务{}，不能再变更", status.zh()),
            Self::AcceptanceVoided => "该转介的受理已失效，不能据此组建团队",
            Self::HopKnown => "该转介已在本团队登记",
            Self::HopUnknown => "本团队没有该转介的受理记录",
            Self::CustodyAlreadyConfirmed => "该转介的管护责任已确认移交",
            Self::NotInDirectory => "名录中没有该单位，或该人员不在该单位任职",
            Self::AlreadySeated => "该成员已担任此角色",
            Self::NotSeated => "团队中没有该成员席位",
            Self::LastLead => "团队不能没有主办人，请先加入新的主办人",
            Self::OwnsOpenTasks => "该成员尚有未完成的任务，请先完成或取消",
            Self::OwnerNotSeated => "任务承办方须为团队成员",
            Self::DueInPast => "任务期限须晚于当前时间",
            Self::TaskKnown => "该任务编号已被使用",
            Self::TaskUnknown => "团队中没有该任务",
            Self::NotYourTask => "该任务由其他成员承办",
        };
        sentence.to_owned()
    }

    fn field(&self) -> Option<&'static str> {
        match self {
            Self::DueInPast => Some("due_at"),
            Self::TaskUnknown | Self::NotYourTask | Self::TaskClosed(_) => Some("task_id"),
            Self::OwnerNotSeated => Some("owner_organization_id"),
            Self::AlreadySeated
            | Self::NotSeated
            | Self::FollowsFromReferral(_)
            | Self::LastLead
            | Self::OwnsOpenTasks => Some("seat"),
            Self::NotAllowed(_)
            | Self::AcceptanceVoided
            | Self::HopKnown
            | Self::HopUnknown
            | Self::CustodyAlreadyConfirmed
            | Self::NotInDirectory
            | Self::TaskKnown => None,
        }
    }

    fn allowed(&self) -> Vec<String> {
        match self {
            Self::NotAllowed(not_allowed) => not_allowed.allowed(),
            _ => Vec::new(),
        }
    }
}
