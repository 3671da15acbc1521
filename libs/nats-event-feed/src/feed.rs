//! The feed of logs that are kept in JetStream.
//!
//! What a consumer delivers is checked here: next position, chain, and that something is delivered at
//! all. Whatever is odd ends the follower with an error that names it; following again begins by
//! comparing the checkpoint with the stream anew.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::pull::{
    Config, MessagesError, MessagesErrorKind, Stream as Messages,
};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy};
use async_nats::jetstream::stream::Stream;
use eventsourcing::{
    ChainBroken, Checkpoint, EventFeed, FeedError, FeedItem, LogId, Position, Recorded, Region,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::connection::{Nats, NatsError};
use crate::naming::stream_name;
use crate::stream::{event, hash_at, message_at};

/// How much of a stream is on its way to a follower at a time.
const IN_FLIGHT_BYTES: usize = 2 << 20;
/// The server says at least this often that it still has the follower's request.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// Silence after which a follower looks whether the stream has gone on without it.
const SILENCE: Duration = Duration::from_secs(8);
/// How long a new consumer may take to answer, and when it is asked again.
const STARTED_WITHIN: Duration = Duration::from_secs(5);
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// A consumer that nobody asks for this long is forgotten by the server.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

/// Follows the logs of the regions it was told of.
#[derive(Clone)]
pub struct NatsFeed {
    nats: Nats,
    regions: BTreeSet<Region>,
}

impl NatsFeed {
    pub fn new(nats: Nats, regions: impl IntoIterator<Item = Region>) -> Self {
        let regions = regions.into_iter().collect();
        Self { nats, regions }
    }
}

impl EventFeed for NatsFeed {
    fn follow(
        &self,
        log: &LogId,
        after: Checkpoint,
    ) -> BoxStream<'static, Result<FeedItem, FeedError>> {
        if !self.regions.contains(&log.region) {
            return stream::iter([Err(FeedError::UnknownLog(log.clone()))]).boxed();
        }
        let following = Following {
            nats: self.nats.clone(),
            log: log.clone(),
            at: after,
            stage: Stage::Begin,
        };
        stream::unfold(following, |mut following| async move {
            if matches!(following.stage, Stage::Ended) {
                return None;
            }
            let item = following.step().await;
            if item.is_err() {
                following.stage = Stage::Ended;
            }
            Some((item, following))
        })
        .boxed()
    }
}

/// In a cluster a consumer that was just made may not answer yet.
fn starting(error: &MessagesError, opened_at: Instant) -> bool {
    error.kind() == MessagesErrorKind::NoResponders && opened_at.elapsed() < STARTED_WITHIN
}

struct Following {
    nats: Nats,
    log: LogId,
    at: Checkpoint,
    stage: Stage,
}

enum Stage {
    Begin,
    Open {
        stream: Box<Stream>,
        messages: Box<Messages>,
        /// Told once this position is reached; `None` when it has been told.
        caught_up_at: Option<Position>,
        opened_at: Instant,
    },
    Ended,
}

