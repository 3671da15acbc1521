//! The command handler: the one path from a command to stored events.
//!
//! Load the streams, fold them, decide, append; on a conflict begin again, unless the caller said
//! which version it saw. A request that the log knows gets its first answer.

mod request;
mod step;

use std::sync::Arc;

use uuid::Uuid;

use crate::aggregate::{Aggregate, Occasion, Rejected, RejectionKind, UnknownEvent};
use crate::envelope::{Body, Envelope, EnvelopeError, Recorded};
use crate::ids::{LogId, Position, ScopedId, StreamId, Version};
use crate::log::{Append, AppendError, Durability, EventLog, ReadError, Write};
use crate::order::HybridClock;

pub use request::RequestContext;
use request::{CALLER_DRIFT, check_request, refused};
use step::Decided;
pub use step::Step;

/// Beyond this many lost races in a row something is wrong with the caller, not with the luck.
const MOST_ATTEMPTS: usize = 16;

/// What a command led to; the same for the first time and for every repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub log: LogId,
    /// The stream of the first event, and its version after the command.
    pub stream: StreamId,
    pub version: Version,
    pub case: Option<ScopedId>,
    pub events: Vec<EventRef>,
    /// The last position written; what a reader waits for to see this command's effect.
    pub position: Position,
    pub durability: Durability,
    /// The log knew the request: nothing was written now.
    pub repeated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRef {
    pub id: Uuid,
    pub event_type: String,
}

