//! The desk calls back, and what the clock does meanwhile.

use domain::intake::callbacks::CallbackNumber;
use domain::intake::{Intake, IntakeEvent, ProposalCause};
use domain::sealed::{PersonRole, SealedClass};
use eventsourcing::{Position, decode};
use proto::intake::v1 as pb;
use proto::types::v1::{CommandResult, RiskLevel};

use crate::fixture::{Carries, Fixture, names};

async fn plan(desk: &mut Fixture, intake_id: &str) {
    let request = pb::PlanCallbackRequest {
        meta: desk.meta(),
        intake_id: intake_id.to_owned(),
        number: String::new(),
        from: desk.in_minutes(0),
        until: desk.in_minutes(180),
    };
    let request = desk.worker().request(request);
    desk.client.plan_callback(request).await.unwrap();
}

async fn attempt(
    desk: &mut Fixture,
    intake_id: &str,
    outcome: pb::CallbackOutcome,
) -> CommandResult {
    let request = pb::RecordCallbackAttemptRequest {
        meta: desk.meta(),
        intake_id: intake_id.to_owned(),
        outcome: outcome.into(),
        note: String::new(),
    };
    let request = desk.worker().request(request);
    let answer = desk.client.record_callback_attempt(request).await;
    answer.unwrap().result()
}

#[tokio::test]
async fn five_failed_call_backs_open_the_case_and_propose_a_referral_through_central() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::Immediate).await;
    plan(&mut desk, &intake_id).await;
    for _ in 1..5 {
        desk.later(10).await;
        let tried = attempt(&mut desk, &intake_id, pb::CallbackOutcome::NoAnswer).await;
        assert_eq!(names(&tried), ["intake.CallbackAttempted"]);
    }
    desk.later(10).await;
    let fifth = attempt(&mut desk, &intake_id, pb::CallbackOutcome::PoweredOff).await;
    assert_eq!(
        names(&fifth),
        [
            "intake.CallbackAttempted",
            "intake.CallbacksExhausted",
            "intake.CaseOpened",
            "intake.ReferralProposed"
        ]
    );
    let sixth = attempt(&mut desk, &intake_id, pb::CallbackOutcome::NoAnswer).await;
    assert_eq!(names(&sixth), ["intake.CallbackAttempted"]);

    let seen = desk.get(&intake_id).await;
    assert_eq!(seen.phase(), pb::Phase::Open);
    assert!(seen.callbacks_exhausted && seen.referral_proposed);
    assert_eq!(seen.attempts.len(), 6);

    let log = desk.log();
    let history = log.read_all(Position(0), 100).await.unwrap();
    let proposals: Vec<IntakeEvent> = history
        .iter()
        .filter(|event| event.envelope.event_type == "intake.ReferralProposed")
        .map(|event| {
            assert_eq!(event.envelope.rulesversion.as_deref(), Some("2026-01"));
            decode::<Intake>(&event.envelope).unwrap()
        })
        .collect();
    let [
        IntakeEvent::ReferralProposed {
            from, to, because, ..
        },
    ] = proposals.as_slice()
    else {
        panic!("not one proposal: {proposals:?}");
    };
    assert_eq!(*from, desk.china.desk("sh-12355").unwrap());
    assert_eq!(*to, desk.china.desk("central-relay").unwrap());
    let by_rule = ProposalCause::CallbacksExhausted {
        failed_attempts: 5,
        rules_version: "2026-01".to_owned(),
    };
    assert_eq!(**because, by_rule);
    desk.stop().await;
}

