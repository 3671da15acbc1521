//! A log's stream: how it is configured, and what its end says.

use async_nats::jetstream::Context;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, RawMessageErrorKind, RetentionPolicy, StorageType, Stream,
};
use eventsourcing::{Body, Checkpoint, Hash, LogId, MAX_BODY_BYTES, Position, Recorded};
use uuid::Uuid;

use crate::connection::{Nats, NatsError, away};
use crate::naming::{HASH, POSITION, stream_name, subjects};

/// Headers beside a body.
const HEADER_BYTES: usize = 4096;

/// Finds the log's stream, or makes it, and lets only this incarnation write to it.
pub(crate) async fn ensure(
    nats: &Nats,
    log: &LogId,
    incarnation: Uuid,
) -> Result<Stream, NatsError> {
    let jetstream = nats.jetstream();
    let wanted = config(log, incarnation, nats.settings.replicas);
    let found = match nats.find(log).await? {
        Some(found) => found.cached_info().config.clone(),
        None => return create(&jetstream, wanted).await,
    };
    if let Some(wrong) = unfit(&found, &wanted) {
        return Err(NatsError::Unfit(format!(
            "stream {} {wrong}: it was not made by Liandong, or was changed by hand",
            wanted.name
        )));
    }
    if found.subjects != wanted.subjects || found.num_replicas != wanted.num_replicas {
        jetstream.update_stream(&wanted).await.map_err(away)?;
    }
    jetstream.get_stream(&wanted.name).await.map_err(away)
}

async fn create(jetstream: &Context, wanted: Config) -> Result<Stream, NatsError> {
    let name = wanted.name.clone();
    match jetstream.create_stream(wanted).await {
        Ok(_) => jetstream.get_stream(name).await.map_err(away),
        Err(error) => Err(away(error)),
    }
}

fn config(log: &LogId, incarnation: Uuid, replicas: usize) -> Config {
    Config {
        name: stream_name(log),
        description: Some(format!(
            "The copy of the log {log}. Written only by its publisher."
        )),
        subjects: vec![subjects(log, incarnation)],
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        // Full is full: nothing old makes room for something new.
        discard: DiscardPolicy::New,
        deny_delete: true,
        deny_purge: true,
        allow_atomic_publish: true,
        num_replicas: replicas,
        max_message_size: i32::try_from(MAX_BODY_BYTES + HEADER_BYTES).expect("a small number"),
        ..Config::default()
    }
}

/// What about a stream makes it unusable for a log.
fn unfit(found: &Config, wanted: &Config) -> Option<&'static str> {
    let checks = [
        (found.storage != wanted.storage, "is not kept on disk"),
        (found.retention != wanted.retention, "forgets what was read"),
        (
            found.discard != wanted.discard,
            "drops old events when it is full",
        ),
        (
            !found.deny_delete || !found.deny_purge,
            "lets events be deleted",
        ),
        (!found.allow_atomic_publish, "takes no atomic batches"),
        (!found.max_age.is_zero(), "forgets with time"),
        (found.no_ack, "acknowledges nothing"),
        (
            found.mirror.is_some() || found.sources.is_some(),
            "is a copy itself",
        ),
    ];
    checks
        .into_iter()
        .find_map(|(wrong, what)| wrong.then_some(what))
}

/// The end of a stream, as its leader has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) position: Position,
    /// The chain hash there; `None` if the last message is no event of a log.
    pub(crate) hash: Option<Hash>,
    pub(crate) replicas: usize,
}

/// Reads the stream's end from its leader.
pub(crate) async fn end(nats: &Nats, log: &LogId) -> Result<End, NatsError> {
    let name = stream_name(log);
    let stream = nats.find(log).await?;
    let stream = stream.ok_or_else(|| NatsError::Away(format!("stream {name} is gone")))?;
    let info = stream.cached_info();
    let position = Position(info.state.last_sequence);
    let hash = match position {
        Position(0) => Some(Checkpoint::start(log).hash),
        position => {
            let last = message_at(&stream, position).await?;
            let unread = || NatsError::Away(format!("the last event of {name} cannot be read"));
            hash_in(&last.ok_or_else(unread)?)
        }
    };
    Ok(End {
        position,
        hash,
        replicas: info.config.num_replicas,
    })
}

/// The chain hash that the stream has at a position; `None` if it has no event there.
pub(crate) async fn hash_at(stream: &Stream, at: Position) -> Result<Option<Hash>, NatsError> {
    let message = message_at(stream, at).await?;
    Ok(message.as_ref().and_then(hash_in))
}

fn hash_in(message: &StreamMessage) -> Option<Hash> {
    message.headers.get(HASH)?.as_str().parse().ok()
}

/// The message at a position, from the stream's leader; `None` if there is none.
pub(crate) async fn message_at(
    stream: &Stream,
    at: Position,
) -> Result<Option<StreamMessage>, NatsError> {
    match stream.get_raw_message(at.0).await {
        Ok(message) => Ok(Some(message)),
        Err(error) => match error.kind() {
            RawMessageErrorKind::NoMessageFound => Ok(None),
            _ => Err(away(error)),
        },
    }
}

/// A message as the event it carries; `None` if it carries none that can be read.
pub(crate) fn event(
    headers: Option<&async_nats::HeaderMap>,
    payload: bytes::Bytes,
) -> Option<Recorded> {
    let headers = headers?;
    let position = Position(headers.get(POSITION)?.as_str().parse().ok()?);
    let hash = headers.get(HASH)?.as_str().parse().ok()?;
    Recorded::read(position, hash, Body::from_bytes(payload).ok()?).ok()
}
