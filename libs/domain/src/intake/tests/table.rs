//! The table of who may do what when, cell by cell, against the same table written out by hand.

use super::*;
use crate::intake::WithoutCase;
use crate::intake::consent::{
    ConsentEntry, ConsentGiver, ConsentPurpose, ConsentState, LegalBasis,
};
use crate::intake::contact::SafetyMark;
use crate::intake::transitions::{Part, Phase, TRANSITIONS};
use crate::intake::triage::EmergencyService;
use crate::values::DisclosureBasis;
use eventsourcing::{Aggregate, Occasion};

/// W worker, S supervisor, R a rule of the system.
const CELLS: &str = "
command                NotRecorded NoCase AwaitingTriage Triaged Open KeptHere Ended
RecordContact          WS          -      -              -       -    -        -
DescribeSubject        -           -      WS             WS      WS   WS       -
TriageIntake           -           -      WS             -       -    -        -
ReassessIntake         -           -      -              WS      WS   WS       -
TellEmergencyService   -           -      WS             WS      WS   WS       -
MarkSafety             -           -      WS             WS      WS   WS       WS
LiftSafetyMark         -           -      S              S       S    S        S
RecordConsent          -           -      WS             WS      WS   WS       WS
ExpireConsent          -           -      R              R       R    R        R
RecordLegalBasis       -           -      WS             WS      WS   WS       WS
PlanCallback           -           -      -              WS      WS   WS       -
RecordCallbackAttempt  -           -      -              WS      WS   WS       -
MarkFirstActionMissed  -           -      -              R       R    R        -
MarkCallbackMissed     -           -      -              R       R    R        -
OpenCase               -           -      -              WS      -    -        -
ProposeReferral        -           -      -              -       S    S        -
EndWithoutCase         -           -      -              WS      -    -        -
KeepCaseHere           -           -      -              -       WS   -        -
HandOver               -           -      -              -       R    R        -
";

fn cell(command: CommandKind, phase: Phase) -> &'static str {
    let mut rows = CELLS.trim().lines().map(str::split_whitespace);
    let column = rows
        .next()
        .unwrap()
        .position(|name| name == phase.name())
        .unwrap();
    let mut row = rows
        .find(|row| row.clone().next() == Some(command.name()))
        .unwrap();
    row.nth(column).unwrap()
}

fn letter(part: Part) -> char {
    match part {
        Part::Worker => 'W',
        Part::Supervisor => 'S',
        Part::System => 'R',
    }
}

fn actor(part: Part) -> Actor {
    match part {
        Part::Worker => worker(),
        Part::Supervisor => supervisor(),
        Part::System => rule(),
    }
}

fn history(phase: Phase) -> Vec<IntakeEvent> {
    let triaged = || vec![recorded(call()), triaged(RiskLevel::High)];
    match phase {
        Phase::NotRecorded => vec![],
        Phase::NoCase => vec![recorded(no_case(NonCase::Silent))],
        Phase::AwaitingTriage => vec![recorded(call())],
        Phase::Triaged => triaged(),
        Phase::Open => [triaged(), vec![opened(RiskLevel::High)]].concat(),
        Phase::KeptHere => [
            triaged(),
            vec![opened(RiskLevel::High), kept_here(RiskLevel::High)],
        ]
        .concat(),
        Phase::Ended => [
            triaged(),
            vec![IntakeEvent::EndedWithoutCase {
                outcome: WithoutCase::NotOpened,
                note: None,
            }],
        ]
        .concat(),
    }
}

/// What else must have happened for nothing but the table to stand in the way.
fn willing(kind: CommandKind) -> Vec<IntakeEvent> {
    match kind {
        CommandKind::LiftSafetyMark => vec![IntakeEvent::SafetyMarked {
            mark: SafetyMark::DoNotCallBack,
            note: None,
        }],
        CommandKind::ExpireConsent => vec![IntakeEvent::ConsentRecorded {
            entry: Box::new(ConsentEntry {
                state: ConsentState::Given,
                valid_until: Some(at(5)),
                ..asked()
            }),
        }],
        CommandKind::RecordCallbackAttempt => vec![planned()],
        CommandKind::MarkCallbackMissed => vec![IntakeEvent::CallbackPlanned {
            plan: Box::new(CallbackPlan {
                until: at(5),
                ..plan()
            }),
        }],
        CommandKind::MarkFirstActionMissed => vec![IntakeEvent::Reassessed {
            from: RiskLevel::High,
            assessment: Box::new(assessment(RiskLevel::High)),
            first_action_due_at: Some(at(5)),
            worse_since: None,
            rules_version: "2026-01".to_owned(),
        }],
        _ => vec![],
    }
}

fn asked() -> ConsentEntry {
    ConsentEntry {
        state: ConsentState::Asked,
        by: ConsentGiver::Subject,
        purpose: ConsentPurpose::Referral,
        scope: BTreeSet::new(),
        receivers: BTreeSet::new(),
        valid_until: None,
        note: None,
    }
}

