//! The log that the service writes to, which can be full, or unreadable, for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use eventsourcing::testing::{AlteredLog, MemoryLog};
use eventsourcing::{AppendError, EventLog, ReadError};

use crate::fixture::log;

/// The own log, which can be full, or unreadable, for a while.
#[derive(Clone)]
pub(crate) struct OwnLog {
    pub(crate) log: MemoryLog,
    pub(crate) full: Arc<AtomicBool>,
    pub(crate) unreadable: Arc<AtomicBool>,
    pub(crate) refused: Arc<AtomicUsize>,
}

impl OwnLog {
    pub(crate) fn new() -> Self {
        Self {
            log: MemoryLog::new(log("310000.tally")),
            full: Arc::default(),
            unreadable: Arc::default(),
            refused: Arc::default(),
        }
    }

    pub(crate) fn port(&self) -> Arc<dyn EventLog> {
        let (full, unreadable) = (self.full.clone(), self.unreadable.clone());
        let (refused, lost) = (self.refused.clone(), self.refused.clone());
        let log = AlteredLog::new(Arc::new(self.log.clone()))
            .refusing(move |_| counted_if(&full, &refused).then_some(AppendError::Full))
            .losing(move || {
                let slow = || ReadError::Unavailable("the disk is slow".to_owned());
                counted_if(&unreadable, &lost).then(slow)
            });
        Arc::new(log)
    }
}

fn counted_if(fault: &AtomicBool, count: &AtomicUsize) -> bool {
    let now = fault.load(Ordering::SeqCst);
    count.fetch_add(usize::from(now), Ordering::SeqCst);
    now
}
