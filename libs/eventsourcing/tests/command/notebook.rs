//! A toy aggregate, and the handler that commands it, in memory, at a time of the test's choosing.

use std::sync::Arc;

use eventsourcing::testing::contract::event_log::LOG;
use eventsourcing::testing::{AlteredLog, MemoryLog};
use eventsourcing::{
    Actor, Aggregate, Answer, CommandError, CommandHandler, Fact, Hash, HybridClock, Occasion,
    Recorded, Region, Rejection, RejectionKind, RequestContext, ScopedId, StreamId, Version,
    VirtualClock,
};
use eventsourcing::{EventLog, Position};
use futures::executor::block_on;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::{NoContext, Uuid};

/// A notebook takes at most ten pages, and none from an auditor.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Notebook {
    pub(crate) pages: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct Add {
    pub(crate) pages: u32,
}

/// Before schema 2 sheets were counted, of two pages each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub(crate) enum NotebookEvent {
    Added { pages: u32 },
}

impl Fact for NotebookEvent {}

#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum No {
    #[error("the notebook is full")]
    Full,
    #[error("an auditor writes in no notebook")]
    Auditor,
}

impl Rejection for No {
    fn kind(&self) -> RejectionKind {
        match self {
            Self::Full => RejectionKind::WrongState,
            Self::Auditor => RejectionKind::Forbidden,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Full => "NOTEBOOK_FULL",
            Self::Auditor => "NOT_PERMITTED",
        }
    }

    fn zh(&self) -> String {
        match self {
            Self::Full => "记事本已满".to_owned(),
            Self::Auditor => "审计员不得书写".to_owned(),
        }
    }
}

impl Aggregate for Notebook {
    const CONTEXT: &'static str = "referral";
    const KIND: &'static str = "notebook";
    type Command = Add;
    type Event = NotebookEvent;
    type Rejection = No;

    fn decide(&self, add: &Add, on: &Occasion) -> Result<Vec<NotebookEvent>, No> {
        if on.actor == auditor() {
            return Err(No::Auditor);
        }
        if self.pages + add.pages > 10 {
            return Err(No::Full);
        }
        Ok(vec![NotebookEvent::Added { pages: add.pages }])
    }

    fn evolve(&mut self, event: &NotebookEvent) {
        let NotebookEvent::Added { pages } = event;
        self.pages += pages;
    }

    fn schema(_: &str) -> u16 {
        2
    }

    fn upcast(_: &str, schema: u16, data: Value) -> Value {
        match schema {
            1 => json!({ "pages": data["sheets"].as_u64().unwrap_or(0) * 2 }),
            _ => data,
        }
    }
}

pub(crate) fn auditor() -> Actor {
    Actor::person("p-2", "o-1", "auditor")
}

pub(crate) fn shanghai() -> Region {
    "310000".parse().unwrap()
}

pub(crate) fn notebook(n: u128) -> ScopedId {
    ScopedId::new(shanghai(), Uuid::from_u128(n))
}

pub(crate) fn noon() -> Timestamp {
    "2026-03-01T04:00:00Z".parse().unwrap()
}

/// A request id that a caller's clock made at this moment.
pub(crate) fn made_at(at: Timestamp) -> Uuid {
    let seconds = u64::try_from(at.as_second()).unwrap();
    let nanos = u32::try_from(at.subsec_nanosecond()).unwrap();
    Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
}

/// What a worker asks for now.
pub(crate) fn request(id: Uuid) -> RequestContext {
    RequestContext {
        id,
        digest: Hash::of(b"add"),
        actor: Actor::person("p-1", "o-1", "worker"),
        on_behalf_of: None,
        etag: None,
        validate_only: false,
        occurred_at: None,
        case: Some(notebook(100)),
        cause: None,
        traceparent: None,
    }
}

/// A log in memory, a clock that stands at noon, and what a test does to the log.
pub(crate) struct Bench {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) log: MemoryLog,
    altered: AlteredLog,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let log = MemoryLog::new(LOG.parse().unwrap());
        Self {
            clock: Arc::new(VirtualClock::new(noon())),
            altered: AlteredLog::new(Arc::new(log.clone())),
            log,
        }
    }

    pub(crate) fn altered(mut self, alter: impl FnOnce(AlteredLog) -> AlteredLog) -> Self {
        self.altered = alter(self.altered);
        self
    }

    /// The same log, after a start with a wall clock that stands somewhere else.
    pub(crate) fn started_at(&self, at: Timestamp) -> Self {
        Self {
            clock: Arc::new(VirtualClock::new(at)),
            altered: self.altered.clone(),
            log: self.log.clone(),
        }
    }

    pub(crate) fn pass(&self, duration: SignedDuration) {
        self.clock.turn_to(noon() + duration);
    }

    pub(crate) fn add(&self, pages: u32, request: &RequestContext) -> Result<Answer, CommandError> {
        let order = Arc::new(HybridClock::new(self.clock.clone()));
        let handler = CommandHandler::new(Arc::new(self.altered.clone()), order);
        block_on(handler.handle::<Notebook>(notebook(1), Add { pages }, request))
    }

    /// A worker's new request, made now.
    pub(crate) fn add_now(&self, pages: u32) -> Result<Answer, CommandError> {
        use eventsourcing::Clock;
        self.add(pages, &request(made_at(self.clock.now())))
    }

    pub(crate) fn history(&self) -> Vec<Recorded> {
        let stream = StreamId::new(Notebook::KIND, notebook(1));
        block_on(self.log.read(&stream, Version(1))).unwrap()
    }

    pub(crate) fn stored(&self) -> usize {
        block_on(self.log.read_all(Position(0), 1_000))
            .unwrap()
            .len()
    }
}

/// The stable reason of a rejection.
#[track_caller]
pub(crate) fn reason(outcome: Result<Answer, CommandError>) -> &'static str {
    match outcome {
        Err(CommandError::Rejected(rejected)) => rejected.reason,
        other => panic!("not rejected: {other:?}"),
    }
}