#[tokio::test]
async fn a_first_action_that_nobody_takes_is_marked_as_missed_when_it_is_due() {
    let mut desk = Fixture::start().await;
    let waiting = desk.triaged(RiskLevel::High).await;
    let called = desk.triaged(RiskLevel::High).await;
    plan(&mut desk, &called).await;
    attempt(&mut desk, &called, pb::CallbackOutcome::Reached).await;

    desk.later(119).await;
    assert!(!desk.get(&waiting).await.first_action_missed);
    desk.later(2).await;
    let missed = desk.get(&waiting).await;
    assert!(missed.first_action_missed);
    assert!(missed.first_action_due_at.is_some(), "it is owed still");
    let kept = desk.get(&called).await;
    assert!(!kept.first_action_missed);
    assert_eq!(kept.first_action_due_at, None);
    desk.stop().await;
}

/// A new assessment; what came of it.
async fn reassess(desk: &mut Fixture, intake_id: &str, risk: RiskLevel) -> CommandResult {
    let request = pb::ReassessIntakeRequest {
        meta: desk.meta(),
        intake_id: intake_id.to_owned(),
        assessment: Some(Fixture::assessment(risk)),
    };
    let request = desk.worker().request(request);
    let answer = desk.client.reassess_intake(request).await.unwrap();
    answer.result()
}

#[tokio::test]
async fn failed_call_backs_propose_a_referral_once_the_risk_is_found_to_be_worse() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::Medium).await;
    plan(&mut desk, &intake_id).await;
    for _ in 0..5 {
        desk.later(10).await;
        let tried = attempt(&mut desk, &intake_id, pb::CallbackOutcome::NoAnswer).await;
        assert_eq!(names(&tried), ["intake.CallbackAttempted"]);
    }
    let worse = reassess(&mut desk, &intake_id, RiskLevel::High).await;
    assert_eq!(
        names(&worse),
        [
            "intake.Reassessed",
            "intake.CallbacksExhausted",
            "intake.CaseOpened",
            "intake.ReferralProposed"
        ]
    );
    let seen = desk.get(&intake_id).await;
    assert!(seen.callbacks_exhausted && seen.referral_proposed);
    // A rule has proposed it: nobody has done anything about the worse risk yet.
    assert!(seen.first_action_due_at.is_some());
    desk.stop().await;
}

#[tokio::test]
async fn after_a_miss_a_worse_risk_is_due_by_its_own_clock_and_can_be_missed_too() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::Medium).await;
    desk.later(24 * 60 + 1).await;
    assert!(desk.get(&intake_id).await.first_action_missed);
    reassess(&mut desk, &intake_id, RiskLevel::High).await;
    let due_at = desk.in_minutes(120);
    let again = desk.get(&intake_id).await;
    assert_eq!(again.first_action_due_at, due_at);
    assert!(!again.first_action_missed);
    desk.later(119).await;
    assert!(!desk.get(&intake_id).await.first_action_missed);
    desk.later(2).await;
    assert!(desk.get(&intake_id).await.first_action_missed);
    desk.stop().await;
}

#[tokio::test]
async fn an_attempt_from_before_the_risk_became_worse_does_not_count_as_the_action_it_asks_for() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.triaged(RiskLevel::Low).await;
    plan(&mut desk, &intake_id).await;
    desk.later(20).await;
    reassess(&mut desk, &intake_id, RiskLevel::High).await;
    let due_at = desk.get(&intake_id).await.first_action_due_at;
    let mut meta = desk.meta();
    meta.as_mut().unwrap().occurred_at = desk.in_minutes(-10);
    let late = pb::RecordCallbackAttemptRequest {
        meta,
        intake_id: intake_id.clone(),
        outcome: pb::CallbackOutcome::NoAnswer.into(),
        note: String::new(),
    };
    let late = desk.worker().request(late);
    desk.client.record_callback_attempt(late).await.unwrap();
    let seen = desk.get(&intake_id).await;
    assert!(due_at.is_some() && seen.first_action_due_at == due_at);
    attempt(&mut desk, &intake_id, pb::CallbackOutcome::NoAnswer).await;
    assert_eq!(desk.get(&intake_id).await.first_action_due_at, None);
    desk.stop().await;
}

