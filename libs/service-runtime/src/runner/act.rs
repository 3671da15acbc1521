//! Runs a policy: when an event came, command what the policy says, once.
//!
//! What it made of each event is in its own log (the act, or `PolicyDeclined`, or `PolicySkipped`),
//! so a lost checkpoint only means reading again. What fails is tried a few times, then the case is
//! parked: later events of that case wait behind it, other cases go on. When the log has no room or
//! cannot be read, nothing is wrong with the event: the policy waits with it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{
    Actor, Change, Checkpoint, CommandError, CommandHandler, Commit, Hash, LogId, Policy,
    PolicyError, Recorded, Rejected, RequestContext, Rows, ScopedId, SkipReason, Step,
    policy_request_id,
};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::backoff::Backoff;
use super::follow::Following;
use super::{Remedy, Runner, RunnerError, blocking, commit, remedy};
use crate::parked::{Operation, Parked, ParkedOutcome};

/// How often a failing event is tried before its case is parked, and how long between.
const TRIES: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(50),
    Duration::from_millis(250),
];

pub(crate) async fn act(
    runner: Runner,
    commands: CommandHandler,
    policy: Arc<dyn Policy>,
    mut operations: mpsc::Receiver<Operation>,
) -> Result<(), RunnerError> {
    let own = commands.log().id();
    let mut following = Following::start(runner.clone(), policy.name(), policy.logs(), Some(own))?;
    let parked = Parked::new(policy.name(), runner.ports.rows.clone());
    let acting = Acting {
        runner,
        commands,
        policy,
        parked,
    };
    loop {
        tokio::select! {
            biased;
            Some(operation) = operations.recv() => acting.operate(operation).await?,
            batch = following.next() => match batch? {
                Some((log, events)) => acting.batch(&log, events).await?,
                None => return Ok(()),
            },
        }
    }
}

struct Acting {
    runner: Runner,
    commands: CommandHandler,
    policy: Arc<dyn Policy>,
    parked: Parked,
}

/// What came of an event.
enum Tried {
    /// What to commit because of it; `None` if it was no concern of the policy.
    Done(Option<Vec<Change>>),
    /// Somebody has to look at it.
    Fails(String),
    /// The log cannot take anything now.
    Waits(String),
    Stopped,
}

impl Acting {
    async fn batch(&self, log: &LogId, events: Vec<Recorded>) -> Result<(), RunnerError> {
        let last = events.last().map(|event| event.position);
        for event in events {
            let (position, hash) = (event.position, event.hash);
            let ControlFlow::Continue(changes) = self.event(&Arc::new(event)).await? else {
                return Ok(());
            };
            let is_last = last == Some(position);
            if let Some(changes) = changes.or(is_last.then(Vec::new)) {
                let (name, at) = (self.policy.name(), Checkpoint { position, hash });
                let checkpoint = Some((name.to_owned(), log.clone(), at));
                let all = Commit {
                    changes,
                    checkpoint,
                };
                commit(&self.runner, all).await?;
                self.runner.ports.progress.reached(name, log, position);
            }
        }
        Ok(())
    }

