//! The one mapping from "no" and from failures to gRPC status codes.
//!
//! A status always carries a stable reason (`ErrorInfo`) and the sentence in Chinese
//! (`LocalizedMessage`); `message` stands alone in English, because many clients show only that.

use std::collections::HashMap;

use eventsourcing::{AppendError, CommandError, EnvelopeError, ReadError, Rejected, RejectionKind};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Whose reasons these are.
const DOMAIN: &str = "liandong";

/// The rules say no.
pub fn rejected(rejected: &Rejected) -> Status {
    let code = match rejected.kind {
        RejectionKind::Invalid => Code::InvalidArgument,
        RejectionKind::NotFound => Code::NotFound,
        RejectionKind::AlreadyExists => Code::AlreadyExists,
        RejectionKind::WrongState => Code::FailedPrecondition,
        RejectionKind::Forbidden => Code::PermissionDenied,
    };
    let mut metadata = HashMap::new();
    if !rejected.allowed.is_empty() {
        metadata.insert("allowed".to_owned(), rejected.allowed.join(","));
    }
    let mut details = ErrorDetails::new();
    details.set_error_info(rejected.reason, DOMAIN, metadata);
    if let Some(field) = rejected.field {
        details.add_bad_request_violation(field, &rejected.en);
    }
    details.set_localized_message("zh-CN", &rejected.zh);
    Status::with_error_details(code, &rejected.en, details)
}

/// A request field that cannot be read.
pub fn violation(field: &str, en: impl Into<String>, zh: impl Into<String>) -> Status {
    let en = format!("{field}: {}", en.into());
    let mut details = ErrorDetails::new();
    details.set_error_info("FIELD_INVALID", DOMAIN, HashMap::new());
    details.add_bad_request_violation(field, &en);
    details.set_localized_message("zh-CN", format!("{field}：{}", zh.into()));
    Status::with_error_details(Code::InvalidArgument, en, details)
}

/// A status that is neither a rejection nor about a field: a reason, and a sentence in each language.
pub fn failure(code: Code, reason: &str, en: &str, zh: &str) -> Status {
    failure_with(code, reason, [], en, zh)
}

/// The same, with values that programs need to go on.
pub(super) fn failure_with<const N: usize>(
    code: Code,
    reason: &str,
    values: [(&str, String); N],
    en: &str,
    zh: &str,
) -> Status {
    let values = values.map(|(name, value)| (name.to_owned(), value));
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, DOMAIN, HashMap::from(values));
    details.set_localized_message("zh-CN", zh);
    Status::with_error_details(code, en, details)
}

/// What a command failed with.
pub fn refused(error: &CommandError) -> Status {
    match error {
        CommandError::Rejected(why) => rejected(why),
        CommandError::Conflict { .. } => failure(
            Code::Aborted,
            "CHANGED_MEANWHILE",
            "it has changed since you saw it: read it again, then decide",
            "该记录在您查看之后已有变化，请刷新后再决定",
        ),
        CommandError::Append(AppendError::Full) => failure(
            Code::ResourceExhausted,
            "DISK_FULL",
            "the disk is full: nothing can be recorded until there is room",
            "磁盘空间不足，暂时无法记录",
        ),
        CommandError::Append(AppendError::Unavailable(_))
        | CommandError::Read(ReadError::Unavailable(_)) => failure(
            Code::Unavailable,
            "LOG_UNAVAILABLE",
            "the log takes no commands now: send the same request again later",
            "日志暂不可写，请稍后用同一请求编号重试",
        ),
        CommandError::Envelope(EnvelopeError::TooLarge { .. }) => violation(
            "request",
            "the command is larger than an event may be (256 KiB)",
            "内容超过 256 KiB 上限",
        ),
        CommandError::Append(_)
        | CommandError::Read(ReadError::Damaged(_))
        | CommandError::Unknown(_)
        | CommandError::Envelope(_) => internal(error),
    }
}

/// Who asks may not see it, whether or not it is there; the sentences say who may.
pub fn not_shown(en: &str, zh: &str) -> Status {
    failure(Code::PermissionDenied, "NOT_PERMITTED", en, zh)
}

/// Anything else: the cause goes to the log, not to the caller.
pub(super) fn internal(error: &dyn std::fmt::Display) -> Status {
    tracing::error!(%error, "internal error");
    failure(
        Code::Internal,
        "INTERNAL",
        "internal error: the operators have been told",
        "内部错误，运维人员已获通知",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_rejection_has_one_code_and_speaks_both_languages() {
        let kinds = [
            (RejectionKind::Invalid, Code::InvalidArgument),
            (RejectionKind::NotFound, Code::NotFound),
            (RejectionKind::AlreadyExists, Code::AlreadyExists),
            (RejectionKind::WrongState, Code::FailedPrecondition),
            (RejectionKind::Forbidden, Code::PermissionDenied),
        ];
        for (kind, code) in kinds {
            let status = rejected(&Rejected {
                kind,
                reason: "ALREADY_ACCEPTED",
                en: "the hop was already accepted".to_owned(),
                zh: "该转介已被受理".to_owned(),
                field: Some("hop_id"),
                allowed: vec!["ReferOnward".to_owned()],
            });
            assert_eq!(status.code(), code);
            assert_eq!(status.message(), "the hop was already accepted");
            let details = status.get_error_details();
            let info = details.error_info().unwrap();
            assert_eq!(info.reason, "ALREADY_ACCEPTED");
            assert_eq!(info.metadata["allowed"], "ReferOnward");
            assert_eq!(
                details.localized_message().unwrap().message,
                "该转介已被受理"
            );
            assert_eq!(
                details.bad_request().unwrap().field_violations[0].field,
                "hop_id"
            );
        }
    }

    #[test]
    fn an_internal_error_tells_the_caller_nothing_of_its_cause() {
        let damage = CommandError::Append(AppendError::Refused("/var/lib/secret".to_owned()));
        let status = refused(&damage);
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("secret"));
        assert!(!String::from_utf8_lossy(status.details()).contains("secret"));
    }

    #[test]
    fn a_full_disk_and_a_lost_log_are_told_apart() {
        assert_eq!(
            refused(&CommandError::Append(AppendError::Full)).code(),
            Code::ResourceExhausted
        );
        let away = CommandError::Append(AppendError::Unavailable("sync failed".to_owned()));
        assert_eq!(refused(&away).code(), Code::Unavailable);
    }
}
