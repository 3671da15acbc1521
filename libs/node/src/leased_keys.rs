//! Keys to seal with, leased from the region's keys service in another process: while it is away the
//! leased ones go on, and it is asked again until it answers.

use std::collections::HashSet;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::ids::KeyId;
use futures::future::BoxFuture;
use proto::keys::v1 as pb;
use proto::keys::v1::keyring_service_client::KeyringServiceClient;
use service_runtime::grpc::DigestKey;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use vault::{DataKey, DataKeys, DataKeysError, LeasedKey, Sealer};
use zeroize::Zeroizing;

/// Whoever seals a text waits at most so long for a key.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// Soon: until it is followed again, nobody here hears of keys that are destroyed.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

pub(crate) struct LeasedKeys {
    socket: PathBuf,
    destroyed: RwLock<HashSet<KeyId>>,
}

impl LeasedKeys {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            destroyed: RwLock::default(),
        }
    }

    /// Follows what the keys service says until told to stop, whether it is there or not.
    pub(crate) async fn follow(
        self: Arc<Self>,
        digest_key: DigestKey,
        sealer: Sealer,
        stop: CancellationToken,
    ) -> Result<(), Infallible> {
        let mut away = None;
        loop {
            let mut answered = false;
            let Err(error) = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                ended = self.listen(&digest_key, &sealer, &mut answered) => ended,
            };
            if answered || away.as_ref() != Some(&error) {
                tracing::warn!(%error, "no more keys than the leased ones can be had");
                away = Some(error);
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(AGAIN_AFTER) => {}
            }
        }
    }

    /// Hears of destroyed keys, and has what a process needs before its first command.
    async fn listen(
        &self,
        digest_key: &DigestKey,
        sealer: &Sealer,
        answered: &mut bool,
    ) -> Result<Infallible, DataKeysError> {
        let mut service = self.connect().await?;
        let watch = pb::WatchDestroyedKeysRequest {};
        let watching = service.watch_destroyed_keys(watch).await;
        let mut destroyed = watching.map_err(|status| self.away(&status))?.into_inner();
        let asked = service.get_digest_key(pb::GetDigestKeyRequest {}).await;
        let key = Zeroizing::new(asked.map_err(|status| self.away(&status))?.into_inner().key);
        digest_key.set(*self.received(key.as_slice())?);
        loop {
            let message = destroyed.message().await;
            let message = message.map_err(|status| self.away(&status))?;
            let ids = message.ok_or_else(|| self.away("it stops"))?.key_ids;
            self.retire(&ids)?;
            if !*answered {
                *answered = true;
                sealer.fill().await?;
                tracing::info!("the keys service answers");
            }
        }
    }

    fn retire(&self, ids: &[String]) -> Result<(), DataKeysError> {
        let ids = ids.iter().map(|id| id.parse::<KeyId>());
        let ids: Result<Vec<KeyId>, _> = ids.collect();
        let ids = ids.map_err(|invalid| self.away(&invalid))?;
        let mut destroyed = self
            .destroyed
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        destroyed.extend(ids);
        Ok(())
    }

    /// Anew each time: keys are asked for once in many texts.
    async fn connect(&self) -> Result<KeyringServiceClient<Channel>, DataKeysError> {
        let endpoint = Endpoint::from_shared(format!("unix://{}", self.socket.display()))
            .map_err(|invalid| self.away(&invalid))?
            .connect_timeout(ANSWERS_WITHIN)
            .timeout(ANSWERS_WITHIN);
        let connected = endpoint.connect().await;
        let channel = connected.map_err(|error| self.away(&error))?;
        Ok(KeyringServiceClient::new(channel))
    }

    async fn lease_now(&self, count: usize) -> Result<Vec<LeasedKey>, DataKeysError> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let mut service = self.connect().await?;
        let answer = service.lease_keys(pb::LeaseKeysRequest { count }).await;
        let leased = answer.map_err(|status| self.away(&status))?.into_inner();
        let leased = leased.keys.into_iter().map(|leased| {
            let key = Zeroizing::new(leased.key);
            let id = leased.key_id.parse();
            Ok(LeasedKey {
                id: id.map_err(|invalid: eventsourcing::InvalidId| self.away(&invalid))?,
                key: DataKey::received(self.received(&key)?),
            })
        });
        leased.collect()
    }

    fn received(&self, key: &[u8]) -> Result<Zeroizing<[u8; 32]>, DataKeysError> {
        let key = key
            .try_into()
            .map_err(|_| self.away("a key that it gave is not 32 bytes long"))?;
        Ok(Zeroizing::new(key))
    }

    fn away(&self, why: impl std::fmt::Display) -> DataKeysError {
        DataKeysError::Away(format!("{}: {why}", self.socket.display()))
    }
}

impl DataKeys for LeasedKeys {
    fn lease(&self, count: usize) -> BoxFuture<'_, Result<Vec<LeasedKey>, DataKeysError>> {
        Box::pin(self.lease_now(count))
    }

    fn is_retired(&self, id: KeyId) -> bool {
        let destroyed = self
            .destroyed
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        destroyed.contains(&id)
    }
}
