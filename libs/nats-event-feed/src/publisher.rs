//! The publisher: copies a log into its stream, in order, batch after batch, for as long as it lives.
//!
//! After any error nothing is assumed: the stream's end is read from its leader and compared with the
//! log. It goes on from there, or halts if the stream holds another past.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Stream;
use eventsourcing::{Checkpoint, EventLog, Hash, Position, ReadError, Recorded};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::batch;
use crate::connection::{Nats, NatsError};
use crate::copy::{Circuit, Copy};
use crate::published_log::{Answering, PublishedLog};
use crate::stream;

/// The most events of a batch (the server's limit).
const BATCH_EVENTS: usize = 1000;
/// The most bytes of a batch: what the publisher holds in memory at a time.
const BATCH_BYTES: usize = 8 << 20;
/// So many events are read from the log at once.
const PAGE: usize = 32;
/// Between two tries to reach a stream that is away: doubled each time, up to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The log cannot be published any more; its service stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublisherError {
    /// The stream holds another past than the log: a second writer, or a log that lost its tail.
    #[error(
        "{log} is not published any more: {why}. What stands in the log after position {kept} is \
         only here: keep its files, and restore the log from its stream"
    )]
    Halted {
        log: String,
        kept: Position,
        why: String,
    },
    #[error(transparent)]
    Unfit(NatsError),
    #[error(transparent)]
    Log(#[from] ReadError),
}

/// Copies one log.
pub struct Publisher {
    nats: Nats,
    log: Arc<dyn EventLog>,
    incarnation: Uuid,
    copy: Copy,
}

impl Publisher {
    /// The log as its service uses it, and the publisher that is to run beside it.
    pub fn new(
        nats: Nats,
        log: Arc<dyn EventLog>,
        incarnation: Uuid,
        answering: Answering,
    ) -> (PublishedLog, Self) {
        let copy = Copy::new();
        let published = PublishedLog::new(log.clone(), copy.clone(), answering);
        let publisher = Self {
            nats,
            log,
            incarnation,
            copy,
        };
        (published, publisher)
    }

    /// Publishes until told to stop; then what is in the log already, if the stream takes it soon.
    ///
    /// # Errors
    /// [`PublisherError`]: nothing of this log may be published by this process any more.
    pub async fn run(self, stop: CancellationToken) -> Result<(), PublisherError> {
        let mut wait = RETRY.0;
        loop {
            let published = tokio::select! {
                () = stop.cancelled() => return self.flush().await,
                published = self.publish(Position(u64::MAX)) => published,
            };
            let why = match published {
                Ok(()) => return Ok(()),
                Err(Failed::Nats(NatsError::Away(why))) => why,
                Err(Failed::Nats(unfit)) => return Err(self.halt(PublisherError::Unfit(unfit))),
                Err(Failed::Ended(error)) => return Err(self.halt(error)),
            };
            if self.open(&why) {
                wait = RETRY.0;
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(jittered(wait)) => {}
            }
            wait = (wait * 2).min(RETRY.1);
        }
    }

    /// On the way out: the last events, without waiting for a stream that is away.
    async fn flush(&self) -> Result<(), PublisherError> {
        if !matches!(self.copy.state().circuit, Circuit::Closed) {
            return Ok(());
        }
        match self.publish(self.log.head().position).await {
            Err(Failed::Ended(error)) => Err(self.halt(error)),
            Ok(()) | Err(Failed::Nats(_)) => Ok(()),
        }
    }

    /// Copies what is there and what comes, up to a position.
    async fn publish(&self, to: Position) -> Result<(), Failed> {
        let mut at = self.resume().await?;
        while at < to {
            let events = self.next(at).await?;
            let Some(last) = events.last() else {
                self.copy.change(|state| state.circuit = Circuit::Closed);
                self.log.wait_past(at).await;
                continue;
            };
            let log = self.log.id();
            batch::publish(&self.nats, log, self.incarnation, at, &events).await?;
            at = last.position;
            self.copy.change(|state| state.at = at);
        }
        Ok(())
    }

