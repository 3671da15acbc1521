//! Logs in temporary directories, and a runtime to run a test on.

use std::future::Future;
use std::path::Path;

use eventsourcing::LogId;
use eventsourcing::testing::contract::event_log::LOG;
use segment_log::{OpenReport, Options, SegmentLog};

/// Small segments, so that every test also rolls.
pub(crate) const SEGMENT_BYTES: u64 = 16 << 10;

pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(test)
}

pub(crate) fn id() -> LogId {
    LOG.parse().unwrap()
}

pub(crate) fn small() -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        scrub_every: None,
        ..Options::default()
    }
}

pub(crate) fn open(dir: &Path) -> (SegmentLog, OpenReport) {
    SegmentLog::open(dir, id(), &[], &small()).unwrap()
}
