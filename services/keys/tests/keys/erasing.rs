//! Erasure, backups and damage: what must not be read any more, and what still is.

use std::fs;
use std::path::{Path, PathBuf};

use domain::caseteam::{CaseTeam, TeamEvent};
use domain::ids::{KeyId, TaskId};
use domain::sealed::PersonRole;
use domain::values::Role;
use eventsourcing::ScopedId;
use jiff::SignedDuration;
use proto::keys::v1 as pb;
use tonic::Code;
use uuid::Uuid;

use crate::cases::Case;
use crate::world::{QINGDAO, SHANGHAI, World};
use crate::{NARRATIVE, assert_refused, reason, team_place};

#[tokio::test]
async fn naming_a_key_of_another_case_gets_it_neither_granted_nor_destroyed() {
    let world = World::new().await;
    let (case, other) = (world.contact("one").await, world.contact("other").await);
    world.dispatch_to_qingdao(&case, "summary").await;
    world.accept(&case, QINGDAO, world.desk("qd-12355")).await;
    // Qingdao copies the other case's narrative into an event of the case it has.
    let stolen = &other.contact.envelope.data["contact"]["matter"]["Concern"]["narrative"];
    let evidence = serde_json::from_value(stolen.clone()).unwrap();
    let task = TaskId::new(QINGDAO.parse().unwrap(), Uuid::now_v7());
    let event = TeamEvent::TaskDone { task, evidence };
    let team = ScopedId::new(QINGDAO.parse().unwrap(), case.id.0.uuid);
    let copied = world
        .record::<CaseTeam>(QINGDAO, team, case.id, &event)
        .await;
    let thief = world.person("qd-worker", Role::Worker);
    let read = world.open(QINGDAO, &thief, &case, &copied, "evidence");
    assert_refused(read.await, Code::FailedPrecondition, "TEXT_NOT_GRANTED");

    erase(&world, &case).await;
    let shanghai = world.person("sh-worker", Role::Worker);
    let read = world.open(SHANGHAI, &shanghai, &other, &other.contact, NARRATIVE);
    assert_eq!(read.await.unwrap(), "other");
    world.stop().await;
}

async fn erase(world: &World, case: &Case) {
    let mut api = world.api(SHANGHAI).await;
    let proposer = world.person("sh-supervisor", Role::Supervisor);
    let propose = pb::ProposeErasureRequest {
        meta: Some(world.meta()),
        case_id: case.id.to_string(),
        ground: pb::ErasureGround::SubjectRequest.into(),
    };
    api.propose_erasure(proposer.request(propose))
        .await
        .unwrap();
    let orderer = world.person("sh-authorised", Role::Authorised);
    let order = pb::OrderErasureRequest {
        meta: Some(world.meta()),
        case_id: case.id.to_string(),
    };
    api.order_erasure(orderer.request(order)).await.unwrap();
    world.settle().await;
}

#[tokio::test]
async fn after_an_erasure_no_region_reads_the_texts_and_new_ones_are_read() {
    let world = World::new().await;
    let case = world.contact("one").await;
    let sent = world.dispatch_to_qingdao(&case, "summary").await;
    world.accept(&case, QINGDAO, world.desk("qd-12355")).await;
    let shanghai = world.person("sh-worker", Role::Worker);
    let qingdao = world.person("qd-worker", Role::Worker);

    let mut api = world.api(SHANGHAI).await;
    let order = pb::OrderErasureRequest {
        meta: Some(world.meta()),
        case_id: case.id.to_string(),
    };
    let orderer = world.person("sh-authorised", Role::Authorised);
    let unproposed = api.order_erasure(orderer.request(order)).await;
    assert_refused(unproposed, Code::FailedPrecondition, "ERASURE_NOT_PROPOSED");
    erase(&world, &case).await;

    for (region, caller) in [(SHANGHAI, &shanghai), (QINGDAO, &qingdao)] {
        let read = world.open(region, caller, &case, &case.contact, NARRATIVE);
        assert_refused(read.await, Code::FailedPrecondition, "TEXT_ERASED");
        let read = world.open(region, caller, &case, &sent, "summary");
        assert_refused(read.await, Code::FailedPrecondition, "TEXT_ERASED");
    }
    assert!(
        world
            .keys_events(SHANGHAI)
            .await
            .contains(&"Erased".to_owned())
    );
    let copies = "CopiesErased".to_owned();
    assert!(world.keys_events(QINGDAO).await.contains(&copies));

    world.advance(SignedDuration::from_secs(1)).await;
    let place = team_place(&case, SHANGHAI, PersonRole::Subject);
    let evidence = world.seal(SHANGHAI, &place, "new").await;
    let task = TaskId::new(case.id.region(), Uuid::now_v7());
    let event = TeamEvent::TaskDone { task, evidence };
    let done = world
        .record::<CaseTeam>(SHANGHAI, place.stream.id, case.id, &event)
        .await;
    let read = world.open(SHANGHAI, &shanghai, &case, &done, "evidence");
    assert_eq!(read.await.unwrap(), "new");
    world.stop().await;
}

