//! The rule that proposes a referral when nobody can be reached.

use super::*;
use crate::intake::ProposalCause;
use crate::intake::callbacks::Exhaustion;

fn exhausted(risk: RiskLevel) -> IntakeEvent {
    IntakeEvent::CallbacksExhausted {
        exhaustion: Exhaustion {
            failed_attempts: 5,
            first_failed_at: at(10),
            last_failed_at: at(50),
            within_minutes: 120,
            risk,
            risk_at_least: RiskLevel::High,
        },
        rules_version: "2026-01".to_owned(),
    }
}

fn proposed(risk: RiskLevel, because: ProposalCause) -> IntakeEvent {
    IntakeEvent::ReferralProposed {
        from: desk(),
        to: central(),
        case_type: CaseType::PsychologicalSupport,
        risk,
        flags: BTreeSet::new(),
        summary: sealed(SealedClass::Summary),
        because: Box::new(because),
    }
}

fn by_rule() -> ProposalCause {
    ProposalCause::CallbacksExhausted {
        failed_attempts: 5,
        rules_version: "2026-01".to_owned(),
    }
}

#[test]
fn the_fifth_failed_attempt_opens_the_case_and_proposes_a_referral() {
    after(after_failures(RiskLevel::Immediate, 4))
        .at(at(50))
        .when(attempt(CallbackOutcome::PoweredOff))
        .then([
            attempted(5, 50, CallbackOutcome::PoweredOff),
            exhausted(RiskLevel::Immediate),
            opened(RiskLevel::Immediate),
            proposed(RiskLevel::Immediate, by_rule()),
        ]);
}

#[test]
fn every_failed_outcome_counts_and_no_other() {
    for outcome in CallbackOutcome::ALL {
        let state = after(after_failures(RiskLevel::High, 4))
            .at(at(50))
            .when(attempt(*outcome))
            .state();
        assert_eq!(
            record_of(state).stage.referral_proposed(),
            !outcome.reached()
        );
    }
}

#[test]
fn an_open_case_is_not_opened_again_by_the_rule() {
    let mut history = after_failures(RiskLevel::High, 4);
    history.push(opened(RiskLevel::High));
    after(history)
        .at(at(50))
        .when(attempt(CallbackOutcome::Busy))
        .then([
            attempted(5, 50, CallbackOutcome::Busy),
            exhausted(RiskLevel::High),
            proposed(RiskLevel::High, by_rule()),
        ]);
}

#[test]
fn what_the_supervisor_proposed_the_rule_does_not_propose_again() {
    let mut history = after_failures(RiskLevel::High, 4);
    let reason = words();
    history.push(opened(RiskLevel::High));
    history.push(proposed(
        RiskLevel::High,
        ProposalCause::Supervisor { reason },
    ));
    after(history)
        .at(at(50))
        .when(attempt(CallbackOutcome::Busy))
        .then([
            attempted(5, 50, CallbackOutcome::Busy),
            exhausted(RiskLevel::High),
        ]);
}

#[test]
fn the_rule_fires_once() {
    let mut history = after_failures(RiskLevel::High, 5);
    history.push(exhausted(RiskLevel::High));
    history.push(opened(RiskLevel::High));
    history.push(proposed(RiskLevel::High, by_rule()));
    after(history)
        .at(at(60))
        .when(attempt(CallbackOutcome::NoAnswer))
        .then([attempted(6, 60, CallbackOutcome::NoAnswer)]);
}

#[test]
fn a_lesser_risk_proposes_nothing() {
    after(after_failures(RiskLevel::Medium, 4))
        .at(at(50))
        .when(attempt(CallbackOutcome::NoAnswer))
        .then([attempted(5, 50, CallbackOutcome::NoAnswer)]);
}

fn reassess(risk: RiskLevel) -> IntakeCommand {
    IntakeCommand::Reassess {
        assessment: Box::new(assessment(risk)),
        rules: rules(),
        relay: Some(central()),
    }
}

fn reassessed_to_high() -> IntakeEvent {
    IntakeEvent::Reassessed {
        from: RiskLevel::Medium,
        assessment: Box::new(assessment(RiskLevel::High)),
        first_action_due_at: Some(at(60 + 120)),
        worse_since: Some(at(60)),
        rules_version: "2026-01".to_owned(),
    }
}

#[test]
fn failed_attempts_propose_a_referral_once_the_risk_becomes_bad_enough() {
    after(after_failures(RiskLevel::Medium, 5))
        .at(at(60))
        .when(reassess(RiskLevel::High))
        .then([
            reassessed_to_high(),
            exhausted(RiskLevel::High),
            opened(RiskLevel::High),
            proposed(RiskLevel::High, by_rule()),
        ]);
}

#[test]
fn too_few_failed_attempts_propose_nothing_when_the_risk_becomes_worse() {
    after(after_failures(RiskLevel::Medium, 4))
        .at(at(60))
        .when(reassess(RiskLevel::High))
        .then([reassessed_to_high()]);
    let mut reached = after_failures(RiskLevel::Medium, 5);
    reached.push(attempted(6, 55, CallbackOutcome::Reached));
    after(reached)
        .at(at(60))
        .when(reassess(RiskLevel::High))
        .then([reassessed_to_high()]);
}

#[test]
fn attempts_of_the_day_before_do_not_fill_up_the_row_of_today() {
    after(after_failures(RiskLevel::High, 4))
        .at(at(24 * 60))
        .when(attempt(CallbackOutcome::NoAnswer))
        .then([attempted(5, 24 * 60, CallbackOutcome::NoAnswer)]);
}

#[test]
fn attempts_just_within_the_window_count_and_any_farther_apart_do_not() {
    let just_within = after(after_failures(RiskLevel::High, 4))
        .at(at(130))
        .when(attempt(CallbackOutcome::NoAnswer))
        .state();
    assert!(record_of(just_within).stage.referral_proposed());
    after(after_failures(RiskLevel::High, 4))
        .at(at(131))
        .when(attempt(CallbackOutcome::NoAnswer))
        .then([attempted(5, 131, CallbackOutcome::NoAnswer)]);
}

#[test]
fn the_count_begins_again_once_the_person_was_reached() {
    let mut history = after_failures(RiskLevel::High, 3);
    history.push(attempted(4, 35, CallbackOutcome::ReachedRefused));
    history.push(planned());
    history.push(attempted(5, 40, CallbackOutcome::NoAnswer));
    after(history)
        .at(at(50))
        .when(attempt(CallbackOutcome::NoAnswer))
        .then([attempted(6, 50, CallbackOutcome::NoAnswer)]);
}

#[test]
fn an_attempt_that_is_recorded_late_counts_where_it_belongs() {
    let mut history = after_failures(RiskLevel::High, 3);
    history.push(attempted(4, 50, CallbackOutcome::NoAnswer));
    after(history)
        .at(at(40))
        .when(attempt(CallbackOutcome::NoAnswer))
        .then([
            attempted(5, 40, CallbackOutcome::NoAnswer),
            exhausted(RiskLevel::High),
            opened(RiskLevel::High),
            proposed(RiskLevel::High, by_rule()),
        ]);
}

#[test]
fn where_nobody_relays_the_case_is_opened_and_stays() {
    let attempt = IntakeCommand::RecordAttempt {
        outcome: CallbackOutcome::NoAnswer,
        note: None,
        rules: rules(),
        relay: None,
    };
    after(after_failures(RiskLevel::High, 4))
        .at(at(50))
        .when(attempt)
        .then([
            attempted(5, 50, CallbackOutcome::NoAnswer),
            exhausted(RiskLevel::High),
            opened(RiskLevel::High),
        ]);
}
