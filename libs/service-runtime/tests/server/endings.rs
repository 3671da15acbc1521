//! How connections and the server end: in bounded time, whatever clients do.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use crate::fixture::{ASKED, channel, end_of, odd, post_raw, serving, serving_these, told};

#[tokio::test(start_paused = true)]
async fn the_server_ends_in_bounded_time_whatever_clients_keep_open() {
    let (tasks, address) = serving_these(odd).await;
    let mut health = HealthClient::new(channel(address).await);
    let of = HealthCheckRequest {
        service: "liandong.followup.v1.FollowUpService".to_owned(),
    };
    let mut watched = health.watch(of).await.unwrap().into_inner();
    let serving = watched.next().await.unwrap().unwrap();
    assert_eq!(serving.status(), ServingStatus::Serving);
    let mut reflection = ServerReflectionClient::new(channel(address).await);
    let asks_no_more = futures::stream::pending::<ServerReflectionRequest>();
    let reflected = reflection.server_reflection_info(asks_no_more);
    let mut reflected = reflected.await.unwrap().into_inner();
    // One that never reads, one that waits for its answer, one that has only said hello.
    let unread = post_raw(address, "/odd/Endless", vec![]).await;
    let unanswered = tokio::spawn(post_raw(address, "/odd/Never", vec![]));
    ASKED.notified().await;
    let mut hello = TcpStream::connect(address).await.unwrap();
    hello.write_all(HELLO).await.unwrap();

    let stopping = tokio::spawn(async move { tasks.shutdown(Duration::from_secs(9)).await });
    let drained = watched.next().await.unwrap().unwrap();
    assert_eq!(drained.status(), ServingStatus::NotServing);
    let stopped = (Code::Unavailable, "STOPPING".to_owned());
    assert_eq!(told(&end_of(&mut watched).await), stopped);
    assert_eq!(told(&end_of(&mut reflected).await), stopped);
    let unanswered = unanswered.await.unwrap();
    let unanswered = Status::from_header_map(unanswered.headers()).unwrap();
    assert_eq!(told(&unanswered), stopped);
    stopping.await.unwrap().unwrap();
    drop((unread, hello));
}

/// The preface of HTTP/2, and empty settings.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

#[tokio::test(start_paused = true)]
async fn a_connection_that_falls_silent_after_its_greeting_is_closed() {
    let (tasks, address) = serving().await;
    let mut silent = TcpStream::connect(address).await.unwrap();
    silent.write_all(HELLO).await.unwrap();
    let mut heard = Vec::new();
    let closed = silent.read_to_end(&mut heard);
    let closed = tokio::time::timeout(Duration::from_mins(5), closed).await;
    assert!(closed.is_ok(), "keep-alive asks, hears nothing, and closes");
    tasks.shutdown(Duration::from_secs(5)).await.unwrap();
}