fn store_file(root: &Path, region: &str) -> PathBuf {
    root.join("data").join(region).join("keys/store/keys.redb")
}

#[tokio::test]
async fn a_key_store_restored_from_a_backup_opens_nothing_that_was_erased() {
    let world = World::new().await;
    let case = world.contact("one").await;
    let mut backup = Vec::new();
    let world = world
        .restart(|root| backup = fs::read(store_file(root, SHANGHAI)).unwrap())
        .await;
    erase(&world, &case).await;
    let world = world
        .restart(|root| fs::write(store_file(root, SHANGHAI), &backup).unwrap())
        .await;
    let shanghai = world.person("sh-worker", Role::Worker);
    let read = world.open(SHANGHAI, &shanghai, &case, &case.contact, NARRATIVE);
    assert_refused(read.await, Code::FailedPrecondition, "TEXT_ERASED");
    world.stop().await;
}

#[tokio::test]
async fn a_receiver_restored_from_a_backup_publishes_a_new_key_before_it_is_granted_any() {
    let world = World::new().await;
    let case = world.contact("one").await;
    world.dispatch_to_qingdao(&case, "summary").await;
    let mut backup = Vec::new();
    let world = world
        .restart(|root| backup = fs::read(store_file(root, QINGDAO)).unwrap())
        .await;
    erase(&world, &case).await;
    let published = |events: Vec<String>| {
        let published = events.iter().filter(|name| *name == "RegionKeyPublished");
        published.count()
    };
    assert_eq!(published(world.keys_events(QINGDAO).await), 2);
    let world = world
        .restart(|root| fs::write(store_file(root, QINGDAO), &backup).unwrap())
        .await;
    // The private key of the backup could take the erased key out of its grant: it is gone again.
    assert_eq!(published(world.keys_events(QINGDAO).await), 3);
    // What is granted from now on is for the new one.
    let other = world.contact("other").await;
    let sent = world.dispatch_to_qingdao(&other, "their summary").await;
    let qingdao = world.person("qd-worker", Role::Worker);
    let read = world.open(QINGDAO, &qingdao, &other, &sent, "summary");
    assert_eq!(read.await.unwrap(), "their summary");
    world.stop().await;
}

#[tokio::test]
async fn a_damaged_key_is_named_and_all_other_texts_are_read() {
    let world = World::new().await;
    let (case, other) = (world.contact("one").await, world.contact("other").await);
    let key = &case.contact.envelope.data["contact"]["matter"]["Concern"]["narrative"]["key"];
    let key: KeyId = serde_json::from_value(key.clone()).unwrap();
    let world = world
        .restart(|root| rename_key(&store_file(root, SHANGHAI), key))
        .await;
    let shanghai = world.person("sh-worker", Role::Worker);
    let read = world.open(SHANGHAI, &shanghai, &case, &case.contact, NARRATIVE);
    let refused = read.await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused)),
        (Code::DataLoss, "KEY_DAMAGED".to_owned())
    );
    assert!(refused.message().contains(&key.to_string()), "{refused}");
    let read = world.open(SHANGHAI, &shanghai, &other, &other.contact, NARRATIVE);
    assert_eq!(read.await.unwrap(), "other");
    world.stop().await;
}

/// Flips the lowest bit of the last digit of the key's id, wherever it stands.
fn rename_key(file: &Path, key: KeyId) {
    let id = key.to_string();
    let mut bytes = fs::read(file).unwrap();
    let places = bytes.windows(id.len()).enumerate();
    let places: Vec<usize> = places
        .filter_map(|(at, part)| (part == id.as_bytes()).then_some(at))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at + id.len() - 1] ^= 1;
    }
    fs::write(file, bytes).unwrap();
}

#[tokio::test]
async fn a_case_is_decided_about_in_its_own_region_and_by_who_takes_part() {
    let world = World::new().await;
    let case = world.contact("one").await;
    world.dispatch_to_qingdao(&case, "summary").await;
    let head = world.keys_events(QINGDAO).await;
    let mut api = world.api(QINGDAO).await;
    let qingdao = world.person("qd-authorised", Role::Authorised);
    let propose = |case_id: String| pb::ProposeErasureRequest {
        meta: Some(world.meta()),
        case_id,
        ground: pb::ErasureGround::RetentionEnded.into(),
    };
    let refused = api.propose_erasure(qingdao.request(propose(case.id.to_string())));
    let refused = refused.await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("case_id"), "{refused}");

    let unknown = ScopedId::new(QINGDAO.parse().unwrap(), Uuid::now_v7());
    let refused = api.propose_erasure(qingdao.request(propose(unknown.to_string())));
    assert_refused(refused.await, Code::NotFound, "NO_SUCH_CASE");
    assert_eq!(world.keys_events(QINGDAO).await, head);
    world.stop().await;
}
