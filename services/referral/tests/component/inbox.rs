//! What a desk is told.

use std::time::Duration;

use domain::referral::HopCommand as C;
use domain::values::Role;
use futures::StreamExt;
use proto::referral::v1 as pb;
use proto::referral::v1::HopState as S;
use proto::referral::v1::watch_inbox_response::Payload;
use tonic::{Code, Streaming};

use crate::bench::{Bench, QINGDAO, case, refusal};

async fn next(watch: &mut Streaming<pb::WatchInboxResponse>) -> pb::WatchInboxResponse {
    let message = tokio::time::timeout(Duration::from_secs(20), watch.next()).await;
    message.expect("a message in time").unwrap().unwrap()
}

async fn watch(bench: &Bench, resume_cursor: String) -> Streaming<pb::WatchInboxResponse> {
    let worker = bench.caller("qd-worker", Role::Worker);
    let request = pb::WatchInboxRequest {
        desk_id: bench.desk("qd-12355").desk_id,
        resume_cursor,
    };
    let mut client = bench.client(QINGDAO).await;
    let watching = client.watch_inbox(worker.request(request)).await;
    watching.unwrap().into_inner()
}

fn entry(message: pb::WatchInboxResponse) -> pb::InboxEntry {
    match message.payload {
        Some(Payload::Entry(entry)) => entry,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_desk_hears_of_its_hops_as_they_come_and_resumes_where_it_stopped() {
    let bench = Bench::start().await;
    let mut watching = watch(&bench, String::new()).await;
    assert_eq!(
        next(&mut watching).await.payload,
        Some(Payload::CaughtUp(true))
    );

    let hop = bench.sent(case(1), "qd-12355").await;
    let arrived = next(&mut watching).await;
    let cursor = arrived.cursor.clone();
    let arrived = entry(arrived);
    assert_eq!(arrived.event_type, "referral.Assigned");
    assert_eq!(arrived.hop.as_ref().unwrap().referral_id, hop.to_string());
    let possible: Vec<_> = arrived.possible_commands().collect();
    assert_eq!(possible, [pb::HopCommand::Receive]);
    bench.does("qd-worker", Role::Worker, C::Receive, hop).await;
    drop(watching);

    let mut resumed = watch(&bench, cursor).await;
    let received = entry(next(&mut resumed).await);
    assert_eq!(received.hop.unwrap().state(), S::Received);
    assert_eq!(
        next(&mut resumed).await.payload,
        Some(Payload::CaughtUp(true))
    );
    drop(resumed);
    bench.stop().await;
}

#[tokio::test]
async fn the_open_hops_of_a_desk_stand_by_due_time_in_pages() {
    use proto::types::v1::RiskLevel;
    let bench = Bench::start().await;
    let later = bench.sent_at(case(1), "qd-12355", RiskLevel::Low).await;
    let sooner = bench.sent_at(case(2), "qd-12355", RiskLevel::High).await;
    let over = bench.sent(case(3), "qd-12355").await;
    bench.does("sh-worker", Role::Worker, C::Cancel, over).await;

    let worker = bench.caller("qd-worker", Role::Worker);
    let mut client = bench.client(QINGDAO).await;
    let mut token = String::new();
    let mut listed = Vec::new();
    loop {
        let request = pb::ListInboxRequest {
            desk_id: bench.desk("qd-12355").desk_id,
            page_size: 1,
            page_token: token,
            consistency_token: String::new(),
        };
        let page = client.list_inbox(worker.request(request)).await.unwrap();
        let page = page.into_inner();
        listed.extend(page.hops.into_iter().map(|hop| hop.referral_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(listed, [sooner.to_string(), later.to_string()]);
    bench.stop().await;
}

#[tokio::test]
async fn an_inbox_is_for_the_people_of_its_organization() {
    let bench = Bench::start().await;
    let mut client = bench.client(QINGDAO).await;
    let stranger = bench.caller("qd-police-worker", Role::Worker);
    let desk_id = bench.desk("qd-12355").desk_id;
    let list = pb::ListInboxRequest {
        desk_id: desk_id.clone(),
        ..pb::ListInboxRequest::default()
    };
    let refused = client.list_inbox(stranger.request(list)).await.unwrap_err();
    let expected = (Code::PermissionDenied, "NOT_PERMITTED".to_owned());
    assert_eq!(refusal(&refused), expected);
    let watch = pb::WatchInboxRequest {
        desk_id,
        resume_cursor: String::new(),
    };
    let refused = client.watch_inbox(stranger.request(watch)).await;
    assert_eq!(refusal(&refused.unwrap_err()), expected);
    bench.stop().await;
}
