//! The reference model of a log: what every adapter must do, in the fewest lines that do it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt, ready};
use uuid::Uuid;

use crate::chain::{Checkpoint, chain_hash};
use crate::envelope::Recorded;
use crate::ids::{LogId, Position, StreamId, Version};
use crate::log::{Append, AppendError, Appended, Durability, EventLog, Head, ReadError, Verified};

/// A log that is a list.
#[derive(Clone)]
pub struct MemoryLog {
    id: LogId,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    events: Vec<Recorded>,
    versions: HashMap<StreamId, Version>,
    waiting: Vec<(Position, oneshot::Sender<()>)>,
}

impl MemoryLog {
    pub fn new(id: LogId) -> Self {
        Self {
            id,
            state: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the model")
    }

    fn at(&self, state: &State) -> Checkpoint {
        match state.events.last() {
            Some(last) => Checkpoint {
                position: last.position,
                hash: last.hash,
            },
            None => Checkpoint::start(&self.id),
        }
    }

    fn append_now(&self, append: &Append) -> Result<Appended, AppendError> {
        append.envelopes(&self.id)?;
        let mut state = self.lock();
        if state
            .events
            .iter()
            .any(|event| event.envelope.requestid == append.request)
        {
            return Err(AppendError::RequestKnown(append.request));
        }
        for write in &append.writes {
            let actual = state
                .versions
                .get(&write.stream)
                .copied()
                .unwrap_or_default();
            if actual != write.expected {
                let (stream, expected) = (write.stream.clone(), write.expected);
                return Err(AppendError::Conflict {
                    stream,
                    expected,
                    actual,
                });
            }
        }
        let first = self.at(&state).position.next();
        for body in append.writes.iter().flat_map(|write| &write.events) {
            let at = self.at(&state);
            let position = at.position.next();
            let hash = chain_hash(&at.hash, position, &body.sha256());
            let recorded = Recorded::read(position, hash, body.clone())
                .map_err(|error| AppendError::Refused(error.to_string()))?;
            state.take(recorded);
        }
        let last = self.at(&state).position;
        state.wake(last);
        Ok(Appended {
            first,
            last,
            durability: Durability::Local,
        })
    }

    fn import_now(&self, events: Vec<Recorded>) -> Result<Head, AppendError> {
        let mut state = self.lock();
        let mut at = self.at(&state);
        for event in &events {
            at.accept(event.position, &event.body.sha256(), &event.hash)
                .map_err(|broken| AppendError::Refused(broken.to_string()))?;
        }
        for event in events {
            state.take(event);
        }
        state.wake(at.position);
        drop(state);
        Ok(self.head())
    }
}

impl State {
    fn take(&mut self, event: Recorded) {
        self.versions
            .insert(event.envelope.subject.clone(), event.envelope.version);
        self.events.push(event);
    }

    fn wake(&mut self, head: Position) {
        let waiting = std::mem::take(&mut self.waiting);
        for (past, wake) in waiting {
            if head > past {
                // Nobody listening any more is fine.
                let _ = wake.send(());
            } else {
                self.waiting.push((past, wake));
            }
        }
    }
}

impl EventLog for MemoryLog {
    fn id(&self) -> &LogId {
        &self.id
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        ready(self.append_now(&append)).boxed()
    }

    fn read(
        &self,
        stream: &StreamId,
        from: Version,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        let events = self.lock().events.clone();
        let of_stream = events
            .into_iter()
            .filter(|event| event.envelope.subject == *stream && event.envelope.version >= from);
        ready(Ok(of_stream.collect())).boxed()
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        let events = self.lock().events.clone();
        let page = events
            .into_iter()
            .filter(|event| event.position > after)
            .take(limit);
        ready(Ok(page.collect())).boxed()
    }

    fn find_request(&self, request: Uuid) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        let events = self.lock().events.clone();
        let of_request = events
            .into_iter()
            .filter(|event| event.envelope.requestid == request);
        ready(Ok(of_request.collect())).boxed()
    }

    fn import(&self, events: Vec<Recorded>) -> BoxFuture<'_, Result<Head, AppendError>> {
        ready(self.import_now(events)).boxed()
    }

    fn head(&self) -> Head {
        let state = self.lock();
        let at = self.at(&state);
        let recorded_at = state.events.last().map(|event| event.envelope.recordedtime);
        Head {
            position: at.position,
            hash: at.hash,
            recorded_at,
        }
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, ()> {
        let mut state = self.lock();
        if self.at(&state).position > after {
            return ready(()).boxed();
        }
        let (wake, woken) = oneshot::channel();
        state.waiting.push((after, wake));
        woken.map(|_| ()).boxed()
    }

    fn verify(&self) -> BoxFuture<'_, Result<Verified, ReadError>> {
        let state = self.lock();
        let mut at = Checkpoint::start(&self.id);
        for event in &state.events {
            at.accept(event.position, &event.body.sha256(), &event.hash)
                .expect("the model's chain is whole");
        }
        ready(Ok(Verified {
            events: at.position.0,
            head: at.hash,
        }))
        .boxed()
    }
}
