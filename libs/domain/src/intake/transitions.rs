//! Who may do what with an intake in which phase: data, asked before every decision.

use eventsourcing::Actor;

use super::rejection::IntakeRejection;
use crate::values::{Role, Term, terms};

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
    fn of(actor: &Actor) -> Option<Self> {
        match actor {
            Actor::System { .. } => Some(Self::System),
            Actor::Person { role, .. } => match role.parse() {
                Ok(Role::Worker) => Some(Self::Worker),
                Ok(Role::Supervisor) => Some(Self::Supervisor),
                _ => None,
            },
        }
    }
}

/// A row: the command, who may give it, and in which phases.
pub type Row = (CommandKind, &'static [Part], &'static [Phase]);

const STAFF: &[Part] = &[Part::Worker, Part::Supervisor];
/// Somebody needs something, and the desk is still responsible.
const LIVE: &[Phase] = &[
    Phase::AwaitingTriage,
    Phase::Triaged,
    Phase::Open,
    Phase::KeptHere,
];
const ASSESSED: &[Phase] = &[Phase::Triaged, Phase::Open, Phase::KeptHere];
const CASE: &[Phase] = &[Phase::Open, Phase::KeptHere];
/// Consent is withdrawn or ends whatever has become of the contact.
const CONSENT: &[Phase] = &[
    Phase::AwaitingTriage,
    Phase::Triaged,
    Phase::Open,
    Phase::KeptHere,
    Phase::Ended,
];

/// What is not here is not allowed.
pub const TRANSITIONS: &[Row] = &[
    (CommandKind::RecordContact, STAFF, &[Phase::NotRecorded]),
    (CommandKind::DescribeSubject, STAFF, LIVE),
    (CommandKind::Triage, STAFF, &[Phase::AwaitingTriage]),
    (CommandKind::Reassess, STAFF, ASSESSED),
    (CommandKind::TellEmergencyService, STAFF, LIVE),
    (CommandKind::MarkSafety, STAFF, LIVE),
    // A second person looks before a protection goes.
    (CommandKind::LiftSafetyMark, &[Part::Supervisor], LIVE),
    (CommandKind::RecordConsent, STAFF, CONSENT),
    (CommandKind::ExpireConsent, &[Part::System], CONSENT),
    (CommandKind::RecordLegalBasis, STAFF, LIVE),
    (CommandKind::PlanCallback, STAFF, ASSESSED),
    (CommandKind::RecordAttempt, STAFF, ASSESSED),
    (
        CommandKind::MarkFirstActionMissed,
        &[Part::System],
        ASSESSED,
    ),
    (CommandKind::OpenCase, STAFF, &[Phase::Triaged]),
    (CommandKind::ProposeReferral, &[Part::Supervisor], CASE),
    (CommandKind::EndWithoutCase, STAFF, &[Phase::Triaged]),
    (CommandKind::KeepHere, STAFF, &[Phase::Open]),
    // Only custody taken elsewhere ends a case here.
    (CommandKind::HandOver, &[Part::System], CASE),
];

/// Whether this actor may ever give this command; decided before anything about the intake is said.
pub(super) fn permit(command: CommandKind, actor: &Actor) -> Result<Part, IntakeRejection> {
    Part::of(actor)
        .filter(|part| {
            TRANSITIONS
                .iter()
                .any(|(row, parts, _)| *row == command && parts.contains(part))
        })
        .ok_or(IntakeRejection::NotPermitted { command })
}

/// Whether the command fits the phase.
pub(super) fn allow(command: CommandKind, phase: Phase, part: Part) -> Result<(), IntakeRejection> {
    let allowed = allowed_commands(phase, part);
    if allowed.contains(&command) {
        return Ok(());
    }
    Err(IntakeRejection::NotInPhase {
        command,
        phase,
        allowed,
    })
}

/// What somebody may do in a phase.
pub fn allowed_commands(phase: Phase, part: Part) -> Vec<CommandKind> {
    CommandKind::ALL
        .iter()
        .copied()
        .filter(|command| {
            TRANSITIONS.iter().any(|(row, parts, phases)| {
                row == command && parts.contains(&part) && phases.contains(&phase)
            })
        })
        .collect()
}
