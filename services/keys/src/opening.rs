//! Opening texts. What the log says was destroyed is destroyed in the store before the service starts,
//! also in one that was restored from a backup.

use std::sync::Arc;

use domain::ids::{CaseId, KeyId};
use domain::sealed::{Sealed, Text};
use vault::{KeyStore, KeyStoreError, OpenError};
use zeroize::Zeroizing;

#[derive(Debug, thiserror::Error)]
pub(crate) enum OpeningError {
    #[error(transparent)]
    Key(#[from] KeyStoreError),
    #[error(transparent)]
    Text(#[from] OpenError),
    #[error("the opening was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Opens texts with the region's keys.
pub(crate) struct Opener {
    store: Arc<KeyStore>,
}

impl Opener {
    pub(crate) fn new(store: Arc<KeyStore>) -> Self {
        Self { store }
    }

    pub(crate) fn is_destroyed(&self, key: KeyId) -> bool {
        self.store.is_retired(key)
    }

    /// Opens a text of a case.
    ///
    /// # Errors
    /// [`OpeningError`], naming the key.
    pub(crate) async fn open(
        &self,
        case: CaseId,
        sealed: Sealed<Text>,
    ) -> Result<Zeroizing<String>, OpeningError> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || {
            let key = store.get(sealed.key)?;
            Ok(vault::open(case, &key, &sealed)?)
        })
        .await?
    }
}
