//! What can be wrong with each command's request, field by field, and what makes it another request.

use domain::intake::transitions::CommandKind;
use proto::intake::v1 as pb;
use proto::types::v1 as types;
use uuid::Uuid;

use crate::asked::{Asked, Change, concern};

macro_rules! change {
    ($kind:ident, $asked:ident, $change:expr) => {
        (|asked: &mut Asked| {
            let Asked::$kind($asked) = asked else {
                unreachable!("not this request: {asked:?}")
            };
            $change;
        }) as Change
    };
}

macro_rules! spoilt {
    ($kind:ident, $($field:literal: |$asked:ident| $change:expr),+ $(,)?) => {
        vec![$(($field, change!($kind, $asked, $change))),+]
    };
}

fn assessment(asked: &mut Option<pb::Assessment>) -> &mut pb::Assessment {
    asked.as_mut().unwrap()
}

fn subject(asked: &mut pb::RecordContactRequest) -> &mut pb::Subject {
    concern(asked).subject.as_mut().unwrap()
}

fn long(characters: usize) -> String {
    "说".repeat(characters)
}

/// The fields of the command's request, each with what makes it wrong.
#[expect(
    clippy::too_many_lines,
    reason = "a table: the fields of every command"
)]
pub(crate) fn spoilt(kind: CommandKind) -> Vec<(&'static str, Change)> {
    match kind {
        CommandKind::RecordContact => spoilt!(RecordContact,
            "desk_id": |asked| asked.desk_id.clear(),
            "desk_id": |asked| asked.desk_id = "310000-desk".into(),
            "desk_id": |asked| asked.desk_id = format!("310000-{}", Uuid::nil()),
            "desk_id": |asked| asked.desk_id = format!("999999-{}", Uuid::nil()),
            "channel": |asked| asked.channel = 0,
            "channel": |asked| asked.channel = 99,
            "channel": |asked| asked.channel = -1,
            "line": |asked| asked.line = 99,
            "line": |asked| asked.line = 0,
            "line": |asked| asked.channel = pb::Channel::Letter.into(),
            "original_number": |asked| asked.channel = pb::Channel::ForwardedCall.into(),
            "original_number": |asked| asked.original_number = "原号".into(),
            "caller_role": |asked| asked.caller_role = 0,
            "caller_role": |asked| asked.caller_role = 99,
            "caller_identity": |asked| asked.caller_identity = "陈佳".into(),
            "number": |asked| asked.number = long(1_001),
            "matter": |asked| asked.matter = None,
            "concern.subject": |asked| concern(asked).subject = None,
            "concern.subject.age_band": |asked| subject(asked).age_band = 0,
            "concern.subject.age_band": |asked| subject(asked).age_band = 9,
            "concern.subject.lives_in": |asked| subject(asked).lives_in = "Qingdao".into(),
            "concern.subject.lives_in": |asked| subject(asked).lives_in = "999999".into(),
            "concern.subject.lives_in": |asked| subject(asked).lives_in = "100000".into(),
            "concern.subject.identity": |asked| subject(asked).identity = long(1_001),
            "concern.narrative": |asked| concern(asked).narrative = "  ".into(),
            "concern.narrative": |asked| concern(asked).narrative = long(16_001),
            "no_case.kind": |asked| asked.matter = no_case(0, ""),
            "no_case.kind": |asked| asked.matter = no_case(99, ""),
            "no_case.note": |asked| asked.matter = no_case(1, &long(16_001)),
        ),
        CommandKind::DescribeSubject => spoilt!(DescribeSubject,
            "subject": |asked| asked.subject = None,
            "subject.age_band": |asked| asked.subject.as_mut().unwrap().age_band = 0,
            "subject.age_band": |asked| asked.subject.as_mut().unwrap().age_band = 99,
            "subject.lives_in": |asked| asked.subject.as_mut().unwrap().lives_in = "999999".into(),
            "subject.identity": |asked| asked.subject.as_mut().unwrap().identity = long(1_001),
        ),
        CommandKind::TriageIntake => spoilt!(TriageIntake,
            "assessment": |asked| asked.assessment = None,
            "assessment.case_type": |asked| assessment(&mut asked.assessment).case_type = 0,
            "assessment.case_type": |asked| assessment(&mut asked.assessment).case_type = 99,
            "assessment.subtype": |asked| assessment(&mut asked.assessment).subtype = 0,
            "assessment.subtype": |asked| assessment(&mut asked.assessment).subtype = 99,
            "assessment.flags": |asked| assessment(&mut asked.assessment).flags = vec![1, 99],
            "assessment.flags": |asked| assessment(&mut asked.assessment).flags = vec![0],
            "assessment.risk": |asked| assessment(&mut asked.assessment).risk = 0,
            "assessment.risk": |asked| assessment(&mut asked.assessment).risk = 99,
            "assessment.reasons": |asked| assessment(&mut asked.assessment).reasons.clear(),
            "assessment.reasons": |asked| assessment(&mut asked.assessment).reasons = vec![99],
            "assessment.summary": |asked| assessment(&mut asked.assessment).summary.clear(),
            "assessment.summary": |asked| assessment(&mut asked.assessment).summary = long(2_001),
            "assessment.note": |asked| assessment(&mut asked.assessment).note = long(16_001),
        ),
        CommandKind::ReassessIntake => spoilt!(ReassessIntake,
            "assessment": |asked| asked.assessment = None,
            "assessment.risk": |asked| assessment(&mut asked.assessment).risk = 99,
            "assessment.reasons": |asked| assessment(&mut asked.assessment).reasons.clear(),
            "assessment.summary": |asked| assessment(&mut asked.assessment).summary = " ".into(),
        ),
        CommandKind::TellEmergencyService => spoilt!(TellEmergencyService,
            "service": |asked| asked.service = 0,
            "service": |asked| asked.service = 99,
            "note": |asked| asked.note = long(16_001),
        ),
        CommandKind::MarkSafety => spoilt!(MarkSafety,
            "mark": |asked| asked.mark = 0,
            "mark": |asked| asked.mark = 99,
            "note": |asked| asked.note = long(16_001),
        ),
        CommandKind::LiftSafetyMark => spoilt!(LiftSafetyMark,
            "mark": |asked| asked.mark = 0,
            "mark": |asked| asked.mark = 99,
            "reason": |asked| asked.reason = "  ".into(),
            "reason": |asked| asked.reason = long(16_001),
        ),
        CommandKind::RecordConsent => spoilt!(RecordConsent,
            "state": |asked| asked.state = 0,
            "state": |asked| asked.state = 99,
            "by": |asked| asked.by = 0,
            "by": |asked| asked.by = 99,
            "purpose": |asked| asked.purpose = 0,
            "purpose": |asked| asked.purpose = 99,
            "scope": |asked| asked.scope = vec![99],
            "scope": |asked| asked.scope.clear(),
            "receiver_ids": |asked| asked.receiver_ids.clear(),
            "receiver_ids": |asked| asked.receiver_ids = vec!["1".into()],
            "receiver_ids": |asked| asked.receiver_ids = vec![format!("310000-{}", Uuid::nil())],
            "valid_until": |asked| asked.valid_until = never(),
            "valid_until": |asked| asked.valid_until = Some(prost_types::Timestamp::default()),
            "note": |asked| asked.note = long(16_001),
        ),
        CommandKind::RecordLegalBasis => spoilt!(RecordLegalBasis,
            "basis": |asked| asked.basis = 0,
            "basis": |asked| asked.basis = 99,
            "basis": |asked| asked.basis = types::DisclosureBasis::ConsentSelf.into(),
            "reason": |asked| asked.reason.clear(),
        ),
        CommandKind::PlanCallback => spoilt!(PlanCallback,
            "number": |asked| asked.number = long(1_001),
            "from": |asked| asked.from = None,
            "from": |asked| asked.from = never(),
            "until": |asked| asked.until = None,
            "until": |asked| asked.until = Some(prost_types::Timestamp::default()),
            "until": |asked| asked.from.clone_from(&asked.until),
        ),
        CommandKind::RecordCallbackAttempt => spoilt!(RecordCallbackAttempt,
            "outcome": |asked| asked.outcome = 0,
            "outcome": |asked| asked.outcome = 99,
            "note": |asked| asked.note = long(16_001),
        ),
        CommandKind::ProposeReferral => spoilt!(ProposeReferral,
            "reason": |asked| asked.reason.clear(),
            "reason": |asked| asked.reason = long(16_001),
        ),
        CommandKind::EndWithoutCase => spoilt!(EndWithoutCase,
            "outcome": |asked| asked.outcome = 0,
            "outcome": |asked| asked.outcome = 99,
            "note": |asked| asked.note = long(16_001),
        ),
        CommandKind::KeepCaseHere => spoilt!(KeepCaseHere,
            "note": |asked| asked.note = long(16_001),
        ),
        // It has no field of its own; and what nobody can call has none at all.
        CommandKind::OpenCase
        | CommandKind::ExpireConsent
        | CommandKind::MarkFirstActionMissed
        | CommandKind::MarkCallbackMissed
        | CommandKind::HandOver => vec![],
    }
}

