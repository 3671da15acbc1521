//! Triage, reassessment, and the first thing a person does.

use super::*;
use crate::intake::contact::SafetyMark;
use crate::intake::triage::{EmergencyService, ReportFlag};

fn triage(assessment: Assessment) -> IntakeCommand {
    IntakeCommand::Triage {
        assessment: Box::new(assessment),
        rules: rules(),
    }
}

fn reassess(assessment: Assessment) -> IntakeCommand {
    IntakeCommand::Reassess {
        assessment: Box::new(assessment),
        rules: rules(),
        relay: Some(central()),
    }
}

fn reassessed(
    from: RiskLevel,
    to: RiskLevel,
    first_action_due_at: Option<Timestamp>,
) -> IntakeEvent {
    IntakeEvent::Reassessed {
        from,
        assessment: Box::new(assessment(to)),
        first_action_due_at,
        worse_since: (to < from).then(|| at(10)),
        rules_version: "2026-01".to_owned(),
    }
}

fn told() -> IntakeEvent {
    told_at(10)
}

fn told_at(minutes: i64) -> IntakeEvent {
    IntakeEvent::EmergencyServiceTold {
        service: EmergencyService::Police,
        at: Some(at(minutes)),
        note: None,
    }
}

#[test]
fn the_first_action_is_due_by_the_risk_counted_from_the_contact() {
    for (risk, due_at) in [
        (RiskLevel::Immediate, at(0)),
        (RiskLevel::High, at(120)),
        (RiskLevel::Medium, at(24 * 60)),
        (RiskLevel::Low, "2026-01-08T16:00:00Z".parse().unwrap()),
        (RiskLevel::Watch, at(7 * 24 * 60)),
    ] {
        after([recorded(call())])
            .when(triage(assessment(risk)))
            .then([IntakeEvent::Triaged {
                assessment: Box::new(assessment(risk)),
                first_action_due_at: Some(due_at),
                rules_version: "2026-01".to_owned(),
            }]);
    }
}

#[test]
fn nothing_is_owed_first_once_the_police_have_been_told() {
    after([recorded(call()), told()])
        .when(triage(assessment(RiskLevel::Immediate)))
        .then([IntakeEvent::Triaged {
            assessment: Box::new(assessment(RiskLevel::Immediate)),
            first_action_due_at: None,
            rules_version: "2026-01".to_owned(),
        }]);
}

#[test]
fn no_level_is_set_or_kept_without_a_reason() {
    let silent = Assessment {
        reasons: BTreeSet::new(),
        ..assessment(RiskLevel::Low)
    };
    after([recorded(call())])
        .when(triage(silent.clone()))
        .then_rejected(IntakeRejection::ReasonsMissing);
    after([recorded(call()), triaged(RiskLevel::Low)])
        .when(reassess(silent))
        .then_rejected(IntakeRejection::ReasonsMissing);
}

#[test]
fn a_worse_risk_moves_the_first_action_forward_and_a_lesser_one_never_back() {
    let history = [recorded(call()), triaged(RiskLevel::Medium)];
    after(history.clone())
        .when(reassess(assessment(RiskLevel::Immediate)))
        .then([reassessed(
            RiskLevel::Medium,
            RiskLevel::Immediate,
            Some(at(10)),
        )]);
    after(history)
        .when(reassess(assessment(RiskLevel::Watch)))
        .then([reassessed(
            RiskLevel::Medium,
            RiskLevel::Watch,
            Some(at(30)),
        )]);
}

#[test]
fn after_the_first_action_only_a_worse_risk_owes_another() {
    let history = [recorded(call()), triaged(RiskLevel::Medium), told()];
    after(history.clone())
        .when(reassess(assessment(RiskLevel::Medium)))
        .then([reassessed(RiskLevel::Medium, RiskLevel::Medium, None)]);
    after(history)
        .when(reassess(assessment(RiskLevel::High)))
        .then([reassessed(
            RiskLevel::Medium,
            RiskLevel::High,
            Some(at(130)),
        )]);
}