impl Following {
    async fn step(&mut self) -> Result<FeedItem, FeedError> {
        if matches!(self.stage, Stage::Begin) {
            self.stage = self.begin().await?;
        }
        loop {
            let Stage::Open {
                stream,
                messages,
                caught_up_at,
                opened_at,
            } = &mut self.stage
            else {
                return Err(self.unavailable("its follower has ended"));
            };
            if caught_up_at.is_some_and(|end| self.at.position >= end) {
                *caught_up_at = None;
                return Ok(FeedItem::CaughtUp);
            }
            let message = match tokio::time::timeout(SILENCE, messages.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(error))) if starting(&error, *opened_at) => {
                    tokio::time::sleep(AGAIN_AFTER).await;
                    let (stream, caught_up_at, opened_at) =
                        (stream.clone(), *caught_up_at, *opened_at);
                    let messages = Box::new(self.consume(&stream).await?);
                    self.stage = Stage::Open {
                        stream,
                        messages,
                        caught_up_at,
                        opened_at,
                    };
                    continue;
                }
                Ok(Some(Err(error))) => return Err(self.unavailable(error)),
                Ok(None) => return Err(self.unavailable("its consumer has ended")),
                Err(_) => {
                    let stream = stream.clone();
                    self.still_there(&stream).await?;
                    continue;
                }
            };
            let found = event(message.headers.as_ref(), message.payload.clone());
            let sequence = message.info().map(|info| info.stream_sequence).ok();
            if sequence.is_some_and(|sequence| sequence <= self.at.position.0) {
                continue;
            }
            let stream = stream.clone();
            return self.accept(&stream, sequence, found).await;
        }
    }

    /// What was followed before must still be there, with the same hash.
    async fn begin(&self) -> Result<Stage, FeedError> {
        let found = self.nats.find(&self.log).await;
        let stream = found
            .map_err(|error| self.away(&error))?
            .ok_or_else(|| self.unavailable("it has no stream yet"))?;
        let end = Position(stream.cached_info().state.last_sequence);
        if self.at.position > end {
            return Err(self.broken(ChainBroken::Gap {
                expected: self.at.position,
                found: end,
            }));
        }
        if self.hash_before(&stream).await? != Some(self.at.hash) {
            let position = self.at.position;
            return Err(self.broken(ChainBroken::Differs { position }));
        }
        let messages = self.consume(&stream).await?;
        Ok(Stage::Open {
            stream: Box::new(stream),
            messages: Box::new(messages),
            caught_up_at: Some(end),
            opened_at: Instant::now(),
        })
    }

    /// What comes after the place reached, as a consumer of our own delivers it.
    async fn consume(&self, stream: &Stream) -> Result<Messages, FeedError> {
        let consumer = stream.create_consumer(Config {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: self.at.position.0 + 1,
            },
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: FORGOTTEN_AFTER,
            ..Config::default()
        });
        let consumer = consumer.await.map_err(|error| self.unavailable(error))?;
        let messages = consumer
            .stream()
            .max_bytes_per_batch(IN_FLIGHT_BYTES)
            .heartbeat(HEARTBEAT)
            .messages();
        messages.await.map_err(|error| self.unavailable(error))
    }

    async fn hash_before(&self, stream: &Stream) -> Result<Option<eventsourcing::Hash>, FeedError> {
        if self.at.position == Position(0) {
            return Ok(Some(Checkpoint::start(&self.log).hash));
        }
        let hash = hash_at(stream, self.at.position).await;
        hash.map_err(|error| self.away(&error))
    }

    async fn accept(
        &mut self,
        stream: &Stream,
        sequence: Option<u64>,
        found: Option<Recorded>,
    ) -> Result<FeedItem, FeedError> {
        let next = self.at.position.next();
        if sequence != Some(next.0) {
            return Err(self.gap(stream, sequence).await);
        }
        let differs = ChainBroken::Differs { position: next };
        let event = found
            .filter(|event| event.envelope.log() == self.log)
            .ok_or_else(|| self.broken(differs))?;
        self.at
            .accept(event.position, &event.body.sha256(), &event.hash)
            .map_err(|broken| self.broken(broken))?;
        Ok(FeedItem::Event(Box::new(event)))
    }

    /// A consumer that jumped is followed anew; an event that is not in the stream is a hole in it.
    async fn gap(&self, stream: &Stream, found: Option<u64>) -> FeedError {
        let next = self.at.position.next();
        match message_at(stream, next).await {
            Ok(Some(_)) => self.unavailable(format!("its consumer passed over {next}")),
            Ok(None) => self.broken(ChainBroken::Gap {
                expected: next,
                found: Position(found.unwrap_or_default()),
            }),
            Err(error) => self.away(&error),
        }
    }

    /// After a silence: nothing happened, or the stream went on, or back, without us.
    async fn still_there(&self, stream: &Stream) -> Result<(), FeedError> {
        let mut stream = stream.clone();
        let info = stream.info().await;
        let info = info.map_err(|error| self.unavailable(error))?;
        let end = Position(info.state.last_sequence);
        if end < self.at.position {
            return Err(self.broken(ChainBroken::Gap {
                expected: self.at.position,
                found: end,
            }));
        }
        if end > self.at.position {
            return Err(self.unavailable("its consumer has fallen silent"));
        }
        Ok(())
    }

    fn broken(&self, broken: ChainBroken) -> FeedError {
        let log = self.log.clone();
        FeedError::Broken { log, broken }
    }

    fn away(&self, error: &NatsError) -> FeedError {
        self.unavailable(error)
    }

    fn unavailable(&self, cause: impl std::fmt::Display) -> FeedError {
        FeedError::Unavailable {
            log: self.log.clone(),
            cause: format!("{}: {cause}", stream_name(&self.log)),
        }
    }
}
