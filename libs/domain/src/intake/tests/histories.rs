//! What holds whatever people do: random histories.

use eventsourcing::{Aggregate, Occasion};
use proptest::prelude::*;

use super::*;
use crate::intake::contact::SafetyMark;
use crate::intake::record::Record;
use crate::intake::triage::EmergencyService;
use crate::intake::{ProposalCause, WithoutCase};

/// Something somebody tries, some minutes after the last thing, claimed to have occurred earlier.
#[derive(Debug, Clone)]
struct Move {
    minutes_later: i64,
    minutes_ago: i64,
    by: Actor,
    command: IntakeCommand,
}

fn any_move() -> impl Strategy<Value = Move> {
    let actor = prop_oneof![
        6 => Just(worker()),
        2 => Just(supervisor()),
        1 => Just(rule()),
        1 => Just(staff_of(central(), Role::Worker)),
    ];
    // In steps of ten minutes, so that the edge of the rule's two hours is met often.
    let later = prop_oneof![12 => 0i64..3, 1 => Just(15)];
    (later, 0i64..3, actor, any_command()).prop_map(|(later, ago, by, command)| Move {
        minutes_later: later * 10,
        minutes_ago: ago * 10,
        by,
        command,
    })
}

fn any_risk() -> impl Strategy<Value = RiskLevel> {
    prop::sample::select(RiskLevel::ALL)
}

fn any_assessment() -> impl Strategy<Value = Box<Assessment>> {
    (any_risk(), any::<bool>()).prop_map(|(risk, silent)| {
        let reasons = if silent {
            BTreeSet::new()
        } else {
            [RiskReason::NewFacts].into()
        };
        Box::new(Assessment {
            reasons,
            ..assessment(risk)
        })
    })
}

fn any_command() -> impl Strategy<Value = IntakeCommand> {
    let note = None;
    prop_oneof![
        1 => Just(record(call())),
        2 => any_assessment().prop_map(|assessment| IntakeCommand::Triage {
            assessment,
            rules: rules(),
        }),
        2 => any_assessment().prop_map(|assessment| IntakeCommand::Reassess {
            assessment,
            rules: rules(),
            relay: Some(central()),
        }),
        4 => Just(IntakeCommand::PlanCallback {
            plan: Box::new(CallbackPlan { until: Timestamp::MAX, ..plan() }),
        }),
        20 => prop_oneof![
            6 => Just(CallbackOutcome::NoAnswer),
            1 => prop::sample::select(CallbackOutcome::ALL),
        ]
        .prop_map(attempt),
        1 => Just(IntakeCommand::MarkSafety {
            mark: SafetyMark::NeverTellGuardian,
            note: note.clone(),
        }),
        1 => Just(IntakeCommand::TellEmergencyService {
            service: EmergencyService::Police,
            note: note.clone(),
        }),
        1 => Just(IntakeCommand::OpenCase),
        1 => Just(IntakeCommand::ProposeReferral { relay: Some(central()), reason: words() }),
        1 => Just(IntakeCommand::EndWithoutCase {
            outcome: WithoutCase::ShortService,
            note: note.clone(),
        }),
        1 => Just(IntakeCommand::KeepHere { note }),
        1 => Just(IntakeCommand::MarkFirstActionMissed),
    ]
}

fn any_history() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec(any_move(), 0..80)
}

/// What the moves lead to: for each that was accepted, its events.
fn play(moves: &[Move]) -> Vec<Vec<IntakeEvent>> {
    let mut intake = Intake::default();
    let mut now = at(0);
    let mut accepted = Vec::new();
    let first = Move {
        minutes_later: 0,
        minutes_ago: 0,
        by: worker(),
        command: record(call()),
    };
    for Move {
        minutes_later,
        minutes_ago,
        by,
        command,
    } in std::iter::once(&first).chain(moves)
    {
        now += SignedDuration::from_mins(*minutes_later);
        let on = Occasion {
            actor: by.clone(),
            now,
            occurred_at: now - SignedDuration::from_mins(*minutes_ago),
        };
        if let Ok(events) = intake.decide(command, &on) {
            for event in &events {
                intake.evolve(event);
            }
            accepted.push(events);
        }
    }
    accepted
}

fn state(events: &[IntakeEvent]) -> Record {
    record_of(given(events.to_vec()).state())
}

fn risk(events: &[IntakeEvent]) -> Option<RiskLevel> {
    state(events).stage.assessment().map(|now| now.risk)
}

