//! Atomic batches (ADR-50 of NATS): all events stand in the stream, one after the other, or none.
//!
//! async-nats has no call for them. One batch at a time, the first message under the expectation of
//! the stream's last sequence: measured to be the only way in which two writers never interleave.

use async_nats::jetstream::response::Response;
use async_nats::{HeaderMap, Request};
use eventsourcing::{LogId, Position, Recorded};
use serde::Deserialize;
use std::time::Duration;
use uuid::Uuid;

use crate::connection::{Nats, NatsError, away};
use crate::naming::{CONTENT_TYPE, HASH, INCARNATION, POSITION, subject};

/// Beyond this the server has lost the batch or its leader: what became of it is read, not assumed.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(3);

const EXPECTED_LAST: &str = "Nats-Expected-Last-Sequence";
const BATCH: &str = "Nats-Batch-Id";
const PLACE: &str = "Nats-Batch-Sequence";
const COMMIT: &str = "Nats-Batch-Commit";

#[derive(Debug, Deserialize)]
struct Acknowledged {
    seq: u64,
}

/// Publishes `events`, which begin directly after `after`.
///
/// # Errors
/// Any error means that the outcome is unknown: the stream's end tells.
pub(crate) async fn publish(
    nats: &Nats,
    log: &LogId,
    incarnation: Uuid,
    after: Position,
    events: &[Recorded],
) -> Result<(), NatsError> {
    let Some((last, first)) = events.split_last() else {
        return Ok(());
    };
    let batch = (!first.is_empty()).then(|| Uuid::new_v4().simple().to_string());
    for (index, event) in first.iter().enumerate() {
        let mut headers = headers(event, incarnation, batch.as_deref(), index + 1);
        if index == 0 {
            headers.insert(EXPECTED_LAST, after.0.to_string());
        }
        let subject = subject(log, incarnation, &event.envelope.event_type);
        let body = event.body.bytes().clone();
        let sent = nats.client.publish_with_headers(subject, headers, body);
        sent.await.map_err(away)?;
    }
    let mut headers = headers(last, incarnation, batch.as_deref(), events.len());
    if batch.is_some() {
        headers.insert(COMMIT, "1");
    } else {
        headers.insert(EXPECTED_LAST, after.0.to_string());
    }
    let request = Request::new()
        .headers(headers)
        .payload(last.body.bytes().clone())
        .timeout(Some(ACKNOWLEDGED_WITHIN));
    let subject = subject(log, incarnation, &last.envelope.event_type);
    let answer = nats.client.send_request(subject, request).await;
    let answer = answer.map_err(away)?.payload;
    match serde_json::from_slice::<Response<Acknowledged>>(&answer).map_err(away)? {
        Response::Ok(acknowledged) if acknowledged.seq == last.position.0 => Ok(()),
        Response::Ok(other) => Err(NatsError::Away(format!(
            "position {} was acknowledged as sequence {}",
            last.position, other.seq
        ))),
        Response::Err { error } => Err(away(error)),
    }
}

fn headers(event: &Recorded, incarnation: Uuid, batch: Option<&str>, place: usize) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Content-Type", CONTENT_TYPE);
    headers.insert(POSITION, event.position.0.to_string());
    headers.insert(HASH, event.hash.to_string());
    headers.insert(INCARNATION, incarnation.to_string());
    if let Some(batch) = batch {
        headers.insert(BATCH, batch);
        headers.insert(PLACE, place.to_string());
    }
    headers
}
