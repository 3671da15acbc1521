//! The contracts of the ports: on one server, and on a cluster of three.

use std::sync::Arc;

use eventsourcing::{EventFeed, EventLog};
use nats_event_feed::testing::TestServers;
use tempfile::TempDir;

use crate::stage::{Published, feed, published, run};

type Fed = (
    Arc<dyn EventLog>,
    Arc<dyn EventFeed>,
    (TempDir, TestServers, Published),
);

async fn fed(count: usize) -> Fed {
    let (dir, servers, published) = published(count).await;
    let log: Arc<dyn EventLog> = published.log.clone();
    let feed = Arc::new(feed(&servers).await);
    (log, feed, (dir, servers, published))
}

mod on_one_server {
    use super::{Fed, fed, run};

    async fn fresh() -> Fed {
        fed(1).await
    }
    eventsourcing::event_feed_contract!(run, fresh);
}

mod on_three_servers {
    use super::{Fed, fed, run};

    async fn fresh() -> Fed {
        fed(3).await
    }
    eventsourcing::event_feed_contract!(run, fresh);
}

/// A published log is still a log.
mod a_published_log {
    use super::{Arc, EventLog, Published, TempDir, TestServers, published, run};

    async fn fresh() -> (Arc<dyn EventLog>, (TempDir, TestServers, Published)) {
        let (dir, servers, published) = published(1).await;
        (published.log.clone(), (dir, servers, published))
    }
    eventsourcing::event_log_contract!(run, fresh);
}