#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The rules say no; nothing is stored.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// Somebody else was first.
    #[error("{stream} is at version {actual}, not {expected}")]
    Conflict {
        stream: StreamId,
        expected: Version,
        actual: Version,
    },
    #[error(transparent)]
    Append(AppendError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Unknown(#[from] UnknownEvent),
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// Takes the commands of one service of one region.
#[derive(Clone)]
pub struct CommandHandler {
    log: Arc<dyn EventLog>,
    clock: Arc<HybridClock>,
}

impl CommandHandler {
    pub fn new(log: Arc<dyn EventLog>, clock: Arc<HybridClock>) -> Self {
        Self { log, clock }
    }

    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }

    pub fn clock(&self) -> &Arc<HybridClock> {
        &self.clock
    }

    /// Decides one command for one aggregate and stores what it leads to.
    ///
    /// # Errors
    /// [`CommandError`]; unless the log itself failed, nothing was stored.
    pub async fn handle<A: Aggregate>(
        &self,
        id: ScopedId,
        command: A::Command,
        request: &RequestContext,
    ) -> Result<Answer, CommandError> {
        self.handle_all(&[Step::of::<A>(id, command)], request)
            .await
    }

    /// Decides commands for several streams of this log and stores them together or not at all.
    ///
    /// # Errors
    /// As [`Self::handle`].
    pub async fn handle_all(
        &self,
        steps: &[Step],
        request: &RequestContext,
    ) -> Result<Answer, CommandError> {
        let mut attempt = 1;
        loop {
            if let Some(first_answer) = self.first_answer(request).await? {
                return Ok(first_answer);
            }
            let decided = match self.decide(steps, request).await {
                Ok(decided) => decided,
                // The same request may have been faster by another way: its answer is ours.
                Err(no @ (CommandError::Rejected(_) | CommandError::Conflict { .. })) => {
                    return self.first_answer(request).await?.ok_or(no);
                }
                Err(error) => return Err(error),
            };
            // Nothing to store where every step finds that nothing is left to do.
            if request.validate_only || decided.writes.is_empty() {
                return Ok(self.answer(decided, None));
            }
            let append = Append {
                request: request.id,
                writes: decided.writes.clone(),
            };
            match self.log.append(append).await {
                Ok(appended) => {
                    return Ok(self.answer(decided, Some((appended.last, appended.durability))));
                }
                // The same request was faster by another way: its answer is ours.
                Err(AppendError::RequestKnown(_)) if attempt < MOST_ATTEMPTS => {}
                Err(AppendError::Conflict {
                    stream,
                    expected,
                    actual,
                }) => {
                    if request.etag.is_some() || attempt == MOST_ATTEMPTS {
                        return Err(CommandError::Conflict {
                            stream,
                            expected,
                            actual,
                        });
                    }
                }
                Err(error) => return Err(CommandError::Append(error)),
            }
            attempt += 1;
        }
    }

    /// When and by whom: our wall clock, read after the histories so that no attempt is recorded before
    /// what it was decided on. Where the wall stands behind a history (it was set back, or ran ahead
    /// when that was recorded), it counts as standing still: the time of the last event is repeated
    /// until the wall has passed it. Nothing is moved that was recorded, and no stream runs backwards.
    fn occasion(
        &self,
        request: &RequestContext,
        histories: &[Vec<Recorded>],
    ) -> Result<Occasion, CommandError> {
        let recorded = histories.iter().filter_map(|history| history.last());
        let recorded = recorded.map(|last| last.envelope.recordedtime).max();
        let now = self.clock.now();
        let now = recorded.map_or(now, |recorded| recorded.max(now));
        let occurred_at = request.occurred_at.unwrap_or(now);
        if occurred_at > now + CALLER_DRIFT {
            return Err(refused(
                "meta.occurred_at",
                "OCCURRED_IN_FUTURE",
                "it cannot have occurred in the future",
                "发生时间不能晚于现在",
            ));
        }
        Ok(Occasion {
            actor: request.actor.clone(),
            now,
            occurred_at: occurred_at.min(now),
        })
    }

    /// What this log answered the request the first time, if it knows it.
    ///
    /// # Errors
    /// [`CommandError::Rejected`] if the request itself is wrong, or its id was used for another one.
    pub async fn first_answer(
        &self,
        request: &RequestContext,
    ) -> Result<Option<Answer>, CommandError> {
        check_request(request, self.clock.now())?;
        let known = self.log.find_request(request.id).await?;
        let (Some(first), Some(last)) = (known.first(), known.last()) else {
            return Ok(None);
        };
        if first.envelope.requestdigest != request.digest {
            return Err(CommandError::Rejected(Rejected {
                kind: RejectionKind::AlreadyExists,
                reason: "REQUEST_ID_REUSED",
                en: "this request id was used for another request".to_owned(),
                zh: "此请求编号已用于另一请求".to_owned(),
                field: Some("meta.request_id"),
                allowed: Vec::new(),
            }));
        }
        let stream = &first.envelope.subject;
        let version = known
            .iter()
            .rev()
            .find(|event| event.envelope.subject == *stream);
        Ok(Some(Answer {
            log: self.log.id().clone(),
            stream: stream.clone(),
            version: version.map_or(Version(0), |event| event.envelope.version),
            case: first.envelope.caseid,
            events: known
                .iter()
                .map(|event| event_ref(&event.envelope))
                .collect(),
            position: last.position,
            durability: self.log.durability(last.position),
            repeated: true,
        }))
    }

    async fn decide(
        &self,
        steps: &[Step],
        request: &RequestContext,
    ) -> Result<DecidedAll, CommandError> {
        let mut histories = Vec::with_capacity(steps.len());
        for step in steps {
            histories.push(self.log.read(&step.stream, Version(1)).await?);
        }
        let on = &self.occasion(request, &histories)?;
        let mut all = DecidedAll::default();
        for (index, (step, history)) in steps.iter().zip(&histories).enumerate() {
            let version = history
                .last()
                .map_or(Version(0), |last| last.envelope.version);
            if let (0, Some(expected)) = (index, request.etag)
                && expected != version
            {
                let stream = step.stream.clone();
                let conflict = CommandError::Conflict {
                    stream,
                    expected,
                    actual: version,
                };
                return Err(match (step.decide)(history, on) {
                    // Who may not is not told that something has changed, nor that it exists.
                    Err(CommandError::Rejected(no))
                        if matches!(
                            no.kind,
                            RejectionKind::Forbidden | RejectionKind::NotFound
                        ) =>
                    {
                        no.into()
                    }
                    _ => conflict,
                });
            }
            // A stream that begins here belongs to the case of the one before it.
            let case = case_of(history, request)?.or(all.case);
            let mut write = Write {
                stream: step.stream.clone(),
                expected: version,
                events: vec![],
            };
            let mut at = version;
            for decided in (step.decide)(history, on)? {
                at = at.next();
                let envelope = self.envelope(decided, &step.stream, at, case, request, on);
                write.events.push(Body::seal(&envelope)?);
                all.envelopes.push(envelope);
            }
            all.versions.push((step.stream.clone(), at));
            all.case = all.case.or(case);
            if !write.events.is_empty() {
                all.writes.push(write);
            }
        }
        Ok(all)
    }

    fn envelope(
        &self,
        decided: Decided,
        stream: &StreamId,
        version: Version,
        case: Option<ScopedId>,
        request: &RequestContext,
        on: &Occasion,
    ) -> Envelope {
        let log = self.log.id();
        let event_type = format!("{}.{}", log.context, decided.event.name);
        Envelope {
            specversion: "1.0".to_owned(),
            id: Uuid::new_v7(uuid_time(on.now)),
            source: format!("/{}/{}", log.region, log.context),
            dataschema: format!("urn:liandong:{event_type}:{}", decided.schema),
            datacontenttype: "application/json".to_owned(),
            event_type,
            subject: stream.clone(),
            region: log.region,
            context: log.context.clone(),
            caseid: case,
            version,
            time: on.occurred_at,
            recordedtime: on.now,
            order: self.clock.tick(),
            actor: on.actor.clone(),
            onbehalfof: request.on_behalf_of.clone(),
            requestid: request.id,
            requestdigest: request.digest,
            correlationid: case.map_or(request.id, |case| case.uuid),
            causationid: request.cause.unwrap_or(request.id),
            rulesversion: decided.rules_version,
            traceparent: request.traceparent.clone(),
            data: decided.event.data,
        }
    }

    fn answer(&self, decided: DecidedAll, stored: Option<(Position, Durability)>) -> Answer {
        let mut versions = decided.versions.into_iter();
        let first_written = decided.envelopes.first().map(|first| &first.subject);
        let (stream, version) = versions
            .find(|(stream, _)| first_written.is_none_or(|first| first == stream))
            .expect("a command has at least one step");
        let (position, durability) =
            stored.unwrap_or((self.log.head().position, Durability::Local));
        Answer {
            log: self.log.id().clone(),
            stream,
            version,
            case: decided.case,
            events: decided.envelopes.iter().map(event_ref).collect(),
            position,
            durability,
            repeated: false,
        }
    }
}

#[derive(Default)]
struct DecidedAll {
    writes: Vec<Write>,
    envelopes: Vec<Envelope>,
    versions: Vec<(StreamId, Version)>,
    case: Option<ScopedId>,
}

fn event_ref(envelope: &Envelope) -> EventRef {
    EventRef {
        id: envelope.id,
        event_type: envelope.event_type.clone(),
    }
}

/// A stream's case never changes; a stream that begins takes the request's.
fn case_of(
    history: &[Recorded],
    request: &RequestContext,
) -> Result<Option<ScopedId>, CommandError> {
    let Some(first) = history.first() else {
        return Ok(request.case);
    };
    match (first.envelope.caseid, request.case) {
        (Some(stored), Some(claimed)) if stored != claimed => Err(refused(
            "case_id",
            "OTHER_CASE",
            "this belongs to another case",
            "此记录属于另一个案",
        )),
        (stored, _) => Ok(stored),
    }
}

fn uuid_time(now: jiff::Timestamp) -> uuid::Timestamp {
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos)
}
