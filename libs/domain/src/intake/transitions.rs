//! Who may do what with an intake in which phase: data, asked before every decision.

use eventsourcing::Actor;

use crate::acting::Acting;
use crate::transitions::{Cells, Transitions, count, rows};
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
    /// The commands by name; what people may call has the name of its RPC.
    pub enum CommandKind {
        RecordContact => "登记来访",
        DescribeSubject => "补充当事人情况",
        TriageIntake => "研判",
        ReassessIntake => "重新评估",
        TellEmergencyService => "通报110/120",
        MarkSafety => "标注安全提示",
        LiftSafetyMark => "解除安全提示",
        RecordConsent => "登记知情同意",
        ExpireConsent => "同意到期失效",
        RecordLegalBasis => "登记法定依据",
        PlanCallback => "安排回拨",
        RecordCallbackAttempt => "登记回拨结果",
        MarkFirstActionMissed => "标记首次响应超时",
        MarkCallbackMissed => "标记回拨超时",
        OpenCase => "开案",
        ProposeReferral => "提议转介",
        EndWithoutCase => "不开案结束",
        KeepCaseHere => "本地办理",
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

const STAFF: &[Part] = &[Part::Worker, Part::Supervisor];
const SUPERVISOR: &[Part] = &[Part::Supervisor];
const SYSTEM: &[Part] = &[Part::System];

const CELLS: &[Cells<Phase, CommandKind, Part>] = {
    use CommandKind::{
        DescribeSubject, EndWithoutCase, ExpireConsent, HandOver, KeepCaseHere, LiftSafetyMark,
        MarkCallbackMissed, MarkFirstActionMissed, MarkSafety, OpenCase, PlanCallback,
        ProposeReferral, ReassessIntake, RecordCallbackAttempt, RecordConsent, RecordContact,
        RecordLegalBasis, TellEmergencyService, TriageIntake,
    };
    use Phase::{AwaitingTriage, Ended, KeptHere, NotRecorded, Open, Triaged};
    /// Somebody works on it.
    const ALIVE: &[Phase] = &[AwaitingTriage, Triaged, Open, KeptHere];
    const ASSESSED: &[Phase] = &[Triaged, Open, KeptHere];
    /// What is learned about dangers and consents counts whatever has become of the contact.
    const KNOWN: &[Phase] = &[AwaitingTriage, Triaged, Open, KeptHere, Ended];
    &[
        (RecordContact, &[NotRecorded], STAFF),
        (DescribeSubject, ALIVE, STAFF),
        (TriageIntake, &[AwaitingTriage], STAFF),
        (ReassessIntake, ASSESSED, STAFF),
        (TellEmergencyService, ALIVE, STAFF),
        (MarkSafety, KNOWN, STAFF),
        // A second person looks before a protection goes.
        (LiftSafetyMark, KNOWN, SUPERVISOR),
        (RecordConsent, KNOWN, STAFF),
        (ExpireConsent, KNOWN, SYSTEM),
        (RecordLegalBasis, KNOWN, STAFF),
        (PlanCallback, ASSESSED, STAFF),
        (RecordCallbackAttempt, ASSESSED, STAFF),
        (MarkFirstActionMissed, ASSESSED, SYSTEM),
        (MarkCallbackMissed, ASSESSED, SYSTEM),
        (OpenCase, &[Triaged], STAFF),
        (ProposeReferral, &[Open, KeptHere], SUPERVISOR),
        (EndWithoutCase, &[Triaged], STAFF),
        (KeepCaseHere, &[Open], STAFF),
        // Only custody taken elsewhere ends a case here.
        (HandOver, &[Open, KeptHere], SYSTEM),
    ]
};

/// What is not here is not allowed.
pub static TRANSITIONS: Transitions<Phase, CommandKind, Part> =
    Transitions(&rows::<_, _, _, { count(CELLS) }>(CELLS));
