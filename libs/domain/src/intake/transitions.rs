//! Who may do what with an intake in which phase: data, asked before every decision.

use eventsourcing::Actor;

use crate::acting::Acting;
use crate::transitions::Transitions;
use crate::values::{Role, terms};

terms! {
    /// How far an intake has come.
    pub enum Phase {
        NotRecorded => "未登记",
        /// A contact that is no case: nothing follows.
        NoCase => "非个案来电",
        AwaitingTriage => "待研判",
        Triaged => "已研判",
        /// A case, with this desk as its custodian.
        Open => "已开案",
        /// A case that this desk works on itself.
        KeptHere => "本地办理",
        Ended => "已结束",
    }
}

terms! {
    /// The commands by name.
    pub enum CommandKind {
        RecordContact => "登记来访",
        DescribeSubject => "补充当事人情况",
        Triage => "研判",
        Reassess => "重新评估",
        TellEmergencyService => "通报110/120",
        MarkSafety => "标注安全提示",
        LiftSafetyMark => "解除安全提示",
        RecordConsent => "登记知情同意",
        ExpireConsent => "同意到期失效",
        RecordLegalBasis => "登记法定依据",
        PlanCallback => "安排回拨",
        RecordAttempt => "登记回拨结果",
        MarkFirstActionMissed => "标记首次响应超时",
        OpenCase => "开案",
        ProposeReferral => "提议转介",
        EndWithoutCase => "不开案结束",
        KeepHere => "本地办理",
        HandOver => "转出",
    }
}

terms! {
    /// The part in which somebody acts on an intake.
    pub enum Part {
        Worker => "工作人员",
        Supervisor => "督导",
        /// A rule of the system.
        System => "系统规则",
    }
}

impl Part {
    /// `None` for people whose role has no part in intakes.
    pub(super) fn of(actor: &Actor) -> Option<Self> {
        match actor {
            Actor::System { .. } => Some(Self::System),
            Actor::Person { .. } => match Acting::of(actor)?.role {
                Role::Worker => Some(Self::Worker),
                Role::Supervisor => Some(Self::Supervisor),
                _ => None,
            },
        }
    }
}

