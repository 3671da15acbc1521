//! The port through which whoever seals gets data keys, and its in-process adapter.

use std::sync::Arc;

use domain::ids::KeyId;
use eventsourcing::Clock;
use futures::future::BoxFuture;

use crate::key_store::{KeyStore, KeyStoreError};
use crate::secret::DataKey;

/// Gives out data keys to seal with.
pub trait DataKeys: Send + Sync {
    /// Fresh keys, durable, given to nobody else.
    fn lease(&self, count: usize) -> BoxFuture<'_, Result<Vec<LeasedKey>, DataKeysError>>;

    /// Whether the key was destroyed, as far as is known without asking: it seals nothing more.
    fn is_retired(&self, id: KeyId) -> bool;
}

/// A key and how it is named in what it seals.
#[derive(Debug, Clone)]
pub struct LeasedKey {
    pub id: KeyId,
    pub key: DataKey,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DataKeysError {
    #[error("the keys service cannot be reached: {0}")]
    Away(String),
    #[error(transparent)]
    Store(#[from] KeyStoreError),
}

/// The keys of a store in this process.
pub struct LocalKeys {
    store: Arc<KeyStore>,
    clock: Arc<dyn Clock>,
}

impl LocalKeys {
    pub fn new(store: Arc<KeyStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

impl DataKeys for LocalKeys {
    fn lease(&self, count: usize) -> BoxFuture<'_, Result<Vec<LeasedKey>, DataKeysError>> {
        let now = self.clock.now();
        let store = Arc::clone(&self.store);
        Box::pin(async move {
            // The store waits for its disk: off the async threads.
            tokio::task::spawn_blocking(move || store.mint(count, now))
                .await
                .map_err(|stopped| DataKeysError::Away(stopped.to_string()))?
                .map_err(DataKeysError::Store)
        })
    }

    fn is_retired(&self, id: KeyId) -> bool {
        self.store.is_retired(id)
    }
}
