//! chen_jia through NATS: every region's logs are copied to real servers, and followed there.

use std::sync::Arc;

use acceptance::{AT_REST_WITHIN, World};
use jiff::Timestamp;
use liandong::story::chen_jia;
use nats_event_feed::testing::TestServers;
use nats_event_feed::{Answering, NatsSettings};
use node::CopySettings;

async fn world(root: &std::path::Path, nats: NatsSettings) -> World {
    let noon: Timestamp = "2026-03-02T04:00:00Z".parse().unwrap();
    let copies = CopySettings {
        nats,
        answering: Answering::default(),
    };
    let with_copies = |settings: &mut node::Settings| settings.copies = Some(copies);
    World::start_as(root, noon, with_copies, |_, feed| Arc::new(feed)).await
}

async fn the_story_is_told(world: World) {
    let stage = world.stage().await;
    let case = chen_jia::play(&stage).await.unwrap().case;
    world.system.settle(AT_REST_WITHIN).await.unwrap();
    stage.verify(case).await.unwrap();
    stage.close().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_is_told_through_one_server() {
    let root = tempfile::tempdir().unwrap();
    let servers = TestServers::start(root.path(), 1).await;
    the_story_is_told(world(root.path(), servers.settings()).await).await;
}
