//! The words of a case team, and the table of who may do what when.

use crate::transitions::Transitions;
use crate::values::terms;

terms! {
    /// What somebody is in a team for.
    pub enum TeamRole {
        /// The unit that accepted the case, and its workers.
        Lead => "主办",
        Assist => "协办",
        Coordinator => "个案管理员",
        Counsellor => "心理咨询师",
        Lawyer => "律师",
        SocialWorker => "社工",
        SchoolContact => "校方联络人",
        PoliceContact => "警方联络人",
        /// Guides the handling; not the directory's role of the same name.
        Supervisor => "督导",
        /// Sees everything, decides nothing: League Central, or whoever supervises the handling.
        Observer => "监督员",
        StandbyDuty => "值班备份",
        /// The desk where the case began; it goes on hearing how it ends.
        Liaison => "联络单位",
    }
}

terms! {
    /// How far the handling has come. The later ones arrive with the commands that lead there.
    pub enum CaseStatus {
        Assessing => "评估",
    }
}

terms! {
    /// What a task is about, apart from its sealed note.
    pub enum TaskKind {
        ContactFamily => "联系家庭",
        ContactCommunity => "联系社区",
        ContactSchool => "联系学校",
        ContactPolice => "联系公安机关",
        SafetyCheck => "安全核查",
        HomeVisit => "入户走访",
        Counselling => "心理辅导",
        MedicalCare => "协助就医",
        LegalAid => "法律援助",
        TemporaryCare => "临时照护",
        MaterialAid => "物资帮扶",
        EvidenceKeeping => "证据保全",
        CaseConference => "个案会商",
        /// The note says what.
        Other => "其他",
    }
}

terms! {
    /// Where a task stands.
    pub enum TaskStatus {
        Open => "待办",
        Done => "已完成",
        Cancelled => "已取消",
    }
}

terms! {
    /// Why a task is no longer needed.
    pub enum TaskCancelReason {
        NoLongerNeeded => "不再需要",
        DoneElsewhere => "已由他方完成",
        WrongOwner => "承办人有误",
        Duplicate => "重复",
        EnteredInError => "误录",
    }
}

terms! {
    /// Why a member leaves.
    pub enum RemovalReason {
        DutyEnded => "职责终止",
        PersonChanged => "人员调整",
        ConflictOfInterest => "回避",
        AskedToLeave => "本人或单位申请退出",
        SeatedInError => "误加",
    }
}

terms! {
    /// The states of a team.
    pub enum TeamState {
        Unformed => "未组建",
        /// The lead unit accepted; the custodian has not released the case to it yet.
        CustodyPending => "已受理，管护责任待移交",
        CustodyConfirmed => "管护责任已移交",
        /// The acceptance it was formed on was voided.
        StoodDown => "已解散",
    }
}

terms! {
    /// What a team can be told.
    pub enum TeamCommandKind {
        Form => "组建团队",
        ConfirmCustody => "确认管护责任",
        StandDown => "解散团队",
        SeatMember => "加入成员",
        RemoveMember => "移出成员",
        AddTask => "下达任务",
        CompleteTask => "完成任务",
        CancelTask => "取消任务",
    }
}

terms! {
    /// Where the acting party stands to the team.
    pub enum Place {
        /// A policy.
        System => "系统",
        /// A worker, supervisor or authorised person of the unit that leads.
        LeadUnit => "主办单位",
        /// The same of another organization that has a seat.
        Member => "其他成员",
        Outsider => "非成员",
    }
}

use Place::{LeadUnit, Member, System};
use TeamCommandKind as Command;
use TeamState as State;

/// The lead unit decides; other members complete their own tasks; policies form and stand down.
pub const TRANSITIONS: Transitions<TeamState, TeamCommandKind, Place> = Transitions(&[
    (State::Unformed, Command::Form, System),
    // A second acceptance waits as a claim until custody says whose the case is.
    (State::CustodyPending, Command::Form, System),
    (State::CustodyConfirmed, Command::Form, System),
    (State::StoodDown, Command::Form, System),
    (State::CustodyPending, Command::ConfirmCustody, System),
    (State::CustodyConfirmed, Command::ConfirmCustody, System),
    // The custodian's log may be read before our own: a void is noted before there is a team.
    (State::Unformed, Command::StandDown, System),
    (State::CustodyPending, Command::StandDown, System),
    (State::CustodyConfirmed, Command::StandDown, System),
    (State::StoodDown, Command::StandDown, System),
    (State::CustodyPending, Command::SeatMember, LeadUnit),
    (State::CustodyConfirmed, Command::SeatMember, LeadUnit),
    (State::CustodyPending, Command::RemoveMember, LeadUnit),
    (State::CustodyConfirmed, Command::RemoveMember, LeadUnit),
    (State::CustodyPending, Command::AddTask, LeadUnit),
    (State::CustodyConfirmed, Command::AddTask, LeadUnit),
    (State::CustodyPending, Command::CompleteTask, LeadUnit),
    (State::CustodyConfirmed, Command::CompleteTask, LeadUnit),
    (State::CustodyPending, Command::CompleteTask, Member),
    (State::CustodyConfirmed, Command::CompleteTask, Member),
    (State::CustodyPending, Command::CancelTask, LeadUnit),
    (State::CustodyConfirmed, Command::CancelTask, LeadUnit),
]);