/// What is not here is not allowed.
pub static TRANSITIONS: Transitions<Phase, CommandKind, Part> = Transitions(&[
    (Phase::NotRecorded, CommandKind::RecordContact, Part::Worker),
    (
        Phase::NotRecorded,
        CommandKind::RecordContact,
        Part::Supervisor,
    ),
    (
        Phase::AwaitingTriage,
        CommandKind::DescribeSubject,
        Part::Worker,
    ),
    (
        Phase::AwaitingTriage,
        CommandKind::DescribeSubject,
        Part::Supervisor,
    ),
    (Phase::Triaged, CommandKind::DescribeSubject, Part::Worker),
    (
        Phase::Triaged,
        CommandKind::DescribeSubject,
        Part::Supervisor,
    ),
    (Phase::Open, CommandKind::DescribeSubject, Part::Worker),
    (Phase::Open, CommandKind::DescribeSubject, Part::Supervisor),
    (Phase::KeptHere, CommandKind::DescribeSubject, Part::Worker),
    (
        Phase::KeptHere,
        CommandKind::DescribeSubject,
        Part::Supervisor,
    ),
    (Phase::AwaitingTriage, CommandKind::Triage, Part::Worker),
    (Phase::AwaitingTriage, CommandKind::Triage, Part::Supervisor),
    (Phase::Triaged, CommandKind::Reassess, Part::Worker),
    (Phase::Triaged, CommandKind::Reassess, Part::Supervisor),
    (Phase::Open, CommandKind::Reassess, Part::Worker),
    (Phase::Open, CommandKind::Reassess, Part::Supervisor),
    (Phase::KeptHere, CommandKind::Reassess, Part::Worker),
    (Phase::KeptHere, CommandKind::Reassess, Part::Supervisor),
    (
        Phase::AwaitingTriage,
        CommandKind::TellEmergencyService,
        Part::Worker,
    ),
    (
        Phase::AwaitingTriage,
        CommandKind::TellEmergencyService,
        Part::Supervisor,
    ),
    (
        Phase::Triaged,
        CommandKind::TellEmergencyService,
        Part::Worker,
    ),
    (
        Phase::Triaged,
        CommandKind::TellEmergencyService,
        Part::Supervisor,
    ),
    (Phase::Open, CommandKind::TellEmergencyService, Part::Worker),
    (
        Phase::Open,
        CommandKind::TellEmergencyService,
        Part::Supervisor,
    ),
    (
        Phase::KeptHere,
        CommandKind::TellEmergencyService,
        Part::Worker,
    ),
    (
        Phase::KeptHere,
        CommandKind::TellEmergencyService,
        Part::Supervisor,
    ),
    (Phase::AwaitingTriage, CommandKind::MarkSafety, Part::Worker),
    (
        Phase::AwaitingTriage,
        CommandKind::MarkSafety,
        Part::Supervisor,
    ),
    (Phase::Triaged, CommandKind::MarkSafety, Part::Worker),
    (Phase::Triaged, CommandKind::MarkSafety, Part::Supervisor),
    (Phase::Open, CommandKind::MarkSafety, Part::Worker),
    (Phase::Open, CommandKind::MarkSafety, Part::Supervisor),
    (Phase::KeptHere, CommandKind::MarkSafety, Part::Worker),
    (Phase::KeptHere, CommandKind::MarkSafety, Part::Supervisor),
    // A second person looks before a protection goes.
    (
        Phase::AwaitingTriage,
        CommandKind::LiftSafetyMark,
        Part::Supervisor,
    ),
    (
        Phase::Triaged,
        CommandKind::LiftSafetyMark,
        Part::Supervisor,
    ),
    (Phase::Open, CommandKind::LiftSafetyMark, Part::Supervisor),
    (
        Phase::KeptHere,
        CommandKind::LiftSafetyMark,
        Part::Supervisor,
    ),
    // Consent is withdrawn or ends whatever has become of the contact.
    (
        Phase::AwaitingTriage,
        CommandKind::RecordConsent,
        Part::Worker,
    ),
    (
        Phase::AwaitingTriage,
        CommandKind::RecordConsent,
        Part::Supervisor,
    ),
    (Phase::Triaged, CommandKind::RecordConsent, Part::Worker),
    (Phase::Triaged, CommandKind::RecordConsent, Part::Supervisor),
    (Phase::Open, CommandKind::RecordConsent, Part::Worker),
    (Phase::Open, CommandKind::RecordConsent, Part::Supervisor),
    (Phase::KeptHere, CommandKind::RecordConsent, Part::Worker),
    (
        Phase::KeptHere,
        CommandKind::RecordConsent,
        Part::Supervisor,
    ),
    (Phase::Ended, CommandKind::RecordConsent, Part::Worker),
    (Phase::Ended, CommandKind::RecordConsent, Part::Supervisor),
    (
        Phase::AwaitingTriage,
        CommandKind::ExpireConsent,
        Part::System,
    ),
    (Phase::Triaged, CommandKind::ExpireConsent, Part::System),
    (Phase::Open, CommandKind::ExpireConsent, Part::System),
    (Phase::KeptHere, CommandKind::ExpireConsent, Part::System),
    (Phase::Ended, CommandKind::ExpireConsent, Part::System),
    (
        Phase::AwaitingTriage,
        CommandKind::RecordLegalBasis,
        Part::Worker,
    ),
    (
        Phase::AwaitingTriage,
        CommandKind::RecordLegalBasis,
        Part::Supervisor,
    ),
    (Phase::Triaged, CommandKind::RecordLegalBasis, Part::Worker),
    (
        Phase::Triaged,
        CommandKind::RecordLegalBasis,
        Part::Supervisor,
    ),
    (Phase::Open, CommandKind::RecordLegalBasis, Part::Worker),
    (Phase::Open, CommandKind::RecordLegalBasis, Part::Supervisor),
    (Phase::KeptHere, CommandKind::RecordLegalBasis, Part::Worker),
    (
        Phase::KeptHere,
        CommandKind::RecordLegalBasis,
        Part::Supervisor,
    ),
    (Phase::Triaged, CommandKind::PlanCallback, Part::Worker),
    (Phase::Triaged, CommandKind::PlanCallback, Part::Supervisor),
    (Phase::Open, CommandKind::PlanCallback, Part::Worker),
    (Phase::Open, CommandKind::PlanCallback, Part::Supervisor),
    (Phase::KeptHere, CommandKind::PlanCallback, Part::Worker),
    (Phase::KeptHere, CommandKind::PlanCallback, Part::Supervisor),
    (Phase::Triaged, CommandKind::RecordAttempt, Part::Worker),
    (Phase::Triaged, CommandKind::RecordAttempt, Part::Supervisor),
    (Phase::Open, CommandKind::RecordAttempt, Part::Worker),
    (Phase::Open, CommandKind::RecordAttempt, Part::Supervisor),
    (Phase::KeptHere, CommandKind::RecordAttempt, Part::Worker),
    (
        Phase::KeptHere,
        CommandKind::RecordAttempt,
        Part::Supervisor,
    ),
    (
        Phase::Triaged,
        CommandKind::MarkFirstActionMissed,
        Part::System,
    ),
    (
        Phase::Open,
        CommandKind::MarkFirstActionMissed,
        Part::System,
    ),
    (
        Phase::KeptHere,
        CommandKind::MarkFirstActionMissed,
        Part::System,
    ),
    (Phase::Triaged, CommandKind::OpenCase, Part::Worker),
    (Phase::Triaged, CommandKind::OpenCase, Part::Supervisor),
    (Phase::Open, CommandKind::ProposeReferral, Part::Supervisor),
    (
        Phase::KeptHere,
        CommandKind::ProposeReferral,
        Part::Supervisor,
    ),
    (Phase::Triaged, CommandKind::EndWithoutCase, Part::Worker),
    (
        Phase::Triaged,
        CommandKind::EndWithoutCase,
        Part::Supervisor,
    ),
    (Phase::Open, CommandKind::KeepHere, Part::Worker),
    (Phase::Open, CommandKind::KeepHere, Part::Supervisor),
    // Only custody taken elsewhere ends a case here.
    (Phase::Open, CommandKind::HandOver, Part::System),
    (Phase::KeptHere, CommandKind::HandOver, Part::System),
]);
