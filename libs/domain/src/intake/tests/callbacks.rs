//! Calling back: plans, attempts, and windows that pass.

use super::*;
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
