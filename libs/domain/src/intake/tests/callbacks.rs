//! Calling back, and the rule that proposes a referral when nobody can be reached.

use super::*;
use crate::intake::ProposalCause;
use crate::intake::callbacks::Exhaustion;
use crate::intake::contact::SafetyMark;

fn plan_callback(plan: CallbackPlan) -> IntakeCommand {
    IntakeCommand::PlanCallback {
        plan: Box::new(plan),
    }
}

fn plan_to_given_number() -> CallbackPlan {
    CallbackPlan {
        number: CallbackNumber::Given(sealed(SealedClass::Identity)),
        ..plan()
    }
}

fn do_not_call_back() -> IntakeEvent {
    IntakeEvent::SafetyMarked {
        mark: SafetyMark::DoNotCallBack,
        note: None,
    }
}

/// Planned, and `failed` attempts, ten minutes apart.
fn after_failures(risk: RiskLevel, failed: u32) -> Vec<IntakeEvent> {
    let attempts = (1..=failed)
        .map(|number| attempted(number, i64::from(number) * 10, CallbackOutcome::NoAnswer));
    [recorded(call()), triaged(risk), planned()]
        .into_iter()
        .chain(attempts)
        .collect()
}

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
fn a_call_back_is_planned_to_the_number_of_the_contact_or_to_another() {
    for plan in [plan(), plan_to_given_number()] {
        let event = IntakeEvent::CallbackPlanned {
            plan: Box::new(plan.clone()),
        };
        after(after_failures(RiskLevel::High, 0))
            .when(plan_callback(plan))
            .then([event]);
    }
}

#[test]
fn a_marked_number_is_never_called_back_and_another_may_be() {
    let history = [
        recorded(call()),
        triaged(RiskLevel::High),
        do_not_call_back(),
    ];
    after(history.clone())
        .when(plan_callback(plan()))
        .then_rejected(IntakeRejection::DoNotCallBack);
    after(history)
        .when(plan_callback(plan_to_given_number()))
        .then([IntakeEvent::CallbackPlanned {
            plan: Box::new(plan_to_given_number()),
        }]);
}

#[test]
fn marking_the_number_cancels_the_plan_to_call_it() {
    let cancelled = IntakeEvent::CallbackPlanCancelled {
        because: SafetyMark::DoNotCallBack,
    };
    after(after_failures(RiskLevel::High, 0))
        .when(IntakeCommand::MarkSafety {
            mark: SafetyMark::DoNotCallBack,
            note: None,
        })
        .then([do_not_call_back(), cancelled.clone()]);
    let history = [
        after_failures(RiskLevel::High, 0),
        vec![do_not_call_back(), cancelled],
    ];
    after(history.concat())
        .when(attempt(CallbackOutcome::NoAnswer))
        .then_rejected(IntakeRejection::NoCallbackPlanned);
}

#[test]
fn a_contact_without_a_number_needs_one_given() {
    let letter = Contact {
        channel: Channel::Letter,
        number: None,
        ..call()
    };
    after([recorded(letter), triaged(RiskLevel::High)])
        .when(plan_callback(plan()))
        .then_rejected(IntakeRejection::NoNumber);
}

#[test]
fn a_window_ends_after_it_begins_and_not_in_the_past() {
    let backwards = CallbackPlan {
        until: at(0),
        ..plan()
    };
    let over = CallbackPlan {
        until: at(9),
        ..plan()
    };
    after(after_failures(RiskLevel::High, 0))
        .when(plan_callback(backwards))
        .then_rejected(IntakeRejection::WindowEmpty);
    after(after_failures(RiskLevel::High, 0))
        .when(plan_callback(over))
        .then_rejected(IntakeRejection::NotInFuture { field: "until" });
}

#[test]
fn every_outcome_of_an_attempt_is_kept() {
    for outcome in CallbackOutcome::ALL {
        after(after_failures(RiskLevel::High, 0))
            .when(attempt(*outcome))
            .then([attempted(1, 10, *outcome)]);
    }
}

#[test]
fn an_attempt_needs_a_plan_but_a_caller_who_calls_back_does_not() {
    let history = [recorded(call()), triaged(RiskLevel::High)];
    after(history.clone())
        .when(attempt(CallbackOutcome::NoAnswer))
        .then_rejected(IntakeRejection::NoCallbackPlanned);
    after(history)
        .when(attempt(CallbackOutcome::CallerCalledBack))
        .then([attempted(1, 10, CallbackOutcome::CallerCalledBack)]);
}

#[test]
fn reaching_the_person_ends_the_plan() {
    for outcome in CallbackOutcome::ALL
        .iter()
        .filter(|outcome| outcome.reached())
    {
        let mut history = after_failures(RiskLevel::High, 0);
        history.push(attempted(1, 5, *outcome));
        after(history)
            .when(attempt(CallbackOutcome::NoAnswer))
            .then_rejected(IntakeRejection::NoCallbackPlanned);
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

fn mark_missed() -> IntakeCommand {
    IntakeCommand::MarkCallbackMissed
}

#[test]
fn a_window_that_passes_without_an_attempt_is_marked_once() {
    let missed = IntakeEvent::CallbackMissed { until: at(120) };
    let by_rule = |history: Vec<IntakeEvent>, minutes| after(history).by(rule()).at(at(minutes));
    let planned_only = after_failures(RiskLevel::High, 0);
    by_rule(planned_only.clone(), 119)
        .when(mark_missed())
        .then_rejected(IntakeRejection::NothingDue);
    by_rule(planned_only.clone(), 120)
        .when(mark_missed())
        .then([missed.clone()]);
    let then = [planned_only.clone(), vec![missed]].concat();
    by_rule(then.clone(), 121)
        .when(mark_missed())
        .then_rejected(IntakeRejection::NothingDue);
    // It is called late rather than never, and planned again at will.
    after(then.clone())
        .at(at(130))
        .when(attempt(CallbackOutcome::NoAnswer))
        .then([attempted(1, 130, CallbackOutcome::NoAnswer)]);
    by_rule([then, vec![planned()]].concat(), 121)
        .when(mark_missed())
        .then([IntakeEvent::CallbackMissed { until: at(120) }]);
}

#[test]
fn an_attempt_within_the_window_keeps_it_and_one_before_does_not() {
    let later = IntakeEvent::CallbackPlanned {
        plan: Box::new(CallbackPlan {
            from: at(60),
            ..plan()
        }),
    };
    for (minutes, kept) in [(59, false), (60, true)] {
        let mut history = after_failures(RiskLevel::High, 0);
        history.push(later.clone());
        history.push(attempted(1, minutes, CallbackOutcome::Busy));
        let then = after(history).by(rule()).at(at(120)).when(mark_missed());
        if kept {
            then.then_rejected(IntakeRejection::NothingDue);
        } else {
            then.then([IntakeEvent::CallbackMissed { until: at(120) }]);
        }
    }
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