#[test]
fn a_missed_first_action_is_marked_once_and_only_when_due() {
    let history = [recorded(call()), triaged(RiskLevel::High)];
    let mark = || IntakeCommand::MarkFirstActionMissed;
    let missed = IntakeEvent::FirstActionMissed { due_at: at(30) };
    let owed = |history: Vec<IntakeEvent>| record_of(after(history).state()).first_action_due_at;
    let after_the_miss = [history.to_vec(), vec![missed.clone()]].concat();
    assert_eq!(owed(after_the_miss), Some(at(30)), "missed is owed still");
    after(history.clone())
        .by(rule())
        .at(at(29))
        .when(mark())
        .then_rejected(IntakeRejection::NothingDue);
    after(history.clone())
        .by(rule())
        .at(at(30))
        .when(mark())
        .then([missed.clone()]);
    for done in [
        missed,
        told(),
        attempted(1, 20, CallbackOutcome::NoAnswer),
        opened(RiskLevel::High),
    ] {
        let still_owed = matches!(done, IntakeEvent::CaseOpened { .. });
        let then = after(history.clone().into_iter().chain([done]))
            .by(rule())
            .at(at(31))
            .when(mark());
        if still_owed {
            // Opening a case is paper: nobody has done anything for the child yet.
            then.then([IntakeEvent::FirstActionMissed { due_at: at(30) }]);
        } else {
            then.then_rejected(IntakeRejection::NothingDue);
        }
    }
}

fn first_action(history: &[IntakeEvent]) -> (Option<Timestamp>, bool) {
    let record = record_of(given(history.to_vec()).state());
    (record.first_action_due_at, record.first_action_missed)
}

#[test]
fn after_a_missed_first_action_a_worse_risk_has_a_clock_of_its_own() {
    let missed = |due| IntakeEvent::FirstActionMissed { due_at: at(due) };
    let mut history = vec![recorded(call()), triaged(RiskLevel::Medium), missed(30)];
    let worse = || reassess(assessment(RiskLevel::High));
    let reassessed = IntakeEvent::Reassessed {
        from: RiskLevel::Medium,
        assessment: Box::new(assessment(RiskLevel::High)),
        first_action_due_at: Some(at(160)),
        worse_since: Some(at(40)),
        rules_version: "2026-01".to_owned(),
    };
    after(history.clone())
        .at(at(40))
        .when(worse())
        .then([reassessed.clone()]);
    history.push(reassessed);
    assert_eq!(first_action(&history), (Some(at(160)), false));
    let mark = || IntakeCommand::MarkFirstActionMissed;
    after(history.clone())
        .by(rule())
        .at(at(159))
        .when(mark())
        .then_rejected(IntakeRejection::NothingDue);
    after(history.clone())
        .by(rule())
        .at(at(160))
        .when(mark())
        .then([missed(160)]);
    // What is no worse starts nothing anew.
    history.push(missed(160));
    let same = IntakeEvent::Reassessed {
        from: RiskLevel::High,
        assessment: Box::new(assessment(RiskLevel::High)),
        first_action_due_at: Some(at(160)),
        worse_since: None,
        rules_version: "2026-01".to_owned(),
    };
    after(history.clone())
        .at(at(170))
        .when(worse())
        .then([same.clone()]);
    history.push(same);
    assert_eq!(first_action(&history), (Some(at(160)), true));
}

#[test]
fn what_was_done_before_the_risk_became_worse_ends_nothing_that_is_owed_since() {
    let history = [
        recorded(call()),
        triaged(RiskLevel::Medium),
        IntakeEvent::Reassessed {
            from: RiskLevel::Medium,
            assessment: Box::new(assessment(RiskLevel::High)),
            first_action_due_at: Some(at(180)),
            worse_since: Some(at(60)),
            rules_version: "2026-01".to_owned(),
        },
    ];
    for done in [
        |minutes| attempted(1, minutes, CallbackOutcome::NoAnswer),
        told_at,
    ] {
        for (minutes, owed) in [(59, Some(at(180))), (60, None), (61, None)] {
            let history = [history.as_slice(), &[done(minutes)]].concat();
            assert_eq!(first_action(&history), (owed, false), "{minutes}");
        }
    }
}

