//! What a rule file provides: an aggregate that decides and evolves, and rejections that say no precisely.

use std::fmt::Debug;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::actor::Actor;
use crate::envelope::{Envelope, Recorded};

/// One kind of thing with a history: its rules are these two pure functions.
pub trait Aggregate:
    Default + Clone + Debug + PartialEq + Serialize + Send + Sync + 'static
{
    /// The service's word for itself; the log is `<region>.<CONTEXT>`.
    const CONTEXT: &'static str;
    /// The stream's kind: streams are `<KIND>/<region>-<uuid>`.
    const KIND: &'static str;

    type Command: Clone + Send + Sync + 'static;
    /// An enum, serialised by serde as `#[serde(tag = "type", content = "data")]`.
    type Event: Fact;
    type Rejection: Rejection;

    /// Answers a command with events, or says precisely why not. Reads no clock, makes no id.
    ///
    /// # Errors
    /// The rejection; then nothing is stored.
    fn decide(
        &self,
        command: &Self::Command,
        on: &Occasion,
    ) -> Result<Vec<Self::Event>, Self::Rejection>;

    /// Takes in one event. Total: an event that happened cannot be refused.
    fn evolve(&mut self, event: &Self::Event);

    /// Which version of an event's shape is written now.
    fn schema(_event_type: &str) -> u16 {
        1
    }

    /// Turns the shape `schema` of an event into today's, by event name (without the context).
    fn upcast(_event_type: &str, _schema: u16, data: Value) -> Value {
        data
    }
}

/// An event's payload.
pub trait Fact: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync {
    /// The version of the rule set that decided this, where limits did.
    fn rules_version(&self) -> Option<&str> {
        None
    }
}

/// When and by whom a command is given: all that a rule may know besides the command and the state.
#[derive(Debug, Clone, PartialEq)]
pub struct Occasion {
    pub actor: Actor,
    /// Our wall clock when the command was taken.
    pub now: Timestamp,
    /// When the thing happened, as the actor says; never after `now`.
    pub occurred_at: Timestamp,
}

/// Why the rules say no.
pub trait Rejection: std::error::Error + Send + Sync + 'static {
    fn kind(&self) -> RejectionKind;
    /// Stable, `UPPER_SNAKE_CASE`: what programs match on.
    fn reason(&self) -> &'static str;
    /// The same sentence as `Display`, in Chinese.
    fn zh(&self) -> String;
    /// The request field at fault, if one is.
    fn field(&self) -> Option<&'static str> {
        None
    }
    /// What would be allowed instead, by command name.
    fn allowed(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The kinds of "no"; each maps to one gRPC code, in `service-runtime` and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum RejectionKind {
    /// The request itself is wrong.
    Invalid,
    NotFound,
    AlreadyExists,
    /// The thing is in a state that does not allow it.
    WrongState,
    /// This actor may not.
    Forbidden,
}

/// A rejection of any aggregate, as it leaves the rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{en}")]
pub struct Rejected {
    pub kind: RejectionKind,
    pub reason: &'static str,
    pub en: String,
    pub zh: String,
    pub field: Option<&'static str>,
    pub allowed: Vec<String>,
}

impl<R: Rejection> From<R> for Rejected {
    fn from(rejection: R) -> Self {
        Self {
            kind: rejection.kind(),
            reason: rejection.reason(),
            en: rejection.to_string(),
            zh: rejection.zh(),
            field: rejection.field(),
            allowed: rejection.allowed(),
        }
    }
}

/// An event's name and its data, as they go into the envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub name: String,
    pub data: Value,
}

/// An event that this version of the program does not know: it is parked, never guessed at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event {event_type} ({dataschema}): {cause}")]
pub struct UnknownEvent {
    pub event_type: String,
    pub dataschema: String,
    pub cause: String,
}

/// Splits an event into its name and its data.
///
/// # Panics
/// If the event type is not an enum tagged with `type` and `data`: the scenario of any test shows it.
pub fn encode<E: Fact>(event: &E) -> Decoded {
    let value = serde_json::to_value(event).expect("events are plain data");
    let Value::Object(mut parts) = value else {
        panic!("events are serialised with a `type` tag");
    };
    let Some(Value::String(name)) = parts.remove("type") else {
        panic!("events are serialised with a `type` tag");
    };
    Decoded {
        name,
        data: parts.remove("data").unwrap_or(Value::Null),
    }
}

/// Reads an envelope as an event of aggregate `A`, upcasting an older shape.
///
/// # Errors
/// [`UnknownEvent`] if this program has no such event, or its data have another shape.
pub fn decode<A: Aggregate>(envelope: &Envelope) -> Result<A::Event, UnknownEvent> {
    let unknown = |cause: String| UnknownEvent {
        event_type: envelope.event_type.clone(),
        dataschema: envelope.dataschema.clone(),
        cause,
    };
    let name = envelope
        .event_type
        .strip_prefix(A::CONTEXT)
        .and_then(|rest| rest.strip_prefix('.'))
        .ok_or_else(|| unknown(format!("not of context {}", A::CONTEXT)))?;
    let schema: u16 = envelope
        .dataschema
        .rsplit(':')
        .next()
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| unknown("its schema has no number".to_owned()))?;
    if schema > A::schema(name) {
        return Err(unknown(format!("newer than schema {}", A::schema(name))));
    }
    let mut parts = Map::new();
    parts.insert("type".to_owned(), Value::String(name.to_owned()));
    let data = A::upcast(name, schema, envelope.data.clone());
    if !data.is_null() {
        parts.insert("data".to_owned(), data);
    }
    serde_json::from_value(Value::Object(parts)).map_err(|error| unknown(error.to_string()))
}

/// The state of a stream after these events.
///
/// # Errors
/// [`UnknownEvent`]: a state is never computed from a history that is only partly understood.
pub fn fold<'a, A: Aggregate>(
    history: impl IntoIterator<Item = &'a Recorded>,
) -> Result<A, UnknownEvent> {
    let mut state = A::default();
    for recorded in history {
        state.evolve(&decode::<A>(&recorded.envelope)?);
    }
    Ok(state)
}
