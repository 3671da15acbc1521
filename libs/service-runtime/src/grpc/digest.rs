//! What a request says, as a number that only this region can make: a repeat is recognised by it.

use std::sync::{Arc, OnceLock};

use eventsourcing::{Actor, Hash};
use hmac::{Hmac, KeyInit, Mac};
use proto::CommandRequest;
use proto::types::v1::CommandMeta;
use sha2::Sha256;
use tonic::{Code, Status};

use super::status::failure;

/// The region's secret for request digests: equal requests are recognised, contents not guessed.
///
/// A process that gets it from another may have to wait for it; until then it takes no commands.
#[derive(Clone, Default)]
pub struct DigestKey(Arc<OnceLock<[u8; 32]>>);

impl DigestKey {
    pub fn new(key: [u8; 32]) -> Self {
        Self(Arc::new(key.into()))
    }

    /// It is there from now on, and stays as it is.
    pub fn set(&self, key: [u8; 32]) {
        let _ = self.0.set(key);
    }

    /// HMAC-SHA-256 over who acts, the command's name and content, without what may differ in a
    /// repeat: another person's request with the same id is another request.
    ///
    /// # Errors
    /// UNAVAILABLE as long as the key is not there.
    pub(super) fn digest<R: CommandRequest>(
        &self,
        actor: &Actor,
        command: &R,
        meta: &CommandMeta,
    ) -> Result<Hash, Status> {
        let key = self.0.get().ok_or_else(|| {
            failure(
                Code::Unavailable,
                "NO_KEYS",
                "the region's keys service has not answered yet: send the same request later",
                "本地区密钥服务尚未应答，请稍后用同一请求编号重试",
            )
        })?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        let kept = CommandMeta {
            request_id: String::new(),
            etag: String::new(),
            validate_only: false,
            ..meta.clone()
        };
        let actor = serde_json::to_vec(actor).expect("an actor is plain data");
        for part in [
            &actor,
            R::NAME.as_bytes(),
            &prost::Message::encode_to_vec(&kept),
            &command.encode_to_vec(),
        ] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Ok(Hash(mac.finalize().into_bytes().into()))
    }
}

impl std::fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestKey(…)")
    }
}
