//! Duplicated, late and missing deliveries: the same story has the same end.

use std::sync::Arc;

use acceptance::World;
use domain::values::Role;
use eventsourcing::{EventLog, Position};
use liandong::story::chen_jia;
use proto::referral::v1 as pb;
use proto::timeline::v1::ReplayCaseRequest;
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use serde_json::{Value, json};
use tonic::Code;

use crate::calls::{
    CENTRAL, QINGDAO, SHANGHAI, accept, cancel, custodians, dispatch, hop, monday, open_case,
    refusal,
};
use crate::feed::Troubles;

/// Every aggregate of a case as it stands in the end.
async fn final_states(troubles: &Troubles) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    let world = troubles.world(root.path(), monday()).await;
    let stage = world.stage().await;
    let case = chen_jia::play(&stage).await.unwrap().case;
    world.settle().await;
    troubles.calm();
    let auditor = world.caller("sh-auditor", Role::Auditor);
    let mut timeline = TimelineServiceClient::new(world.channel(SHANGHAI).await);
    let request = ReplayCaseRequest {
        case_id: case.to_string(),
        as_of: None,
    };
    let replayed = timeline.replay_case(auditor.request(request)).await;
    let replayed = replayed.unwrap().into_inner();
    stage.close().await;
    drop(timeline);
    world.stop().await;

    let mut states = Vec::new();
    for aggregate in replayed.aggregates {
        let kind = aggregate.stream.split('/').next().unwrap();
        let state = serde_json::from_str(&aggregate.state_json).unwrap();
        states.push(format!(
            "{} {kind} {} {}: {}",
            aggregate.log,
            aggregate.version,
            aggregate.last_event_type,
            without_chance(state)
        ));
    }
    states.sort();
    states
}

/// A state without its random ids and what is sealed, which is as random as its nonce.
fn without_chance(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let sealed = ["ciphertext", "commitment", "nonce"];
            let kept = fields
                .into_iter()
                .filter(|(name, _)| !sealed.contains(&name.as_str()));
            // As a list: the keys of a map may be ids, and then they are all the same.
            let kept = kept.map(|(name, value)| json!([without_ids(&name), without_chance(value)]));
            sorted(kept.collect())
        }
        Value::Array(items) => sorted(items.into_iter().map(without_chance).collect()),
        Value::String(text) if is_hash(&text) => Value::String("#".to_owned()),
        Value::String(text) => Value::String(without_ids(&text)),
        plain => plain,
    }
}

