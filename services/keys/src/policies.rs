//! What the service does by itself: publishes its key, grants, receives, erases.

mod erase;
mod grant;
mod granting;
mod publish;
mod receive;

pub(crate) use erase::EraseKeys;
pub(crate) use grant::GrantKeys;
pub(crate) use publish::PublishKey;
pub(crate) use receive::ReceiveKeys;

use eventsourcing::PolicyError;
use vault::KeyStoreError;

/// Tried again, then the case is parked: the error names the key, an operator mends it.
fn store_failed(error: &KeyStoreError) -> PolicyError {
    PolicyError::Failed(error.to_string())
}
