//! What waits for the committer: bounded, and taken all at once.

use std::sync::{Condvar, Mutex, MutexGuard};

use eventsourcing::{AppendError, Appended, Head, Recorded, Version};
use jiff::Timestamp;
use tokio::sync::{Semaphore, oneshot};
use uuid::Uuid;

use crate::tail::StreamKey;

/// An append whose envelopes have been checked: all that the committer needs, and no JSON.
pub(crate) struct Checked {
    pub(crate) append: eventsourcing::Append,
    /// The stream of each write.
    pub(crate) keys: Vec<StreamKey>,
    /// Stream and version of each event.
    pub(crate) events: Vec<(StreamKey, Version)>,
    pub(crate) recorded_at: Timestamp,
}

/// The events of one request out of a copy of this log.
pub(crate) struct Copied {
    pub(crate) request: Uuid,
    pub(crate) events: Vec<Recorded>,
}

/// Something to write, and who waits for it.
pub(crate) enum Job {
    Append(Box<Checked>, oneshot::Sender<Result<Appended, AppendError>>),
    Import(Vec<Copied>, oneshot::Sender<Result<Head, AppendError>>),
}

pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    /// One permit per free place.
    room: Semaphore,
}

#[derive(Default)]
struct State {
    jobs: Vec<Job>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            room: Semaphore::new(places),
        }
    }

    /// Waits for a place; once the queue is closed, drops the job and with it who waits for it.
    pub(crate) async fn put(&self, job: Job) {
        let Ok(place) = self.room.acquire().await else {
            return;
        };
        place.forget();
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.jobs.push(job);
        drop(state);
        self.changed.notify_all();
    }

    /// Everything that waits now, in order.
    pub(crate) fn take(&self) -> Vec<Job> {
        let jobs = std::mem::take(&mut self.lock().jobs);
        self.room.add_permits(jobs.len());
        jobs
    }

    /// Blocks until something waits (`true`) or the queue is closed and empty (`false`).
    pub(crate) fn wait(&self) -> bool {
        let idle = |state: &mut State| state.jobs.is_empty() && !state.closed;
        let state = self
            .changed
            .wait_while(self.lock(), idle)
            .expect("no code panics while it holds the queue");
        !state.jobs.is_empty()
    }

    /// Takes nothing more; what waits is still written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.room.close();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the queue")
    }
}
