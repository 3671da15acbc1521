//! Sealing a text that came in a request: too long and "no key" become statuses, in one place.

use domain::sealed::{Sealed, Text};
use service_runtime::grpc::{failure, required, violation};
use tonic::{Code, Status};
use vault::{Sealer, SealerError, SealingPlace};

/// Seals the text of the request field that `place` names, of at most `longest` characters.
///
/// # Errors
/// INVALID_ARGUMENT naming the field; UNAVAILABLE if no key can be had now.
pub async fn seal(
    sealer: &Sealer,
    place: &SealingPlace,
    text: &str,
    longest: usize,
) -> Result<Sealed<Text>, Status> {
    let text = required(place.field, text, longest)?;
    sealer.seal(place, text).await.map_err(|error| match error {
        SealerError::Text(too_long) => violation(place.field, too_long.to_string(), "内容过长"),
        SealerError::NoKeys(cause) => {
            tracing::warn!(%cause, "a text could not be sealed");
            failure(
                Code::Unavailable,
                "NO_KEYS",
                "no key to seal the text with can be had now: send the same request later",
                "暂时无法取得加密密钥，请稍后用同一请求编号重试",
            )
        }
    })
}