fn suspecting_the_guardian() -> Assessment {
    Assessment {
        reasons: [RiskReason::GuardianSuspected].into(),
        ..assessment(RiskLevel::Medium)
    }
}

fn marked() -> IntakeEvent {
    IntakeEvent::SafetyMarked {
        mark: SafetyMark::NeverTellGuardian,
        note: None,
    }
}

fn triaged_with(assessment: Assessment) -> IntakeEvent {
    IntakeEvent::Triaged {
        assessment: Box::new(assessment),
        first_action_due_at: Some(at(24 * 60)),
        rules_version: "2026-01".to_owned(),
    }
}

#[test]
fn a_guardian_whom_the_assessment_suspects_is_marked_with_it() {
    after([recorded(call())])
        .when(triage(suspecting_the_guardian()))
        .then([triaged_with(suspecting_the_guardian()), marked()]);
    after([recorded(call()), marked()])
        .when(triage(suspecting_the_guardian()))
        .then([triaged_with(suspecting_the_guardian())]);
    let again = IntakeEvent::Reassessed {
        from: RiskLevel::Medium,
        assessment: Box::new(suspecting_the_guardian()),
        first_action_due_at: Some(at(30)),
        worse_since: None,
        rules_version: "2026-01".to_owned(),
    };
    after([recorded(call()), triaged(RiskLevel::Medium)])
        .when(reassess(suspecting_the_guardian()))
        .then([again, marked()]);
}

#[test]
fn the_mark_stands_while_the_assessment_in_force_suspects_the_guardian() {
    let history = [
        recorded(call()),
        triaged_with(suspecting_the_guardian()),
        marked(),
    ];
    let lift = || IntakeCommand::LiftSafetyMark {
        mark: SafetyMark::NeverTellGuardian,
        reason: words(),
    };
    after(history.clone())
        .by(supervisor())
        .when(lift())
        .then_rejected(IntakeRejection::GuardianStillSuspected);
    let cleared = IntakeEvent::Reassessed {
        from: RiskLevel::Medium,
        assessment: Box::new(assessment(RiskLevel::Medium)),
        first_action_due_at: None,
        worse_since: None,
        rules_version: "2026-01".to_owned(),
    };
    after(history.into_iter().chain([cleared]))
        .by(supervisor())
        .when(lift())
        .then([IntakeEvent::SafetyMarkLifted {
            mark: SafetyMark::NeverTellGuardian,
            reason: words(),
        }]);
}

#[test]
fn each_of_the_nine_flags_goes_with_the_case_and_with_its_proposal() {
    assert_eq!(ReportFlag::ALL.len(), 9);
    let flags: BTreeSet<ReportFlag> = ReportFlag::ALL.iter().copied().collect();
    let flagged = Assessment {
        flags: flags.clone(),
        ..assessment(RiskLevel::High)
    };
    let history = [
        recorded(call()),
        IntakeEvent::Triaged {
            assessment: Box::new(flagged),
            first_action_due_at: None,
            rules_version: "2026-01".to_owned(),
        },
    ];
    after(history)
        .when(IntakeCommand::OpenCase)
        .then([IntakeEvent::CaseOpened {
            custodian: desk(),
            case_type: CaseType::PsychologicalSupport,
            risk: RiskLevel::High,
            flags,
        }]);
}

#[test]
fn emergency_services_are_told_beside_everything_else() {
    for history in [
        vec![recorded(call())],
        vec![recorded(call()), triaged(RiskLevel::Immediate)],
    ] {
        after(history)
            .when(IntakeCommand::TellEmergencyService {
                service: EmergencyService::Police,
                note: None,
            })
            .then([told()]);
    }
}