fn command(kind: CommandKind) -> IntakeCommand {
    match kind {
        CommandKind::RecordContact => record(call()),
        CommandKind::DescribeSubject => IntakeCommand::DescribeSubject {
            subject: subject(AgeBand::Adult),
        },
        CommandKind::TriageIntake => IntakeCommand::Triage {
            assessment: Box::new(assessment(RiskLevel::Low)),
            rules: rules(),
        },
        CommandKind::ReassessIntake => IntakeCommand::Reassess {
            assessment: Box::new(assessment(RiskLevel::Low)),
            rules: rules(),
            relay: Some(central()),
        },
        CommandKind::TellEmergencyService => IntakeCommand::TellEmergencyService {
            service: EmergencyService::Ambulance,
            note: None,
        },
        CommandKind::MarkSafety => IntakeCommand::MarkSafety {
            mark: SafetyMark::DoNotCallBack,
            note: None,
        },
        CommandKind::LiftSafetyMark => IntakeCommand::LiftSafetyMark {
            mark: SafetyMark::DoNotCallBack,
            reason: words(),
        },
        CommandKind::RecordConsent => IntakeCommand::RecordConsent {
            entry: Box::new(asked()),
        },
        CommandKind::ExpireConsent => IntakeCommand::ExpireConsent {
            by: ConsentGiver::Subject,
            purpose: ConsentPurpose::Referral,
        },
        CommandKind::RecordLegalBasis => IntakeCommand::RecordLegalBasis {
            basis: LegalBasis {
                basis: DisclosureBasis::Emergency,
                reason: words(),
            },
        },
        CommandKind::PlanCallback => IntakeCommand::PlanCallback {
            plan: Box::new(plan()),
        },
        CommandKind::RecordCallbackAttempt => attempt(CallbackOutcome::NoAnswer),
        CommandKind::MarkFirstActionMissed => IntakeCommand::MarkFirstActionMissed,
        CommandKind::MarkCallbackMissed => IntakeCommand::MarkCallbackMissed,
        CommandKind::OpenCase => IntakeCommand::OpenCase,
        CommandKind::ProposeReferral => IntakeCommand::ProposeReferral {
            relay: Some(central()),
            reason: words(),
        },
        CommandKind::EndWithoutCase => IntakeCommand::EndWithoutCase {
            outcome: WithoutCase::ShortService,
            note: None,
        },
        CommandKind::KeepCaseHere => IntakeCommand::KeepHere { note: None },
        CommandKind::HandOver => IntakeCommand::HandOver {
            to: party(QINGDAO),
            hop: hop(),
            epoch: 2,
        },
    }
}

fn decide(kind: CommandKind, phase: Phase, by: Actor) -> Result<Vec<IntakeEvent>, IntakeRejection> {
    let on = Occasion {
        actor: by,
        now: at(10),
        occurred_at: at(10),
    };
    let mut history = history(phase);
    if cell(kind, phase) != "-" {
        history.extend(willing(kind));
    }
    let intake: Intake = given(history).state();
    intake.decide(&command(kind), &on)
}

/// Somebody who may give the command in some phase is told about the phase; others only "no".
fn may_ever(kind: CommandKind, part: Part) -> bool {
    Phase::ALL
        .iter()
        .any(|phase| cell(kind, *phase).contains(letter(part)))
}

#[test]
fn decide_lets_through_exactly_the_cells_of_the_table() {
    for kind in CommandKind::ALL.iter().copied() {
        for phase in Phase::ALL.iter().copied() {
            for part in Part::ALL.iter().copied() {
                let decided = decide(kind, phase, actor(part));
                let place = format!("{kind:?} in {phase:?} by {part:?}: {decided:?}");
                if cell(kind, phase).contains(letter(part)) {
                    assert!(decided.is_ok(), "{place}");
                } else if !may_ever(kind, part) {
                    assert_eq!(decided, Err(not_permitted(kind)), "{place}");
                } else if phase == Phase::NotRecorded {
                    assert_eq!(decided, Err(IntakeRejection::NotFound), "{place}");
                } else {
                    let refused = TRANSITIONS.wrong_state(phase, kind, part).into();
                    assert_eq!(decided, Err(refused), "{place}");
                }
            }
        }
    }
}

#[test]
fn what_is_said_to_be_allowed_is_what_the_table_allows() {
    for phase in Phase::ALL.iter().copied() {
        for part in Part::ALL.iter().copied() {
            for kind in CommandKind::ALL.iter().copied() {
                assert_eq!(
                    TRANSITIONS.allowed(phase, part).contains(&kind),
                    cell(kind, phase).contains(letter(part)),
                );
            }
        }
    }
}

#[test]
fn roles_that_do_not_work_on_intakes_may_do_nothing() {
    for role in [
        Role::Authorised,
        Role::Visitor,
        Role::Auditor,
        Role::Administrator,
    ] {
        for command in CommandKind::ALL.iter().copied() {
            for phase in Phase::ALL.iter().copied() {
                assert_eq!(
                    decide(command, phase, staff(role)),
                    Err(not_permitted(command)),
                );
            }
        }
    }
}

#[test]
fn every_phase_is_reached_by_the_history_that_stands_for_it() {
    for phase in Phase::ALL.iter().copied() {
        let reached = match given(history(phase)).state() {
            Intake::NotRecorded => Phase::NotRecorded,
            Intake::Recorded(record) => record.stage.phase(),
        };
        assert_eq!(reached, phase);
    }
}
