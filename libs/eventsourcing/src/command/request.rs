//! What comes with every command, and what is wrong with it whatever the command is.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::CommandError;
use crate::actor::Actor;
use crate::aggregate::{Rejected, RejectionKind};
use crate::chain::Hash;
use crate::envelope::EnvelopeError;
use crate::ids::{ScopedId, Version};

/// A request id is remembered this long; an older one is refused by its own time.
const REQUEST_AGE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far a caller's clock may run ahead of ours.
pub(super) const CALLER_DRIFT: SignedDuration = SignedDuration::from_mins(5);
/// Everything a command brings along besides itself.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestContext {
    /// UUID v7 from people, v5 from policies.
    pub id: Uuid,
    /// Keyed digest of the request's content.
    pub digest: Hash,
    pub actor: Actor,
    pub on_behalf_of: Option<String>,
    /// The version the caller saw; if the stream has moved on, the command is aborted.
    pub etag: Option<Version>,
    /// Decide only, store nothing.
    pub validate_only: bool,
    /// When it happened, as the caller says; now, if it does not say.
    pub occurred_at: Option<Timestamp>,
    /// The case, for streams that begin here; the others know theirs.
    pub case: Option<ScopedId>,
    /// The event that caused this, for policies; a person's cause is the request.
    pub cause: Option<Uuid>,
    pub traceparent: Option<String>,
}

/// Whether the request itself is right: a complete actor, an id of the right kind and age.
pub(super) fn check_request(request: &RequestContext, now: Timestamp) -> Result<(), CommandError> {
    if !request.actor.is_complete() {
        return Err(EnvelopeError::Incomplete("an acting person, organization and role").into());
    }
    check_request_id(request, now)
}

fn check_request_id(request: &RequestContext, now: Timestamp) -> Result<(), CommandError> {
    match (request.id.get_version_num(), &request.actor) {
        (5, Actor::System { .. }) => Ok(()),
        (7, _) => check_request_age(request.id, now),
        _ => Err(refused(
            "meta.request_id",
            "REQUEST_ID_INVALID",
            "the request id must be a UUID of version 7",
            "请求编号必须是第 7 版 UUID",
        )),
    }
}

fn check_request_age(id: Uuid, now: Timestamp) -> Result<(), CommandError> {
    let (seconds, nanos) = id.get_timestamp().expect("a v7 UUID has a time").to_unix();
    let made_at = i64::try_from(seconds)
        .ok()
        .zip(i32::try_from(nanos).ok())
        .and_then(|(second, nanos)| Timestamp::new(second, nanos).ok())
        .unwrap_or(Timestamp::MAX);
    let age = now.duration_since(made_at);
    if age > REQUEST_AGE {
        return Err(refused(
            "meta.request_id",
            "REQUEST_ID_TOO_OLD",
            "the request id was made more than 7 days ago: make a new one",
            "请求编号生成已超过 7 天，请重新生成",
        ));
    }
    if age < -CALLER_DRIFT {
        return Err(refused(
            "meta.request_id",
            "REQUEST_ID_IN_FUTURE",
            "the request id was made by a clock that is more than 5 minutes ahead: set the clock right",
            "生成请求编号的时钟快了 5 分钟以上，请校准时钟",
        ));
    }
    Ok(())
}

/// The request is wrong in this field.
pub(super) fn refused(
    field: &'static str,
    reason: &'static str,
    en: &str,
    zh: &str,
) -> CommandError {
    CommandError::Rejected(Rejected {
        kind: RejectionKind::Invalid,
        reason,
        en: en.to_owned(),
        zh: zh.to_owned(),
        field: Some(field),
        allowed: Vec::new(),
    })
}