/// Makes it a request with other content.
pub(crate) fn otherwise(kind: CommandKind) -> Change {
    match kind {
        CommandKind::RecordContact => change!(RecordContact, asked, asked.number = "乙".into()),
        CommandKind::DescribeSubject => change!(
            DescribeSubject,
            asked,
            asked.subject.as_mut().unwrap().lives_in.clear()
        ),
        CommandKind::TriageIntake => change!(
            TriageIntake,
            asked,
            assessment(&mut asked.assessment).note = "又".into()
        ),
        CommandKind::ReassessIntake => change!(
            ReassessIntake,
            asked,
            assessment(&mut asked.assessment).note = "又".into()
        ),
        CommandKind::TellEmergencyService => {
            change!(TellEmergencyService, asked, asked.note.clear())
        }
        CommandKind::MarkSafety => change!(MarkSafety, asked, asked.note.clear()),
        CommandKind::LiftSafetyMark => change!(LiftSafetyMark, asked, asked.reason.push('又')),
        CommandKind::RecordConsent => change!(RecordConsent, asked, asked.valid_until = None),
        CommandKind::RecordLegalBasis => change!(RecordLegalBasis, asked, asked.reason.push('又')),
        CommandKind::PlanCallback => change!(PlanCallback, asked, asked.number.clear()),
        CommandKind::RecordCallbackAttempt => {
            change!(RecordCallbackAttempt, asked, asked.note.clear())
        }
        CommandKind::ProposeReferral => change!(ProposeReferral, asked, asked.reason.push('又')),
        CommandKind::EndWithoutCase => change!(EndWithoutCase, asked, asked.note.clear()),
        CommandKind::KeepCaseHere => change!(KeepCaseHere, asked, asked.note.clear()),
        // Its only content is which intake it is about.
        CommandKind::OpenCase => {
            change!(
                OpenCase,
                asked,
                asked.intake_id = format!("310000-{}", Uuid::nil())
            )
        }
        CommandKind::ExpireConsent
        | CommandKind::MarkFirstActionMissed
        | CommandKind::MarkCallbackMissed
        | CommandKind::HandOver => unreachable!("nobody can call {kind:?}"),
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a message field of the contract is optional"
)]
fn never() -> Option<prost_types::Timestamp> {
    let (seconds, nanos) = (i64::MAX, 0);
    Some(prost_types::Timestamp { seconds, nanos })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "a message field of the contract is optional"
)]
fn no_case(kind: i32, note: &str) -> Option<pb::record_contact_request::Matter> {
    let note = note.to_owned();
    let nothing = pb::NoMatter { kind, note };
    Some(pb::record_contact_request::Matter::NoCase(nothing))
}