#[tokio::test]
async fn a_window_in_which_nobody_called_back_is_marked_when_it_ends() {
    let mut desk = Fixture::start().await;
    let forgotten = desk.triaged(RiskLevel::Low).await;
    let called = desk.triaged(RiskLevel::Low).await;
    for intake_id in [&forgotten, &called] {
        plan(&mut desk, intake_id).await;
    }
    attempt(&mut desk, &called, pb::CallbackOutcome::NoAnswer).await;
    desk.later(179).await;
    assert_eq!(missed_windows(&desk).await, Vec::<String>::new());
    desk.later(2).await;
    assert_eq!(missed_windows(&desk).await, [forgotten]);
    desk.stop().await;
}

/// Of which intakes it was recorded that nobody called back.
async fn missed_windows(desk: &Fixture) -> Vec<String> {
    let history = desk.log().read_all(Position(0), 100).await.unwrap();
    let missed = history
        .iter()
        .filter(|event| event.envelope.event_type == "intake.CallbackMissed");
    missed
        .map(|event| event.envelope.subject.id.to_string())
        .collect()
}

#[tokio::test]
async fn a_number_left_for_the_call_back_is_sealed_with_the_identity_of_whoever_called() {
    let mut desk = Fixture::start().await;
    for (caller, expected) in [
        (pb::CallerRole::Oneself, PersonRole::Subject),
        (pb::CallerRole::School, PersonRole::Caller),
    ] {
        let mut call = desk.call();
        call.caller_role = caller.into();
        let request = desk.worker().request(call);
        let intake_id = desk
            .client
            .record_contact(request)
            .await
            .unwrap()
            .result()
            .id;
        desk.triage(&intake_id, RiskLevel::High).await.unwrap();
        let request = pb::PlanCallbackRequest {
            meta: desk.meta(),
            intake_id: intake_id.clone(),
            number: "另一号码".to_owned(),
            from: desk.in_minutes(0),
            until: desk.in_minutes(60),
        };
        let request = desk.worker().request(request);
        desk.client.plan_callback(request).await.unwrap();
        let history = desk.log().read_all(Position(0), 100).await.unwrap();
        let last = decode::<Intake>(&history.last().unwrap().envelope).unwrap();
        let IntakeEvent::CallbackPlanned { plan } = last else {
            panic!("no plan: {last:?}");
        };
        let CallbackNumber::Given(number) = plan.number else {
            panic!("no number of its own: {plan:?}");
        };
        assert_eq!(
            (number.role, number.class),
            (expected, SealedClass::Identity)
        );
        assert_eq!(
            (number.event.as_str(), number.field.as_str()),
            ("CallbackPlanned", "number")
        );
    }
    desk.stop().await;
}

#[tokio::test]
async fn a_consent_ends_when_its_giver_said() {
    let mut desk = Fixture::start().await;
    let intake_id = desk.recorded().await;
    let receiver = desk.china.organization("central-league").unwrap();
    let request = pb::RecordConsentRequest {
        meta: desk.meta(),
        intake_id: intake_id.clone(),
        state: pb::ConsentState::Given.into(),
        by: pb::ConsentGiver::Subject.into(),
        purpose: pb::ConsentPurpose::Referral.into(),
        scope: vec![pb::ConsentScope::Summary.into()],
        receiver_ids: vec![receiver.to_string()],
        valid_until: desk.in_minutes(60),
        note: String::new(),
    };
    let request = desk.worker().request(request);
    desk.client.record_consent(request).await.unwrap();

    desk.later(59).await;
    let given = desk.get(&intake_id).await.consents;
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].receiver_ids, [receiver.to_string()]);
    desk.later(2).await;
    let ledger = desk.get(&intake_id).await.consents;
    let states: Vec<pb::ConsentState> = ledger.iter().map(pb::Consent::state).collect();
    assert_eq!(states, [pb::ConsentState::Given, pb::ConsentState::Expired]);
    desk.stop().await;
}
