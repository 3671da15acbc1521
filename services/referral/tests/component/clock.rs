//! What the clock does, and what stops it.

use domain::ids::ReferralId;
use domain::intake::AgeBand;
use domain::referral::HopCommand as C;
use domain::referral::{
    Assignment, AssignmentEvent, Dispatch, HopKind, Referral, ReferralEvent, Submission, Tenure,
    Terms,
};
use domain::values::{CaseType, DisclosureBasis, RiskLevel, Role};
use eventsourcing::{Aggregate, StreamId};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use proto::referral::v1::watch_inbox_response::Payload;
use proto::referral::v1::{Hop, HopState as S, ListInboxRequest, WatchInboxRequest};

use proto::types::v1 as types;
use uuid::Uuid;

use crate::bench::{Bench, CENTRAL, QINGDAO, SHANGHAI, case, region, sealed};

fn due_at(hop: &Hop) -> Timestamp {
    let due = hop.answer_due_at.as_ref().expect("an answer is awaited");
    Timestamp::new(due.seconds, due.nanos).unwrap()
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

#[tokio::test]
async fn the_clock_stands_still_while_information_is_looked_for() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.pass(60).await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench
        .does("qd-worker", Role::Worker, C::RequestInformation, hop)
        .await;
    bench.pass(10 * 60).await;
    assert_eq!(bench.state(SHANGHAI, hop).await, S::InfoRequested);
    bench
        .does("sh-worker", Role::Worker, C::SupplyInformation, hop)
        .await;
    // Three of the four hours are left.
    for code in [SHANGHAI, QINGDAO] {
        let told = bench.hop(code, hop).await;
        assert_eq!(
            (told.state(), due_at(&told)),
            (S::Received, bench.now() + minutes(180))
        );
    }
    bench.pass(181).await;
    assert_eq!(bench.state(QINGDAO, hop).await, S::Expired);
    bench.stop().await;
}

#[tokio::test]
async fn information_that_does_not_come_holds_a_hop_up_for_a_day_at_most() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench
        .does("qd-worker", Role::Worker, C::RequestInformation, hop)
        .await;
    let until = due_at(&bench.hop(QINGDAO, hop).await);
    assert_eq!(until, bench.now() + minutes(24 * 60 + 240));
    bench.pass(24 * 60).await;
    for code in [SHANGHAI, QINGDAO] {
        let told = bench.hop(code, hop).await;
        assert_eq!((told.state(), due_at(&told)), (S::Received, until));
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_hop_that_nobody_answers_goes_up_until_the_duty_officer_at_the_top_is_alarmed() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.pass(241).await;
    let escalated = bench.hop(SHANGHAI, hop).await.escalated_referral_id;
    let escalated: ReferralId = escalated.parse().unwrap();
    assert_eq!(bench.state(CENTRAL, escalated).await, S::Dispatched);
    bench.pass(10 * 60).await;
    assert_eq!(
        bench.count(SHANGHAI, "referral.DutyOfficerAlarmed").await,
        1
    );
    // The duty officer at Central is told, in Central's own log and inbox.
    assert!(bench.hop(CENTRAL, escalated).await.duty_officer_alarmed);
    let duty = bench.caller("central-duty", Role::Worker);
    let request = WatchInboxRequest {
        desk_id: bench.desk("central-relay").desk_id,
        resume_cursor: String::new(),
    };
    let mut client = bench.client(CENTRAL).await;
    let watching = client.watch_inbox(duty.request(request)).await;
    let first = watching.unwrap().into_inner().next().await;
    let Some(Payload::Entry(entry)) = first.unwrap().unwrap().payload else {
        panic!("the alarm is there");
    };
    let hop_listed = entry.hop.unwrap();
    assert_eq!(hop_listed.referral_id, escalated.to_string());
    assert!(hop_listed.duty_officer_alarmed);
    // It stays with Central, who can still take it.
    bench
        .does("central-duty", Role::Worker, C::Receive, escalated)
        .await;
    bench
        .does("central-duty", Role::Authorised, C::Accept, escalated)
        .await;
    assert_eq!(bench.custodian(case(1)).await, CENTRAL);
    bench.stop().await;
}

