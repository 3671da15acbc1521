//! The background scrub: checks closed segments one after another, so that damage is found early.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use eventsourcing::{Damage, ReadError};

use crate::check::{Expected, check};
use crate::place::{damage, unavailable};
use crate::segment::Header;
use crate::shared::Shared;
use crate::storage::read_whole;

pub struct Scrub {
    shared: Arc<Shared>,
    state: Mutex<State>,
    stopping: Condvar,
}

struct State {
    opened_at: Instant,
    /// When each closed segment was found sound.
    checked: HashMap<u64, Instant>,
    last: u64,
    damage: Option<Damage>,
    stopped: bool,
}

/// How far back the last check of every closed segment lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrubReport {
    pub closed_segments: usize,
    /// For how long the segment that waits longest has not been checked.
    pub age: Duration,
    /// The first damage that was found.
    pub damage: Option<Damage>,
}

impl Scrub {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            state: Mutex::new(State {
                opened_at: Instant::now(),
                checked: HashMap::new(),
                last: 0,
                damage: None,
                stopped: false,
            }),
            stopping: Condvar::new(),
        }
    }

    /// Checks the next closed segment, in turn; says which, `None` if there is none.
    pub fn scrub_next(&self) -> Result<Option<u64>, ReadError> {
        let last = self.lock().last;
        let numbers = self.numbers();
        let next = numbers.iter().find(|number| **number > last);
        let Some(number) = next.or(numbers.first()).copied() else {
            return Ok(None);
        };
        self.lock().last = number;
        match self.scrub(number) {
            Ok(()) => {
                self.lock().checked.insert(number, Instant::now());
                Ok(Some(number))
            }
            Err(error) => {
                let log = &self.shared.id;
                match &error {
                    ReadError::Damaged(damage) => {
                        tracing::error!(%log, %damage, "the scrub found damage");
                        self.lock().damage.get_or_insert_with(|| damage.clone());
                    }
                    ReadError::Unavailable(_) => {
                        tracing::warn!(%log, %error, "the scrub could not read a segment");
                    }
                }
                Err(error)
            }
        }
    }

    pub fn report(&self) -> ScrubReport {
        let numbers = self.numbers();
        let state = self.lock();
        let since = |number| state.checked.get(number).unwrap_or(&state.opened_at);
        let oldest = numbers.iter().map(since).min();
        ScrubReport {
            closed_segments: numbers.len(),
            age: oldest.map_or(Duration::ZERO, Instant::elapsed),
            damage: state.damage.clone(),
        }
    }

    /// Checks a segment every so often, until stopped.
    pub(crate) fn run(&self, every: Duration) {
        loop {
            let waited = self
                .stopping
                .wait_timeout_while(self.lock(), every, |state| !state.stopped)
                .expect("no code panics while it holds the scrub");
            if waited.0.stopped {
                return;
            }
            drop(waited);
            // What is wrong is in the log of the program and in the report.
            let _ = self.scrub_next();
        }
    }

    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.stopping.notify_all();
    }

    fn scrub(&self, number: u64) -> Result<(), ReadError> {
        let files = &self.shared.files;
        let path = files.path(number);
        let read = || read_whole(&*files.storage.open_read_only(&path)?);
        let bytes = read().map_err(|error| unavailable(&path, &error))?;
        let wrong = |fault| damage(&path, 0, fault);
        let header = Header::read(&bytes).map_err(wrong)?;
        let expected = Expected {
            number,
            followed: true,
            after: Some(header.after),
            incarnation: None,
        };
        check(&bytes.into(), &expected).map_err(wrong)?;
        Ok(())
    }

    fn numbers(&self) -> Vec<u64> {
        let index = self.shared.index();
        index.closed.iter().map(|closed| closed.number).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the scrub")
    }
}
