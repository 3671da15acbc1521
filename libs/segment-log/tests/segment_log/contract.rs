//! The contracts of the ports, on segment files and on the feed of this process.

use std::sync::Arc;

use eventsourcing::{EventFeed, EventLog};
use segment_log::LocalFeed;
use tempfile::TempDir;

use crate::support::{open, run};

async fn log() -> (Arc<dyn EventLog>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (Arc::new(open(dir.path()).0), dir)
}

mod on_segment_files {
    use super::{log, run};
    eventsourcing::event_log_contract!(run, log);
}

async fn fed() -> (Arc<dyn EventLog>, Arc<dyn EventFeed>, TempDir) {
    let (log, dir) = log().await;
    let feed = LocalFeed::default();
    feed.add(Arc::clone(&log));
    (log, Arc::new(feed), dir)
}

mod in_this_process {
    use super::{fed, run};
    eventsourcing::event_feed_contract!(run, fed);
}