#[tokio::test]
async fn a_return_that_nobody_decides_on_goes_up_too() {
    let bench = Bench::start().await;
    let hop = bench.sent(case(1), "qd-12355").await;
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    bench.pass(200).await;
    bench
        .does("qd-worker", Role::Worker, C::ProposeReturn, hop)
        .await;
    // The decision has four hours of its own.
    bench.pass(239).await;
    assert_eq!(bench.state(SHANGHAI, hop).await, S::ReturnProposed);
    bench.pass(2).await;
    assert_eq!(bench.state(SHANGHAI, hop).await, S::Expired);
    assert_eq!(bench.count(SHANGHAI, "referral.Dispatched").await, 2);
    bench.stop().await;
}

/// What Central's relay desk has open.
async fn open_at_central(bench: &Bench) -> Vec<Hop> {
    let duty = bench.caller("central-duty", Role::Worker);
    let request = ListInboxRequest {
        desk_id: bench.desk("central-relay").desk_id,
        ..ListInboxRequest::default()
    };
    let mut client = bench.client(CENTRAL).await;
    let listed = client.list_inbox(duty.request(request)).await;
    listed.unwrap().into_inner().hops
}

#[tokio::test]
async fn a_hop_that_comes_back_to_the_relay_is_listed_there_with_a_due_time() {
    let bench = Bench::start().await;
    let first = bench.sent(case(1), "central-relay").await;
    bench
        .does("central-duty", Role::Worker, C::Receive, first)
        .await;
    bench
        .does("central-duty", Role::Worker, C::ReferOnward, first)
        .await;
    // Not dispatched yet: both stand open, the first with its clock.
    let open = open_at_central(&bench).await;
    assert_eq!(
        (open.len(), open[0].referral_id.clone()),
        (2, first.to_string())
    );
    assert_eq!(due_at(&open[0]), bench.now() + minutes(240));
    let second: ReferralId = open[0].child_referral_id.parse().unwrap();
    bench
        .does("central-duty", Role::Worker, C::Submit, second)
        .await;
    let supervisor = bench.caller("central-duty", Role::Supervisor);
    let refused = bench
        .command(C::Dispatch, CENTRAL, second, &supervisor)
        .await;
    assert!(refused.is_err(), "nobody approves what they submitted");
    bench.pass(241).await;
    let late = bench.hop(CENTRAL, first).await;
    assert!(late.duty_officer_alarmed, "{late:?}");
    assert_eq!(bench.state(SHANGHAI, first).await, S::ReferredOnward);
    bench.stop().await;
}

/// What Shanghai sent has reached Qingdao; nobody else hears from Shanghai.
fn sent_by_shanghai(bench: &Bench) -> Dispatch {
    let unit = |code| bench.reference.desk(code).unwrap();
    let from = unit("sh-12355");
    Dispatch {
        hop: ReferralId::new(region(SHANGHAI), Uuid::from_u128(11)),
        terms: Terms {
            from,
            to: unit("qd-12355"),
            origin: from,
            relay: None,
            kind: HopKind::ByWorker,
            case_type: CaseType::Protection,
            risk: RiskLevel::High,
            flags: [].into(),
            summary: sealed(),
        },
        submission: Submission {
            basis: DisclosureBasis::Emergency,
            basis_reason: Some(sealed()),
            age_band: AgeBand::Unknown,
            guardian_suspected: false,
            consents: vec![],
        },
        approved_by: None,
        tenure: Tenure {
            custodian: from,
            by_hop: None,
        },
        answer_due_at: bench.now() + minutes(240),
        rules_version: "2026-01".to_owned(),
        escalate_to: Some(unit("central-relay")),
    }
}

