//! The envelope: one event as `CloudEvents` 1.0 JSON, complete or not at all.
//!
//! Every attribute below is stored in the clear, on purpose and for the reason beside it. Whatever
//! could name or describe a person is in `data`, sealed. Nothing else may be added without a reason.

mod complete;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Actor;
use crate::chain::Hash;
use crate::ids::{LogId, Position, Region, ScopedId, StreamId, Version};
use crate::order::Order;

pub(crate) use complete::POLICY_NOTE;

/// The largest event a log takes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// One event and what everybody may know about it.
///
/// Names are those of `CloudEvents` 1.0 and its published extensions (auth context, correlation,
/// recorded time, distributed tracing) where they exist; the rest are ours, lower-case letters only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Always `1.0`: which `CloudEvents` this is.
    pub specversion: String,
    /// Names the event: causes refer to it. A random UUID (v7).
    pub id: Uuid,
    /// Which service of which region wrote it: `/310000/referral`.
    pub source: String,
    /// What happened: `referral.Accepted`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Which shape `data` has, for upcasting: `urn:liandong:referral.Accepted:1`.
    pub dataschema: String,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The stream it belongs to.
    pub subject: StreamId,
    /// Who is responsible for the record: routing and audit.
    pub region: Region,
    /// Which service's words these are.
    pub context: String,
    /// The case, a random id. Absent only for reference data and notes about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caseid: Option<ScopedId>,
    /// Place in the stream: proves that none is missing.
    pub version: Version,
    /// When it occurred, as claimed by the actor.
    pub time: Timestamp,
    /// When we recorded it, by our wall clock, never adjusted: legal time.
    pub recordedtime: Timestamp,
    /// Hybrid logical clock: the order in which people read.
    pub order: Order,
    /// Who acted (`authtype`, `authid`, …): staff act under their names in the directory, as ids.
    #[serde(flatten)]
    pub actor: Actor,
    /// The organization somebody acted for, when it was not their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub onbehalfof: Option<String>,
    /// The request that made it: a repeat is recognised by it.
    pub requestid: Uuid,
    /// Keyed digest of the request: the same id with other content is recognised, nothing is revealed.
    pub requestdigest: Hash,
    /// The whole story this belongs to: the case, or the request where there is none.
    pub correlationid: Uuid,
    /// The direct cause: the event a policy followed, or the request of a person.
    pub causationid: Uuid,
    /// Which version of the rules decided, where a rule with limits did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rulesversion: Option<String>,
    /// W3C trace context of the request, so that one trace spans the services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The event's own fields; personal data only sealed.
    pub data: serde_json::Value,
}

/// What makes an envelope or the bytes of one unacceptable. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the event is {size} bytes, more than {MAX_BODY_BYTES}")]
    TooLarge { size: usize },
    #[error("the event lacks {0}")]
    Incomplete(&'static str),
    #[error("the event is of {log}, but its {attribute} is not")]
    Disagrees { log: LogId, attribute: &'static str },
    #[error("not an event: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// An event serialised and hashed once, by whoever made it: the bytes that are stored, copied and proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    bytes: Bytes,
    sha256: Hash,
}

impl Body {
    /// Serialises a complete envelope.
    ///
    /// # Errors
    /// [`EnvelopeError`] if it has no acting party, belongs to no case though it should, or is too large.
    pub fn seal(envelope: &Envelope) -> Result<Self, EnvelopeError> {
        envelope.check()?;
        Self::from_bytes(serde_json::to_vec(envelope)?.into())
    }

    /// Takes bytes that are already an event, as they are: for restoring a log from its copy.
    ///
    /// # Errors
    /// [`EnvelopeError::TooLarge`].
    pub fn from_bytes(bytes: Bytes) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_BODY_BYTES {
            return Err(EnvelopeError::TooLarge { size: bytes.len() });
        }
        Ok(Self {
            sha256: Hash::of(&bytes),
            bytes,
        })
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub fn sha256(&self) -> Hash {
        self.sha256
    }
}

impl Envelope {
    pub fn log(&self) -> LogId {
        LogId::new(self.region, &self.context)
    }
}

/// An event as it stands in a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    pub position: Position,
    /// The chain hash at this position.
    pub hash: Hash,
    pub body: Body,
    pub envelope: Envelope,
}

impl Recorded {
    /// Reads the envelope from stored bytes.
    ///
    /// # Errors
    /// [`EnvelopeError::Malformed`] if the bytes are not an envelope.
    pub fn read(position: Position, hash: Hash, body: Body) -> Result<Self, EnvelopeError> {
        let envelope = serde_json::from_slice(body.bytes())?;
        Ok(Self {
            position,
            hash,
            body,
            envelope,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::envelope;

    #[test]
    fn an_envelope_is_read_back_as_it_was_sealed() {
        let sent = envelope("310000.referral", "referral", 1);
        let body = Body::seal(&sent).unwrap();
        let read = Recorded::read(Position(1), body.sha256(), body).unwrap();
        assert_eq!(read.envelope, sent);
    }

    #[test]
    fn attribute_names_are_lower_case_letters_and_digits_as_cloudevents_demands() {
        for actor in [Actor::person("p", "o", "r"), Actor::system("rule", "1")] {
            let sent = Envelope {
                actor,
                onbehalfof: Some("o-2".to_owned()),
                rulesversion: Some("2026-01".to_owned()),
                traceparent: Some("00-1-2-01".to_owned()),
                ..envelope("310000.referral", "referral", 1)
            };
            let json: serde_json::Value = serde_json::to_value(&sent).unwrap();
            let attributes = json.as_object().unwrap();
            let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
            for name in attributes.keys() {
                assert!(name.bytes().all(lower), "{name}");
            }
            let least = 24 + usize::from(matches!(sent.actor, Actor::Person { .. }));
            assert!(attributes.len() >= least, "some are not there: {json}");
        }
    }

    #[test]
    fn an_event_over_the_limit_is_refused() {
        let mut large = envelope("310000.referral", "referral", 1);
        large.data = serde_json::Value::String("x".repeat(MAX_BODY_BYTES));
        assert!(matches!(
            Body::seal(&large),
            Err(EnvelopeError::TooLarge { .. })
        ));
    }
}
