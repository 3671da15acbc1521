//! The gate: every command and query of every service comes in and goes out here, the same way.

use std::time::Duration;

use eventsourcing::{
    Actor, Answer, CommandError, CommandHandler, Durability, Hash, Region, RequestContext,
    StoreError, Version,
};
use futures::stream::BoxStream;
use proto::CommandRequest;
use proto::types::v1::{self, CommandMeta, CommandResult};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::consistency::ConsistencyToken;
use super::digest::DigestKey;
use super::fields::{field, optional, timestamp};
use super::identity::WhoExists;
use super::status::{failure, internal, refused, violation};
use super::watch::{Watched, watch};
use crate::progress::Progress;

/// The largest request that a command may be.
const MAX_REQUEST_BYTES: usize = 256 * 1024;
/// How long a query waits to see what its consistency token names.
const CONSISTENCY_WAIT: Duration = Duration::from_secs(5);

/// What the gRPC side of a service needs besides its own handlers.
#[derive(Clone)]
pub struct Gate {
    digest_key: DigestKey,
    progress: Progress,
    stop: CancellationToken,
}

impl Gate {
    pub fn new(digest_key: DigestKey, progress: Progress, stop: CancellationToken) -> Self {
        Self {
            digest_key,
            progress,
            stop,
        }
    }

    /// Takes a command in: who acts, under which request id, with which content.
    ///
    /// # Errors
    /// UNAUTHENTICATED without an actor; INVALID_ARGUMENT naming what is malformed or too large;
    /// UNAVAILABLE as long as the region's secret is not there.
    pub fn command<R: CommandRequest>(
        &self,
        request: Request<R>,
    ) -> Result<(RequestContext, R), Status> {
        let actor = actor_of(&request)?;
        let traceparent = request.metadata().get("traceparent");
        let traceparent = traceparent
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_traceparent(text))
            .map(str::to_owned);
        let known = request.extensions().get::<WhoExists>().cloned();
        let mut command = request.into_inner();
        if command.encoded_len() > MAX_REQUEST_BYTES {
            return Err(violation(
                "request",
                "at most 256 KiB",
                "请求不得超过 256 KiB",
            ));
        }
        let meta = command
            .take_meta()
            .ok_or_else(|| violation("meta", "it must be set", "必须填写"))?;
        check_on_behalf_of(&meta.on_behalf_of, known.as_ref())?;
        let context = RequestContext {
            digest: self.digest_key.digest(&actor, &command, &meta)?,
            traceparent,
            ..request_context(actor, &meta)?
        };
        Ok((context, command))
    }

    /// Takes a command in, has it given by `give`, and lets its answer out. A request that the log
    /// knows gets its first answer at once: what `give` looks up may have changed since.
    ///
    /// # Errors
    /// As [`Self::command`]; then the status of what `give` says, of a rejection or of a failure.
    pub async fn handle<R: CommandRequest, T: From<CommandResult>, F>(
        &self,
        commands: &CommandHandler,
        request: Request<R>,
        give: impl FnOnce(RequestContext, R) -> F,
    ) -> Result<Response<T>, Status>
    where
        F: Future<Output = Result<Answer, Status>>,
    {
        let (call, request) = self.command(request)?;
        let first_answer = commands.first_answer(&call).await;
        let answer = match first_answer.map_err(|error| refused(&error))? {
            Some(first_answer) => first_answer,
            None => give(call, request).await?,
        };
        self.answer(Ok(answer))
    }

    /// Lets a command's answer out.
    ///
    /// # Errors
    /// The status of a rejection or failure.
    pub fn answer<T: From<CommandResult>>(
        &self,
        answer: Result<Answer, CommandError>,
    ) -> Result<Response<T>, Status> {
        Ok(Response::new(self.result(answer)?.into()))
    }

    /// The answer itself, for the few responses that say more.
    ///
    /// # Errors
    /// The status of a rejection or failure.
    pub fn result(&self, answer: Result<Answer, CommandError>) -> Result<CommandResult, Status> {
        let answer = answer.map_err(|error| refused(&error))?;
        metrics::counter!("liandong_commands_total", "stream" => answer.stream.kind.clone())
            .increment(1);
        Ok(command_result(&answer))
    }

    /// Who asks.
    ///
    /// # Errors
    /// UNAUTHENTICATED without an actor.
    pub fn actor<T>(&self, request: &Request<T>) -> Result<Actor, Status> {
        actor_of(request)
    }

    /// Waits, for a while, until this service has seen what the token names; an empty one is seen.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for no token; UNAVAILABLE if it has not been seen in time.
    pub async fn wait_for(&self, token: &str) -> Result<(), Status> {
        let Some(token) = optional::<ConsistencyToken>("consistency_token", token)? else {
            return Ok(());
        };
        let seen = self
            .progress
            .wait_for(&token.log, token.position, CONSISTENCY_WAIT)
            .await;
        seen.map_err(|behind| {
            failure(
                Code::Unavailable,
                "BEHIND",
                &behind.to_string(),
                "本服务尚未读到该变更，请稍后重试",
            )
        })
    }

    /// Streams what `read` finds after the cursor, and goes on as the service takes in more.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for what no watch can have given as a cursor.
    pub fn watch<M: Send + 'static>(
        &self,
        resume_cursor: String,
        read: impl Fn(&str) -> Result<Vec<(String, M)>, Status> + Send + Sync + 'static,
    ) -> Result<BoxStream<'static, Result<Watched<M>, Status>>, Status> {
        if !is_cursor(&resume_cursor) {
            return Err(violation(
                "resume_cursor",
                "not a cursor that a watch has answered",
                "不是订阅消息所带的游标",
            ));
        }
        let (stop, progress) = (self.stop.clone(), self.progress.clone());
        Ok(watch(stop, progress, resume_cursor, read))
    }

    /// What failed before a command could be given.
    pub fn failed(&self, error: &CommandError) -> Status {
        refused(error)
    }

    /// A store that cannot be read.
    pub fn store_failed(&self, error: &StoreError) -> Status {
        internal(error)
    }
}