fn sorted(mut items: Vec<Value>) -> Value {
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

/// Fingerprints of keys differ from run to run, as ids do.
fn is_hash(text: &str) -> bool {
    text.parse::<eventsourcing::Hash>().is_ok()
}

/// Every uuid as `#`.
fn without_ids(text: &str) -> String {
    const UUID: usize = 36;
    let mut left = text;
    let mut replaced = String::new();
    while let Some(at) = (0..left.len()).find(|at| {
        let id = left.get(*at..at + UUID);
        id.is_some_and(|id| id.parse::<uuid::Uuid>().is_ok())
    }) {
        replaced.push_str(&left[..at]);
        replaced.push('#');
        left = &left[at + UUID..];
    }
    replaced + left
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_ends_the_same_when_events_come_twice_and_late_and_the_feed_is_away() {
    let troubles = Troubles::unreliable();
    let troubled = final_states(&troubles).await;
    let (delivered, away) = troubles.counts();
    assert!(delivered > 2_000 && away > 1, "{delivered}, {away} away");
    let plain = final_states(&Troubles::default()).await;
    assert!(plain.len() > 8, "{plain:?}");
    for (troubled, plain) in troubled.iter().zip(&plain) {
        assert_eq!(troubled, plain);
    }
    assert_eq!(troubled.len(), plain.len());
}

/// How often an event of this type is in a referral log.
async fn count(world: &World, region: &str, event_type: &str) -> usize {
    let log = world.log(&format!("{region}.referral"));
    let events = log.read_all(Position(0), 10_000).await.unwrap();
    let of_type = events
        .iter()
        .filter(|event| event.envelope.event_type == event_type);
    of_type.count()
}

/// Waits until a log has an event of this type.
async fn until(log: &Arc<dyn EventLog>, event_type: &str) {
    let mut after = Position(0);
    let found = async {
        loop {
            log.wait_past(after).await;
            for event in log.read_all(after, 1_000).await.unwrap() {
                after = event.position;
                if event.envelope.event_type == event_type {
                    return;
                }
            }
        }
    };
    let in_time = tokio::time::timeout(acceptance::AT_REST_WITHIN, found).await;
    in_time.unwrap_or_else(|_| panic!("{event_type} did not come in {}", log.id()));
}

/// A dispatched hop that Qingdao knows of.
async fn arrived(world: &World) -> (String, String) {
    let (case, _) = open_case(world).await;
    world.settle().await;
    let hop = dispatch(world, &case).await;
    world.settle().await;
    (case, hop)
}

/// Both sides and the custody say that the hop was cancelled and its acceptance void.
async fn it_was_cancelled_first(world: &World, case: &str, id: &str) {
    for region in [SHANGHAI, QINGDAO] {
        let told = hop(world, region, id).await;
        assert_eq!(told.state(), pb::HopState::Cancelled, "{region}");
        assert_eq!(told.void_reason(), pb::VoidReason::CancelledFirst);
    }
    assert_eq!(custodians(world, case).await, [SHANGHAI]);
    assert_eq!(count(world, SHANGHAI, "referral.Cancelled").await, 1);
    assert_eq!(count(world, QINGDAO, "referral.Accepted").await, 1);
    assert_eq!(count(world, SHANGHAI, "referral.CustodyReleased").await, 0);
    assert_eq!(count(world, SHANGHAI, "referral.AcceptanceVoided").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_by_who_has_not_heard_of_the_cancellation_is_void() {
    let root = tempfile::tempdir().unwrap();
    let troubles = Troubles::default();
    let world = troubles.world(root.path(), monday()).await;
    let (case, hop) = arrived(&world).await;
    troubles.hold(QINGDAO, "310000.referral");
    cancel(&world, &hop).await.unwrap();
    accept(&world, &hop).await.unwrap();
    until(&world.log("310000.referral"), "referral.AcceptanceVoided").await;
    assert_eq!(count(&world, QINGDAO, "referral.AcceptanceVoided").await, 0);
    troubles.release();
    world.settle().await;
    it_was_cancelled_first(&world, &case, &hop).await;
    world.stop().await;
}

/// As long as the custodian has not heard of the acceptance, the custody is where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_leaves_custody_where_it_is() {
    let root = tempfile::tempdir().unwrap();
    let troubles = Troubles::default();
    let world = troubles.world(root.path(), monday()).await;
    let (case, id) = arrived(&world).await;
    troubles.hold(SHANGHAI, "370200.referral");
    accept(&world, &id).await.unwrap();
    // The receiver's team stands at once.
    until(&world.log("370200.caseteam"), "caseteam.TeamFormed").await;
    assert_eq!(custodians(&world, &case).await, [SHANGHAI]);
    assert_eq!(count(&world, SHANGHAI, "referral.CustodyReleased").await, 0);
    assert_eq!(
        hop(&world, SHANGHAI, &id).await.state(),
        pb::HopState::Dispatched
    );
    troubles.release();
    world.settle().await;
    assert_eq!(custodians(&world, &case).await, [QINGDAO]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_by_who_has_not_heard_of_the_acceptance_is_cancelled() {
    let root = tempfile::tempdir().unwrap();
    let troubles = Troubles::default();
    let world = troubles.world(root.path(), monday()).await;
    let (case, hop) = arrived(&world).await;
    troubles.hold(SHANGHAI, "370200.referral");
    accept(&world, &hop).await.unwrap();
    cancel(&world, &hop).await.unwrap();
    troubles.release();
    world.settle().await;
    it_was_cancelled_first(&world, &case, &hop).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acceptance_that_was_heard_of_first_cannot_be_cancelled() {
    let root = tempfile::tempdir().unwrap();
    let troubles = Troubles::default();
    let world = troubles.world(root.path(), monday()).await;
    let (case, id) = arrived(&world).await;
    troubles.hold(QINGDAO, "310000.referral");
    accept(&world, &id).await.unwrap();
    until(&world.log("310000.referral"), "referral.CustodyReleased").await;
    let refused = cancel(&world, &id).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::FailedPrecondition);
    troubles.release();
    world.settle().await;
    for region in [SHANGHAI, QINGDAO] {
        let told = hop(&world, region, &id).await;
        assert_eq!(told.state(), pb::HopState::Accepted, "{region}");
    }
    assert_eq!(custodians(&world, &case).await, [QINGDAO]);
    assert_eq!(count(&world, SHANGHAI, "referral.Cancelled").await, 0);
    assert_eq!(count(&world, CENTRAL, "referral.Cancelled").await, 0);
    world.stop().await;
}
