//! An operator who rewrites his own past and hashes it anew: his own chain verifies, and the other
//! regions name him.

use std::path::Path;
use std::sync::Arc;

use acceptance::{AT_REST_WITHIN, World, delete_rows};
use domain::values::Role;
use eventsourcing::{Append, Body, EventLog, LogId, Position, Recorded, Version, Write};
use jiff::SignedDuration;
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use proto::timeline::v1::{VerifiedLog, VerifyLogRequest};
use segment_log::{Options, SegmentLog};
use serde_json::Value;

use crate::calls::{Desk, QINGDAO, SHANGHAI, monday, open_case};

const LOG: &str = "310000.intake";

/// What the timeline of a region says about Shanghai's intake.
async fn verified(world: &World, region: &str) -> VerifiedLog {
    let auditor = world.caller("central-auditor", Role::Auditor);
    let mut timeline = TimelineServiceClient::new(world.channel(region).await);
    let request = VerifyLogRequest {
        log: LOG.to_owned(),
    };
    let verified = timeline.verify_log(auditor.request(request)).await.unwrap();
    verified.into_inner().log.unwrap()
}

/// Writes the log anew, every event as it was but for the first one's claimed time.
async fn rewrite(root: &Path) -> u64 {
    let dir = root.join("data").join(SHANGHAI).join("intake").join("log");
    let id: LogId = LOG.parse().unwrap();
    let (log, _) = SegmentLog::open(&dir, id.clone(), &[], &Options::default()).unwrap();
    let events = log.read_all(Position(0), usize::MAX).await.unwrap();
    log.close();
    drop(log);
    std::fs::remove_dir_all(&dir).unwrap();
    let (forged, _) = SegmentLog::open(&dir, id, &[], &Options::default()).unwrap();
    for (index, event) in events.iter().enumerate() {
        forged.append(append(event, index == 0)).await.unwrap();
    }
    forged.verify().await.unwrap();
    forged.close();
    events.len() as u64
}

fn append(event: &Recorded, alter: bool) -> Append {
    let envelope = &event.envelope;
    let mut json: Value = serde_json::from_slice(event.body.bytes()).unwrap();
    if alter {
        json["time"] = Value::String("2026-03-01T00:00:00Z".to_owned());
    }
    // One append an event, so the requests of appends with several differ from what they were.
    let request = uuid::Uuid::now_v7();
    json["requestid"] = Value::String(request.to_string());
    Append {
        request,
        writes: vec![Write {
            stream: envelope.subject.clone(),
            expected: Version(envelope.version.0 - 1),
            events: vec![Body::from_bytes(serde_json::to_vec(&json).unwrap().into()).unwrap()],
        }],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_rewrites_his_past_and_hashes_it_anew_is_named_by_the_other_regions() {
    let root = tempfile::tempdir().unwrap();
    let world = World::start(root.path(), monday()).await;
    open_case(&world).await;
    let desk = Desk::of(&world).await;
    desk.record(&desk.silent_call(world.meta())).await.unwrap();
    drop(desk);
    let later = world.now() + SignedDuration::from_mins(2);
    let system = &world.system;
    system
        .advance(&world.clock, later, AT_REST_WITHIN)
        .await
        .unwrap();
    let honest = verified(&world, QINGDAO).await;
    assert_eq!(honest.problem, "");
    world.stop().await;

    // Nothing is left but the logs themselves, and each of them is whole.
    delete_rows(root.path());
    assert_eq!(rewrite(root.path()).await, honest.events);
    let world = World::start(root.path(), later).await;
    let problem = verified(&world, QINGDAO).await.problem;
    assert!(
        problem.contains("witnessed there at") && problem.contains("the log was rewritten"),
        "{problem}"
    );
    assert!(
        problem.contains("100000") || problem.contains(QINGDAO),
        "{problem}"
    );
    Arc::into_inner(world.system).unwrap().stop().await.unwrap();
}
