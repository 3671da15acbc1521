//! The reference model keeps the contract that it is the model of.

use std::sync::Arc;

use eventsourcing::EventLog;
use eventsourcing::testing::MemoryLog;
use eventsourcing::testing::contract::event_log::LOG;
use futures::executor::block_on;

async fn log() -> (Arc<dyn EventLog>, ()) {
    (
        Arc::new(MemoryLog::new(LOG.parse().expect("the suite names a log"))),
        (),
    )
}

eventsourcing::event_log_contract!(block_on, log);