/// When it was dispatched, the directory here did not say yet who stands above the receiver.
#[tokio::test]
async fn who_is_above_the_receiver_is_asked_again_when_the_time_is_over() {
    let bench = Bench::start().await;
    let sent = Dispatch {
        escalate_to: None,
        ..sent_by_shanghai(&bench)
    };
    let hop = sent.hop;
    let stream = StreamId::new(Referral::KIND, hop.0);
    let dispatched = [ReferralEvent::Dispatched(Box::new(sent))];
    bench
        .append::<Referral>(SHANGHAI, stream, case(1), &dispatched)
        .await;
    bench.pass(241).await;
    let escalated = bench.hop(SHANGHAI, hop).await.escalated_referral_id;
    let escalated: ReferralId = escalated.parse().expect("it goes up");
    assert_eq!(bench.state(CENTRAL, escalated).await, S::Dispatched);
    bench.stop().await;
}

#[tokio::test]
async fn whoever_relays_says_that_an_owner_is_silent_and_decides_nothing() {
    let bench = Bench::start().await;
    let sent = sent_by_shanghai(&bench);
    let (hop, due) = (sent.hop, sent.answer_due_at);
    let stream = StreamId::new(Assignment::KIND, hop.at(region(QINGDAO)).0);
    let arrived = [AssignmentEvent::Assigned(Box::new(sent))];
    bench
        .append::<Assignment>(QINGDAO, stream, case(1), &arrived)
        .await;
    let silences = async || bench.count(CENTRAL, "referral.OwnerSilent").await;
    bench.pass(240 + 14).await;
    assert_eq!(silences().await, 0);
    assert_eq!(open_at_central(&bench).await, []);
    bench.pass(1).await;
    assert_eq!(silences().await, 1);
    let open = open_at_central(&bench).await;
    assert_eq!(open[0].referral_id, hop.to_string());
    let since = open[0].owner_silent_since.as_ref().unwrap();
    assert_eq!(since.seconds, due.as_second());
    assert_eq!(open[0].state(), S::Dispatched);

    // As soon as something is heard, it is over.
    bench.pass(600).await;
    let authorised = bench.caller("qd-authorised", Role::Authorised);
    for kind in [C::Receive, C::Accept] {
        let done = bench.command(kind, QINGDAO, hop, &authorised).await;
        done.unwrap();
    }
    bench.settle().await;
    assert_eq!(open_at_central(&bench).await, []);
    assert_eq!(silences().await, 1);
    bench.stop().await;
}

#[tokio::test]
async fn nobody_is_called_silent_who_answers_or_whose_hop_expires() {
    let bench = Bench::start().await;
    let answered = bench.sent(case(1), "qd-12355").await;
    bench.sent(case(2), "qd-12355").await;
    let asked = bench.sent(case(3), "qd-12355").await;
    for hop in [answered, asked] {
        bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    }
    bench
        .does("qd-authorised", Role::Authorised, C::Accept, answered)
        .await;
    bench
        .does("qd-worker", Role::Worker, C::RequestInformation, asked)
        .await;
    bench.pass(24 * 60).await;
    assert_eq!(bench.count(CENTRAL, "referral.OwnerSilent").await, 0);
    bench.stop().await;
}

/// The limits of the reference data are those of the practice: a figure changed by mistake is seen.
#[tokio::test]
async fn each_risk_has_its_own_time_to_answer() {
    use types::RiskLevel as R;
    let bench = Bench::start().await;
    // It is Monday, 09:00 in China; days end at 16:00 in Greenwich.
    for (n, risk, due) in [
        (1, R::Immediate, "2026-01-12T01:30:00Z"),
        (2, R::High, "2026-01-12T05:00:00Z"),
        (3, R::Medium, "2026-01-13T16:00:00Z"),
        (4, R::Low, "2026-01-15T16:00:00Z"),
        (5, R::Watch, "2026-01-19T16:00:00Z"),
    ] {
        let hop = bench.sent_at(case(n), "qd-12355", risk).await;
        let told = bench.hop(SHANGHAI, hop).await;
        assert_eq!(due_at(&told).to_string(), due, "{risk:?}");
    }
    bench.stop().await;
}