    /// Where the stream ends, if the log says the same of that place.
    async fn resume(&self) -> Result<Position, Failed> {
        let log = self.log.id();
        self.nats.check().await?;
        let stream = stream::ensure(&self.nats, log, self.incarnation).await?;
        let end = stream::end(&self.nats, log).await?;
        let ours = self.hash_at(end.position).await?;
        if ours.is_none() || ours != end.hash {
            return Err(Failed::Ended(self.other_past(&stream, end.position).await));
        }
        let replicated = end.replicas >= 3 || self.nats.settings.sync_always;
        self.copy.change(|state| {
            state.at = end.position;
            state.replicated = replicated;
            state.compared = true;
        });
        Ok(end.position)
    }

    /// What the log says of a position; `None` if it does not reach so far.
    async fn hash_at(&self, position: Position) -> Result<Option<Hash>, Failed> {
        let Some(before) = position.0.checked_sub(1) else {
            return Ok(Some(Checkpoint::start(self.log.id()).hash));
        };
        let page = self.log.read_all(Position(before), 1).await;
        let page = page.map_err(|error| Failed::Ended(error.into()))?;
        Ok(page.first().map(|event| event.hash))
    }

    /// Says where log and stream part: the last position that they share, found by halving.
    async fn other_past(&self, stream: &Stream, end: Position) -> PublisherError {
        let head = self.log.head().position;
        let (mut shared, mut differs) = (0, end.min(head).0 + 1);
        while shared + 1 < differs {
            let middle = shared + (differs - shared) / 2;
            let at = Position(middle);
            let (Ok(ours), Ok(theirs)) =
                (self.hash_at(at).await, stream::hash_at(stream, at).await)
            else {
                break;
            };
            if ours == theirs {
                shared = middle;
            } else {
                differs = middle;
            }
        }
        let why = if end > head && shared == head.0 {
            format!("its stream goes on to position {end}, the log ends at {head}")
        } else {
            format!("its stream holds other events after position {shared}")
        };
        PublisherError::Halted {
            log: self.log.id().to_string(),
            kept: Position(shared),
            why,
        }
    }

    /// The next batch; empty at the head.
    async fn next(&self, after: Position) -> Result<Vec<Recorded>, Failed> {
        let mut events: Vec<Recorded> = Vec::new();
        let mut bytes = 0;
        loop {
            let at = events.last().map_or(after, |event| event.position);
            let page = self.log.read_all(at, PAGE).await;
            let page = page.map_err(|error| Failed::Ended(error.into()))?;
            if page.is_empty() {
                return Ok(events);
            }
            for event in page {
                bytes += event.body.bytes().len();
                let full = events.len() == BATCH_EVENTS || bytes > BATCH_BYTES;
                if full && !events.is_empty() {
                    return Ok(events);
                }
                events.push(event);
            }
        }
    }

    /// Opens the circuit; says whether it was closed.
    fn open(&self, why: &str) -> bool {
        let was_closed = matches!(self.copy.state().circuit, Circuit::Closed);
        let log = self.log.id();
        if was_closed {
            tracing::warn!(%log, why, "the copy is away; answers are local until it is back");
        }
        self.copy.change(|state| {
            let why = why.to_owned();
            state.circuit = Circuit::Open { why };
        });
        was_closed
    }

    fn halt(&self, error: PublisherError) -> PublisherError {
        let why = error.to_string();
        tracing::error!(log = %self.log.id(), why, "publishing halts");
        self.copy
            .change(|state| state.circuit = Circuit::Halted { why });
        error
    }
}

enum Failed {
    Nats(NatsError),
    Ended(PublisherError),
}

impl From<NatsError> for Failed {
    fn from(error: NatsError) -> Self {
        Self::Nats(error)
    }
}

/// Half of the wait is one's own, so that many do not come back at once.
fn jittered(wait: Duration) -> Duration {
    let own = u32::from(Uuid::new_v4().as_bytes()[0]);
    wait / 2 + wait * own / 512
}
