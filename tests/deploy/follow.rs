//! With the permissions of deploy/nats everything works that must: a service on its sample settings
//! publishes its log, and a service of another region follows it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{
    Checkpoint, Clock, EventFeed, FeedError, FeedItem, LogId, Position, VirtualClock,
};
use futures::StreamExt;
use liandong::reference;
use nats_event_feed::{Credentials, Nats, NatsFeed, NatsSettings};
use node::System;
use node::alone::{self, AloneSettings};

use crate::deploy;
use crate::servers::{Regions, Server};

const WITHIN: Duration = Duration::from_mins(1);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

fn sample(service: &str, url: &str) -> AloneSettings {
    let file = deploy(&format!("settings/{service}.toml"));
    let mut settings = alone::settings(Some(&file)).unwrap();
    settings.listen = "127.0.0.1:0".parse().unwrap();
    settings.copies.as_mut().unwrap().nats.servers = vec![url.to_owned()];
    settings
}

/// Shanghai's directory, with everybody in its log.
async fn directory(root: &Path, url: &str) -> System {
    let mut settings = sample("directory", url);
    settings.root = root.to_owned();
    let system = alone::start(directory::HOSTING, settings).await.unwrap();
    let clock: Arc<dyn Clock> =
        Arc::new(VirtualClock::new("2026-03-02T04:00:00Z".parse().unwrap()));
    let everybody = reference::read(None).unwrap();
    reference::load(&everybody, &system, &clock).await.unwrap();
    system
}

/// How a service of Qingdao reaches NATS: as the sample says for Shanghai, with its own names.
fn of_qingdao(url: &str) -> NatsSettings {
    let mut nats = sample("intake", url).copies.unwrap().nats;
    let Some(Credentials::User { name, .. }) = &mut nats.credentials else {
        panic!("the sample names a user");
    };
    *name = name.replace("310000", "370200");
    let shanghai = "310000".parse().unwrap();
    nats.domains = [(shanghai, "310000".to_owned())].into();
    nats
}

/// Follows a log to the position; whatever is away is tried again.
async fn follow(nats: &Nats, log: &LogId, to: Position) {
    let feed = NatsFeed::new(nats.clone(), [log.region]);
    let mut at = Checkpoint::start(log);
    while at.position < to {
        let mut items = feed.follow(log, at);
        while at.position < to {
            match items.next().await.expect("it says why it ends") {
                Ok(FeedItem::Event(event)) => at
                    .accept(event.position, &event.body.sha256(), &event.hash)
                    .unwrap(),
                Ok(FeedItem::CaughtUp) => {}
                Err(FeedError::Unavailable { .. }) => {
                    tokio::time::sleep(BETWEEN_TRIES).await;
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

async fn shanghai_is_followed_in_qingdao(root: &Path, shanghai: &str, qingdao: &str) {
    let system = directory(root, shanghai).await;
    let log = LogId::new("310000".parse().unwrap(), "directory");
    let head = system.log(&log).unwrap().head().position;
    assert!(head > Position(1), "more than one event: a batch");
    let nats = Nats::open(of_qingdao(qingdao), "qingdao").await.unwrap();
    let followed = tokio::time::timeout(WITHIN, follow(&nats, &log, head)).await;
    assert!(followed.is_ok(), "the log was not followed to its end");
    system.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_published_and_followed_in_another_region_on_one_server() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::single(&dir.path().join("nats"));
    shanghai_is_followed_in_qingdao(dir.path(), &server.url, &server.url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_published_and_followed_in_another_region_through_the_hub() {
    let dir = tempfile::tempdir().unwrap();
    let regions = Regions::start(&dir.path().join("nats"));
    let (shanghai, qingdao) = (&regions.shanghai.url, &regions.qingdao.url);
    shanghai_is_followed_in_qingdao(dir.path(), shanghai, qingdao).await;
}