fn actor_of<T>(request: &Request<T>) -> Result<Actor, Status> {
    request.extensions().get::<Actor>().cloned().ok_or_else(|| {
        failure(
            Code::Unauthenticated,
            "ACTOR_MISSING",
            "nobody was authenticated",
            "未能确定操作人",
        )
    })
}

/// Someone acts for an organization that exists, or says nothing of the kind.
fn check_on_behalf_of(organization: &str, known: Option<&WhoExists>) -> Result<(), Status> {
    let exists = |known: &WhoExists| known.0.knows_organization(organization);
    if organization.is_empty() || known.is_some_and(exists) {
        return Ok(());
    }
    Err(violation(
        "meta.on_behalf_of",
        "the directory has no such organization",
        "名录中没有该组织",
    ))
}

/// The id of a store's rows, and a number in them; empty begins at the beginning.
fn is_cursor(text: &str) -> bool {
    // A watch that begins with a list says after a slash how far it has come in that.
    let (place, listed) = text.split_once('/').unwrap_or((text, ""));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-/~".contains(&byte);
    let parts = place.rsplit_once('-');
    text.is_empty()
        || listed.bytes().all(plain)
            && parts.is_some_and(|(store, number)| {
                Uuid::try_parse(store).is_ok() && store.len() == 36 && is_lower_hex(number, 16)
            })
}

/// W3C Trace Context, version 00: what is not of that form is nobody's trace.
fn is_traceparent(text: &str) -> bool {
    let not_zero = |part: &str| part.bytes().any(|digit| digit != b'0');
    match text.split('-').collect::<Vec<_>>()[..] {
        ["00", trace, parent, flags] => {
            is_lower_hex(trace, 32)
                && is_lower_hex(parent, 16)
                && is_lower_hex(flags, 2)
                && not_zero(trace)
                && not_zero(parent)
        }
        _ => false,
    }
}

fn is_lower_hex(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn request_context(actor: Actor, meta: &CommandMeta) -> Result<RequestContext, Status> {
    let id: Uuid = field("meta.request_id", &meta.request_id)?;
    let occurred_at = meta.occurred_at.as_ref();
    Ok(RequestContext {
        id,
        digest: Hash([0; 32]),
        actor,
        on_behalf_of: optional::<eventsourcing::ScopedId>("meta.on_behalf_of", &meta.on_behalf_of)?
            .map(|organization| organization.to_string()),
        etag: optional::<u64>("meta.etag", &meta.etag)?.map(Version),
        validate_only: meta.validate_only,
        occurred_at: occurred_at
            .map(|at| timestamp("meta.occurred_at", Some(at)))
            .transpose()?,
        case: None,
        cause: None,
        traceparent: None,
    })
}

fn command_result(answer: &Answer) -> CommandResult {
    let region: Region = answer.log.region;
    debug_assert_eq!(
        region, answer.stream.id.region,
        "a log holds its own region's streams"
    );
    CommandResult {
        stream: answer.stream.to_string(),
        id: answer.stream.id.to_string(),
        case_id: answer.case.map(|case| case.to_string()).unwrap_or_default(),
        etag: answer.version.to_string(),
        events: answer
            .events
            .iter()
            .map(|event| v1::EventRef {
                id: event.id.to_string(),
                r#type: event.event_type.clone(),
            })
            .collect(),
        durability: match answer.durability {
            Durability::Local => v1::Durability::Local,
            Durability::Replicated => v1::Durability::Replicated,
        }
        .into(),
        consistency_token: ConsistencyToken {
            log: answer.log.clone(),
            position: answer.position,
        }
        .to_string(),
        repeated: answer.repeated,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trace_context_of_the_standard_s_form_is_taken() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(good));
        for bad in [
            "",
            "call me on 138 0013 8000",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }

    #[test]
    fn only_a_cursor_of_ours_is_resumed_at() {
        let store = Uuid::from_u128(7);
        assert!(is_cursor("") && is_cursor(&format!("{store}-00000000000000ff")));
        for bad in [
            "x",
            "1",
            "-",
            "王小明",
            &store.to_string(),
            &format!("{store}-ff"),
        ] {
            assert!(!is_cursor(bad), "{bad}");
        }
    }
}
