//! The words of a follow-up plan, and the table of who may do what when.

use crate::transitions::Transitions;
use crate::values::terms;

terms! {
    /// How somebody is followed up.
    pub enum VisitKind {
        Phone => "电话随访",
        HomeVisit => "家访",
        SchoolVisit => "校访",
        /// By someone outside the handling unit.
        ReturnVisit => "回访",
        Counselling => "辅导",
        /// After a formal warning.
        WarningCheck => "告诫后查访",
        Review => "定期复评",
    }
}

terms! {
    /// What came of a visit that took place.
    pub enum VisitResult {
        Done => "已完成",
        /// They were reached and did not want it.
        Refused => "对方拒绝",
    }
}

terms! {
    /// Where a visit stands.
    pub enum VisitStatus {
        Owed => "待随访",
        Done => "已完成",
        Refused => "对方拒绝",
        /// Its time came and nobody had reported it.
        Missed => "逾期未访",
        /// The plan was withdrawn before it was due.
        Withdrawn => "已撤销",
    }
}

impl From<VisitResult> for VisitStatus {
    fn from(result: VisitResult) -> Self {
        match result {
            VisitResult::Done => Self::Done,
            VisitResult::Refused => Self::Refused,
        }
    }
}

terms! {
    /// The states of a plan.
    pub enum PlanState {
        Unopened => "未建立",
        Open => "执行中",
        /// The team it was for stood down.
        Withdrawn => "已撤销",
    }
}

terms! {
    /// What a plan can be told.
    pub enum PlanCommandKind {
        OpenPlan => "建立随访计划",
        HandOverPlan => "移交随访计划",
        WithdrawPlan => "撤销随访计划",
        RecordVisit => "登记随访结果",
        MarkMissed => "标记逾期未访",
    }
}

terms! {
    /// Where the acting party stands to the plan.
    pub enum Place {
        /// A policy, or the clock.
        System => "系统",
        /// A worker, supervisor, authorised person or visitor of the unit in charge.
        Unit => "承办单位",
        Outsider => "其他人员",
    }
}

use Place::{System, Unit};
use PlanCommandKind as Command;
use PlanState as State;

/// The unit in charge reports visits; only the system opens, withdraws, and says that one was missed.
pub const TRANSITIONS: Transitions<PlanState, PlanCommandKind, Place> = Transitions(&[
    (State::Unopened, Command::OpenPlan, System),
    // A team that stood down may form again on another acceptance.
    (State::Withdrawn, Command::OpenPlan, System),
    (State::Open, Command::HandOverPlan, System),
    (State::Open, Command::WithdrawPlan, System),
    (State::Open, Command::RecordVisit, Unit),
    (State::Open, Command::MarkMissed, System),
]);
