//! Taking a contact down.

use super::*;
use crate::intake::contact::{SafetyMark, is_in_a_province};
use crate::intake::stage::Stage;

/// A worker of the desk, at the moment of the contact, with nothing recorded yet.
fn at_first() -> Scenario<Intake> {
    given([]).by(worker()).at(at(0))
}

#[test]
fn a_contact_is_received_when_it_occurred() {
    at_first().when(record(call())).then([recorded(call())]);
}

#[test]
fn every_contact_that_is_no_case_is_a_fact_and_nothing_follows() {
    for kind in NonCase::ALL {
        let state = at_first()
            .when(record(no_case(*kind)))
            .then([recorded(no_case(*kind))])
            .state();
        assert_eq!(record_of(state).stage, Stage::NoCase);
    }
}

#[test]
fn a_call_needs_the_line_and_a_letter_does_not() {
    let call = Contact {
        line: None,
        ..call()
    };
    let letter = Contact {
        channel: Channel::Letter,
        ..call.clone()
    };
    at_first()
        .when(record(Contact {
            line: Some(Line::YouthHotline),
            ..letter.clone()
        }))
        .then_rejected(IntakeRejection::LineWithoutCall);
    at_first()
        .when(record(call))
        .then_rejected(IntakeRejection::LineMissing);
    at_first()
        .when(record(letter.clone()))
        .then([recorded(letter)]);
}

#[test]
fn a_forwarded_call_keeps_the_original_number() {
    let forwarded = Contact {
        channel: Channel::ForwardedCall,
        ..call()
    };
    let kept = Contact {
        original_number: Some(sealed(SealedClass::Identity)),
        ..forwarded.clone()
    };
    at_first()
        .when(record(forwarded))
        .then_rejected(IntakeRejection::OriginalNumberMissing);
    at_first()
        .when(record(Contact {
            channel: Channel::Phone,
            ..kept.clone()
        }))
        .then_rejected(IntakeRejection::NotForwarded);
    at_first().when(record(kept.clone())).then([recorded(kept)]);
}

#[test]
fn whoever_calls_about_oneself_has_one_identity() {
    let twice = Contact {
        caller_identity: Some(sealed(SealedClass::Identity)),
        ..call()
    };
    let of_another = Contact {
        caller_role: CallerRole::School,
        ..twice.clone()
    };
    at_first()
        .when(record(twice))
        .then_rejected(IntakeRejection::CallerIsSubject);
    at_first()
        .when(record(of_another.clone()))
        .then([recorded(of_another)]);
}

#[test]
fn people_live_in_provinces() {
    for (code, so) in [
        ("370200", true),
        ("310000", true),
        ("820000", true),
        ("999999", false),
        ("100000", false),
        ("000000", false),
    ] {
        assert_eq!(is_in_a_province(code.parse().unwrap()), so, "{code}");
    }
}

#[test]
fn nobody_records_contacts_for_the_desk_of_another_organization() {
    at_first()
        .by(staff_of(central(), Role::Worker))
        .when(record(call()))
        .then_rejected(IntakeRejection::OtherOrganization);
}

#[test]
fn another_organization_may_do_nothing_with_it_afterwards() {
    after([recorded(call()), triaged(RiskLevel::High)])
        .by(staff_of(central(), Role::Worker))
        .when(IntakeCommand::OpenCase)
        .then_rejected(IntakeRejection::OtherOrganization);
    // What they may never do is refused as it is for an intake that does not exist.
    let lift = || IntakeCommand::LiftSafetyMark {
        mark: SafetyMark::DoNotCallBack,
        reason: words(),
    };
    for history in [vec![recorded(call())], vec![]] {
        after(history)
            .by(staff_of(central(), Role::Worker))
            .when(lift())
            .then_rejected(not_permitted(CommandKind::LiftSafetyMark));
    }
}

#[test]
fn what_was_never_recorded_is_not_found_by_those_who_may_ask_and_forbidden_to_others() {
    at_first()
        .when(IntakeCommand::OpenCase)
        .then_rejected(IntakeRejection::NotFound);
    at_first()
        .by(staff(Role::Auditor))
        .when(IntakeCommand::OpenCase)
        .then_rejected(not_permitted(CommandKind::OpenCase));
}

#[test]
fn nothing_can_have_happened_before_the_contact() {
    after([recorded(call()), triaged(RiskLevel::High)])
        .at(at(-1))
        .when(IntakeCommand::OpenCase)
        .then_rejected(IntakeRejection::BeforeContact);
}

#[test]
fn what_is_learned_about_the_subject_later_replaces_what_was_noted() {
    let known = subject(AgeBand::Adult);
    let state = after([recorded(call_about(AgeBand::Unknown))])
        .when(IntakeCommand::DescribeSubject {
            subject: known.clone(),
        })
        .then([IntakeEvent::SubjectDescribed {
            subject: known.clone(),
        }])
        .state();
    let narrative = words();
    let matter = Matter::Concern {
        subject: known,
        narrative,
    };
    assert_eq!(record_of(state).contact.matter, matter);
}

#[test]
fn a_safety_mark_stands_until_a_supervisor_lifts_it() {
    let marked = IntakeEvent::SafetyMarked {
        mark: SafetyMark::NeverTellGuardian,
        note: Some(words()),
    };
    let lift = IntakeCommand::LiftSafetyMark {
        mark: SafetyMark::NeverTellGuardian,
        reason: words(),
    };
    let state = after([recorded(call())])
        .when(IntakeCommand::MarkSafety {
            mark: SafetyMark::NeverTellGuardian,
            note: Some(words()),
        })
        .then([marked.clone()])
        .state();
    assert!(
        record_of(state)
            .safety
            .contains(&SafetyMark::NeverTellGuardian)
    );

    after([recorded(call()), marked.clone()])
        .when(lift.clone())
        .then_rejected(not_permitted(CommandKind::LiftSafetyMark));
    let state = after([recorded(call()), marked])
        .by(supervisor())
        .when(lift.clone())
        .then([IntakeEvent::SafetyMarkLifted {
            mark: SafetyMark::NeverTellGuardian,
            reason: words(),
        }])
        .state();
    assert!(record_of(state).safety.is_empty());
    after([recorded(call())])
        .by(supervisor())
        .when(lift)
        .then_rejected(IntakeRejection::MarkNotSet);
}