/// The rule in other words: at High or worse, some two hours hold five failed attempts with the
/// person not reached between or after.
fn rule_asks_for_a_referral(attempts: &[Attempt], risk: RiskLevel) -> bool {
    let worse = matches!(risk, RiskLevel::Immediate | RiskLevel::High);
    let reached_last = attempts
        .iter()
        .enumerate()
        .filter(|(_, attempt)| attempt.outcome.reached())
        .map(|(place, attempt)| (attempt.at, place))
        .max();
    let failed: Vec<Timestamp> = attempts
        .iter()
        .enumerate()
        .filter(|(place, attempt)| reached_last < Some((attempt.at, *place)))
        .map(|(_, attempt)| attempt.at)
        .collect();
    let five_from = |start: Timestamp| {
        let hours = start..=start + SignedDuration::from_hours(2);
        failed.iter().filter(|at| hours.contains(at)).count() >= 5
    };
    worse && failed.iter().any(|start| five_from(*start))
}

proptest! {
    #[test]
    fn the_rule_fires_as_soon_as_it_holds_and_once(moves in any_history()) {
        let mut attempts = Vec::new();
        let mut so_far = Vec::new();
        let mut fired = false;
        for events in play(&moves) {
            let fires = events
                .iter()
                .any(|event| matches!(event, IntakeEvent::CallbacksExhausted { .. }));
            if let [IntakeEvent::CallbackAttempted { attempt, .. }, ..] = events.as_slice() {
                attempts.push(*attempt);
            }
            so_far.extend(events);
            let asked = risk(&so_far).is_some_and(|risk| rule_asks_for_a_referral(&attempts, risk));
            prop_assert_eq!(fires, asked && !fired);
            fired |= fires;
        }
    }

    /// Whatever was missed before: at a risk that has become worse, nobody waits without a clock.
    #[test]
    fn a_worse_risk_is_never_without_a_clock_that_still_runs(moves in any_history()) {
        let events = play(&moves).concat();
        for length in 1..=events.len() {
            if let IntakeEvent::Reassessed { worse_since: Some(_), .. } = &events[length - 1] {
                let now = state(&events[..length]);
                prop_assert!(now.first_action_due_at.is_some() && !now.first_action_missed);
            }
        }
    }

    #[test]
    fn one_referral_at_most_is_proposed_and_only_for_an_open_case(moves in any_history()) {
        let events = play(&moves).concat();
        let place = |wanted: fn(&IntakeEvent) -> bool| events.iter().position(wanted);
        let proposals = events
            .iter()
            .filter(|event| matches!(event, IntakeEvent::ReferralProposed { .. }))
            .count();
        prop_assert!(proposals <= 1);
        if let Some(proposed) = place(|event| matches!(event, IntakeEvent::ReferralProposed { .. })) {
            let opened = place(|event| matches!(event, IntakeEvent::CaseOpened { .. }));
            prop_assert!(opened.is_some_and(|opened| opened < proposed));
        }
    }

    #[test]
    fn the_same_moves_lead_to_the_same_events_bit_for_bit(moves in any_history()) {
        let once = serde_json::to_vec(&play(&moves)).unwrap();
        prop_assert_eq!(once, serde_json::to_vec(&play(&moves)).unwrap());
    }

    #[test]
    fn the_first_receipt_never_changes(moves in any_history()) {
        let events = play(&moves).concat();
        for length in 1..=events.len() {
            prop_assert_eq!(state(&events[..length]).received_at, at(0));
        }
    }

    #[test]
    fn no_level_changes_without_a_reason(moves in any_history()) {
        let events = play(&moves).concat();
        for length in 1..events.len() {
            let (before, now) = (risk(&events[..length]), risk(&events[..=length]));
            match &events[length] {
                IntakeEvent::Triaged { assessment, .. } => {
                    prop_assert!(before.is_none() && !assessment.reasons.is_empty());
                }
                IntakeEvent::Reassessed { from, assessment, .. } => {
                    prop_assert_eq!(before, Some(*from));
                    prop_assert!(!assessment.reasons.is_empty());
                }
                _ => prop_assert_eq!(before, now),
            }
        }
    }

    #[test]
    fn what_the_rule_proposes_names_the_rules_that_decided(moves in any_history()) {
        for event in play(&moves).concat() {
            let IntakeEvent::ReferralProposed { because, .. } = event else {
                continue;
            };
            if let ProposalCause::CallbacksExhausted { failed_attempts, rules_version } = *because {
                prop_assert_eq!(failed_attempts, 5);
                prop_assert_eq!(rules_version, "2026-01");
            }
        }
    }
}