    /// What to commit because of one event; `None` if it was no concern of the policy. `Break` if the
    /// service stops before that is known.
    async fn event(
        &self,
        event: &Arc<Recorded>,
    ) -> Result<ControlFlow<(), Option<Vec<Change>>>, RunnerError> {
        if self.parked.waits(event)? {
            let cause = "an earlier event of the case is parked";
            return Ok(ControlFlow::Continue(Some(self.parked.add(event, cause)?)));
        }
        let policy = self.policy.name();
        let mut backoff = Backoff::default();
        loop {
            match self.try_a_few_times(event).await? {
                Tried::Done(changes) => return Ok(ControlFlow::Continue(changes)),
                Tried::Fails(cause) => {
                    tracing::error!(policy, event = %event.envelope.id, cause, "case parked");
                    metrics::counter!("liandong_policy_parked_total", "policy" => policy)
                        .increment(1);
                    return Ok(ControlFlow::Continue(Some(self.parked.add(event, &cause)?)));
                }
                Tried::Waits(cause) => {
                    tracing::warn!(policy, event = %event.envelope.id, cause, "policy waits");
                    metrics::counter!("liandong_policy_waits_total", "policy" => policy)
                        .increment(1);
                    if self.runner.pause(backoff.next()).await.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Tried::Stopped => return Ok(ControlFlow::Break(())),
            }
        }
    }

    async fn try_a_few_times(&self, event: &Arc<Recorded>) -> Result<Tried, RunnerError> {
        let mut cause = String::new();
        for wait in TRIES {
            if self.runner.pause(wait).await.is_break() {
                return Ok(Tried::Stopped);
            }
            match self.once(event).await {
                Ok(changes) => return Ok(Tried::Done(changes)),
                Err(Failure::Policy(PolicyError::NotYet(lack))) => return Ok(Tried::Waits(lack)),
                Err(Failure::Policy(error)) => cause = error.to_string(),
                Err(Failure::Command(error)) => match remedy(&error) {
                    Remedy::Stop => return Err(RunnerError::Log(error.to_string())),
                    Remedy::Wait => return Ok(Tried::Waits(error.to_string())),
                    Remedy::Park => cause = error.to_string(),
                },
            }
        }
        self.unless_on_record(event, cause).await
    }

    /// An event that an operator gave up on stays given up when the rows are rebuilt.
    async fn unless_on_record(
        &self,
        event: &Recorded,
        cause: String,
    ) -> Result<Tried, RunnerError> {
        match self.commands.first_answer(&self.request(event)).await {
            Ok(Some(_)) => Ok(Tried::Done(Some(Vec::new()))),
            Ok(None) => Ok(Tried::Fails(cause)),
            Err(error) => match remedy(&error) {
                Remedy::Stop => Err(RunnerError::Log(error.to_string())),
                Remedy::Wait => Ok(Tried::Waits(error.to_string())),
                Remedy::Park => Ok(Tried::Fails(cause)),
            },
        }
    }

    async fn once(&self, event: &Arc<Recorded>) -> Result<Option<Vec<Change>>, Failure> {
        let (policy, of) = (self.policy.clone(), event.clone());
        let mut rows = Rows::new(self.runner.ports.rows.clone());
        let (steps, changes) = blocking(move || {
            let steps = policy.react(&of, &mut rows)?;
            Ok::<_, PolicyError>((steps, rows.into_changes()))
        })
        .await?;
        if steps.is_empty() {
            return Ok((!changes.is_empty()).then_some(changes));
        }
        self.command(event, &steps).await?;
        Ok(Some(changes))
    }

    async fn command(&self, event: &Recorded, steps: &[Step]) -> Result<(), CommandError> {
        let request = self.request(event);
        match self.commands.handle_all(steps, &request).await {
            Err(CommandError::Rejected(rejected)) => {
                declined(&self.commands, &request, self.policy.name(), &rejected).await
            }
            other => other.map(drop),
        }
    }

    fn request(&self, event: &Recorded) -> RequestContext {
        let envelope = &event.envelope;
        RequestContext {
            traceparent: envelope.traceparent.clone(),
            ..rule_request(
                self.policy.name(),
                self.policy.version(),
                envelope.id,
                envelope.caseid,
            )
        }
    }

    async fn operate(&self, operation: Operation) -> Result<(), RunnerError> {
        let (case, skip, answer) = operation.into_parts();
        let outcome = match skip {
            Some((by, reason)) => self.skip(&case, &by, reason).await?,
            None => self.retry(&case).await?,
        };
        // The operator may have gone; what was done stays done.
        let _ = answer.send(outcome);
        Ok(())
    }

    /// Tries the parked events of a case again, in order, until one fails.
    async fn retry(&self, case: &str) -> Result<ParkedOutcome, RunnerError> {
        let mut done = 0;
        while let Some(parked) = self.parked.first(case)? {
            let event = Arc::new(parked.event()?);
            let still_parked = match self.try_a_few_times(&event).await? {
                Tried::Done(changes) => {
                    let mut changes = changes.unwrap_or_default();
                    changes.push(parked.removal());
                    self.commit_parked(changes).await?;
                    done += 1;
                    continue;
                }
                Tried::Fails(cause) => {
                    self.commit_parked(vec![parked.waits_for(&cause)?]).await?;
                    cause
                }
                Tried::Waits(cause) => cause,
                Tried::Stopped => "the service is stopping".to_owned(),
            };
            return Ok(ParkedOutcome {
                done,
                still_parked: Some(still_parked),
            });
        }
        Ok(ParkedOutcome {
            done,
            still_parked: None,
        })
    }

    /// Gives up on the first parked event of a case, on record, and goes on with the rest.
    async fn skip(
        &self,
        case: &str,
        by: &Actor,
        reason: SkipReason,
    ) -> Result<ParkedOutcome, RunnerError> {
        let Some(parked) = self.parked.first(case)? else {
            return Ok(ParkedOutcome {
                done: 0,
                still_parked: None,
            });
        };
        match self.give_up(&parked.event()?, by, reason).await {
            Err(error) if remedy(&error) == Remedy::Stop => {
                return Err(RunnerError::Log(error.to_string()));
            }
            Err(error) => {
                return Ok(ParkedOutcome {
                    done: 0,
                    still_parked: Some(error.to_string()),
                });
            }
            Ok(()) => {}
        }
        self.commit_parked(vec![parked.removal()]).await?;
        self.retry(case).await
    }

    /// The note stands under the policy's own request id, so the policy itself writes it; who decided
    /// stands in it.
    async fn give_up(
        &self,
        event: &Recorded,
        by: &Actor,
        reason: SkipReason,
    ) -> Result<(), CommandError> {
        let (person, organization) = match by {
            Actor::Person {
                person,
                organization,
                ..
            } => (person, Some(organization.clone())),
            Actor::System { rule, .. } => (rule, None),
        };
        let request = RequestContext {
            on_behalf_of: organization,
            ..self.request(event)
        };
        let note = json!({
            "policy": self.policy.name(),
            "cause": event.envelope.id,
            "reason": reason.name(),
            "by": person,
        });
        write_note(&self.commands, &request, "PolicySkipped", note).await
    }

    async fn commit_parked(&self, changes: Vec<Change>) -> Result<(), RunnerError> {
        let all = Commit {
            changes,
            checkpoint: None,
        };
        Ok(commit(&self.runner, all).await?)
    }
}

/// The request of a rule of the system, because of an event.
pub(super) fn rule_request(
    rule: &str,
    version: &str,
    cause: Uuid,
    case: Option<ScopedId>,
) -> RequestContext {
    RequestContext {
        id: policy_request_id(rule, cause),
        // The id alone says what is asked: the cause and the rule.
        digest: Hash::of(rule.as_bytes()),
        actor: Actor::system(rule, version),
        on_behalf_of: None,
        etag: None,
        validate_only: false,
        occurred_at: None,
        case,
        cause: Some(cause),
        traceparent: None,
    }
}

/// Leaves on record that the rules declined what a policy wanted.
pub(super) async fn declined(
    commands: &CommandHandler,
    request: &RequestContext,
    rule: &str,
    rejected: &Rejected,
) -> Result<(), CommandError> {
    let note = json!({ "policy": rule, "cause": request.cause, "reason": rejected.reason });
    write_note(commands, request, "PolicyDeclined", note).await
}

async fn write_note(
    commands: &CommandHandler,
    request: &RequestContext,
    name: &'static str,
    note: serde_json::Value,
) -> Result<(), CommandError> {
    let id = ScopedId::new(commands.log().id().region, request.id);
    commands
        .handle_all(&[Step::policy_note(id, name, note)], request)
        .await
        .map(drop)
}

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Command(#[from] CommandError),
}
