//! Runs a policy: when an event came, command what the policy says, once.
//!
//! What it made of each event is in its own log (the act, or `PolicyDeclined`, or `PolicySkipped`),
//! so a lost checkpoint only means reading again. What fails is tried a few times, then the case is
//! parked: later events of that case wait behind it, other cases go on.

use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{
    Actor, Change, Checkpoint, CommandError, CommandHandler, Commit, Hash, LogId, Policy,
    PolicyError, Recorded, Rejected, RequestContext, Rows, ScopedId, Step, policy_request_id,
};
use serde_json::json;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::follow::Following;
use super::{Runner, RunnerError, commit, is_fatal};
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
                Some((log, events)) => acting.batch(&log, &events).await?,
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

impl Acting {
    async fn batch(&self, log: &LogId, events: &[Recorded]) -> Result<(), RunnerError> {
        for (index, event) in events.iter().enumerate() {
            let changes = self.event(event).await?;
            let is_last = index + 1 == events.len();
            if let Some(changes) = changes.or(is_last.then(Vec::new)) {
                let at = Checkpoint {
                    position: event.position,
                    hash: event.hash,
                };
                let checkpoint = Some((self.policy.name().to_owned(), log.clone(), at));
                commit(
                    &self.runner,
                    Commit {
                        changes,
                        checkpoint,
                    },
                )
                .await?;
                self.runner
                    .ports
                    .progress
                    .reached(self.policy.name(), log, at.position);
            }
        }
        Ok(())
    }

    /// What to commit because of one event; `None` if it was no concern of the policy.
    async fn event(&self, event: &Recorded) -> Result<Option<Vec<Change>>, RunnerError> {
        if self.parked.waits(event)? {
            return Ok(Some(
                self.parked
                    .add(event, "an earlier event of the case is parked")?,
            ));
        }
        match self.try_a_few_times(event).await? {
            Ok(changes) => Ok(changes),
            Err(cause) => {
                let policy = self.policy.name();
                tracing::error!(policy, event = %event.envelope.id, cause, "case parked");
                metrics::counter!("liandong_policy_parked_total", "policy" => policy).increment(1);
                Ok(Some(self.parked.add(event, &cause)?))
            }
        }
    }

    async fn try_a_few_times(
        &self,
        event: &Recorded,
    ) -> Result<Result<Option<Vec<Change>>, String>, RunnerError> {
        let mut cause = String::new();
        for wait in TRIES {
            tokio::time::sleep(wait).await;
            match self.once(event).await {
                Ok(changes) => return Ok(Ok(changes)),
                Err(Failure::Command(error)) if is_fatal(&error) => {
                    return Err(RunnerError::Log(error.to_string()));
                }
                Err(error) => cause = error.to_string(),
            }
        }
        Ok(Err(cause))
    }

    async fn once(&self, event: &Recorded) -> Result<Option<Vec<Change>>, Failure> {
        let mut rows = Rows::new(self.runner.ports.rows.clone());
        let steps = self.policy.react(event, &mut rows)?;
        let changes = rows.into_changes();
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
            Some((by, reason)) => self.skip(&case, &by, &reason).await?,
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
            let event = parked.event()?;
            match self.try_a_few_times(&event).await? {
                Ok(changes) => {
                    let mut changes = changes.unwrap_or_default();
                    changes.extend(self.parked.removal(&parked));
                    commit(
                        &self.runner,
                        Commit {
                            changes,
                            checkpoint: None,
                        },
                    )
                    .await?;
                    done += 1;
                }
                Err(cause) => {
                    return Ok(ParkedOutcome {
                        done,
                        still_parked: Some(cause),
                    });
                }
            }
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
        reason: &str,
    ) -> Result<ParkedOutcome, RunnerError> {
        let Some(parked) = self.parked.first(case)? else {
            return Ok(ParkedOutcome {
                done: 0,
                still_parked: None,
            });
        };
        let event = parked.event()?;
        let request = RequestContext {
            actor: by.clone(),
            ..self.request(&event)
        };
        let note =
            json!({ "policy": self.policy.name(), "cause": event.envelope.id, "reason": reason });
        match self.note(&request, "PolicySkipped", note).await {
            Err(error) if is_fatal(&error) => return Err(RunnerError::Log(error.to_string())),
            Err(error) => {
                return Ok(ParkedOutcome {
                    done: 0,
                    still_parked: Some(error.to_string()),
                });
            }
            Ok(()) => {}
        }
        let changes = self.parked.removal(&parked);
        commit(
            &self.runner,
            Commit {
                changes,
                checkpoint: None,
            },
        )
        .await?;
        self.retry(case).await
    }

    async fn note(
        &self,
        request: &RequestContext,
        name: &'static str,
        note: serde_json::Value,
    ) -> Result<(), CommandError> {
        write_note(&self.commands, request, name, note).await
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
