//! Names on NATS: streams, subjects and headers. A contract with followers that we did not write.

use eventsourcing::LogId;
use uuid::Uuid;

/// The event's place in its log, from 1; equal to its stream sequence.
pub const POSITION: &str = "Liandong-Position";
/// The log's chain hash at that position, 64 hexadecimal digits.
pub const HASH: &str = "Liandong-Hash";
/// The incarnation of the log that published the event: another one after every restore.
pub const INCARNATION: &str = "Liandong-Incarnation";
/// What a body is: structured CloudEvents 1.0.
pub(crate) const CONTENT_TYPE: &str = "application/cloudevents+json";

/// The stream that holds a log's copy: `LOG_310000_referral`.
pub fn stream_name(log: &LogId) -> String {
    format!("LOG_{}_{}", log.region, log.context)
}

/// Where an event is published: `liandong.log.310000.referral.<incarnation>.Accepted`.
///
/// `event_type` is the envelope's, with its context before the dot.
pub fn subject(log: &LogId, incarnation: Uuid, event_type: &str) -> String {
    let event = event_type
        .rsplit_once('.')
        .map_or(event_type, |(_, event)| event);
    format!("{}.{event}", term(log, incarnation))
}

/// All subjects of one incarnation. A stream takes those of the present one only, so that a writer
/// of an older one is turned away.
pub(crate) fn subjects(log: &LogId, incarnation: Uuid) -> String {
    format!("{}.>", term(log, incarnation))
}

fn term(log: &LogId, incarnation: Uuid) -> String {
    let incarnation = incarnation.simple();
    format!("liandong.log.{}.{}.{incarnation}", log.region, log.context)
}
