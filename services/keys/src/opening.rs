//! Opening texts, never with a key that was destroyed: a key store restored from a backup forgets
//! again, before the first text is opened, what the log says was destroyed.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::ids::{CaseId, KeyId};
use domain::keys::{Erasure, ErasureEvent};
use domain::sealed::{Sealed, Text};
use eventsourcing::{Aggregate, EventLog, Position, ReadError, UnknownEvent, decode};
use tokio::sync::OnceCell;
use vault::{KeyStore, KeyStoreError, OpenError};
use zeroize::Zeroizing;

/// Events read at a time.
const PAGE: usize = 1000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum OpeningError {
    #[error(transparent)]
    Key(#[from] KeyStoreError),
    #[error(transparent)]
    Text(#[from] OpenError),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Unknown(#[from] UnknownEvent),
    #[error("the opening was interrupted: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Opens texts with the region's keys.
pub(crate) struct Opener {
    log: Arc<dyn EventLog>,
    store: Arc<KeyStore>,
    destroyed_again: OnceCell<()>,
}

impl Opener {
    pub(crate) fn new(log: Arc<dyn EventLog>, store: Arc<KeyStore>) -> Self {
        Self {
            log,
            store,
            destroyed_again: OnceCell::new(),
        }
    }

    /// Whether the key was destroyed, here or in the backup that the store was restored from.
    ///
    /// # Errors
    /// [`OpeningError`] if that cannot be known.
    pub(crate) async fn is_destroyed(&self, key: KeyId) -> Result<bool, OpeningError> {
        self.destroyed_again
            .get_or_try_init(|| self.destroy_again())
            .await?;
        Ok(self.store.is_retired(key))
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

    async fn destroy_again(&self) -> Result<(), OpeningError> {
        let mut by_case: BTreeMap<CaseId, Vec<KeyId>> = BTreeMap::new();
        let mut at = Position(0);
        loop {
            let events = self.log.read_all(at, PAGE).await?;
            let Some(last) = events.last() else { break };
            at = last.position;
            for event in &events {
                if event.envelope.subject.kind != Erasure::KIND {
                    continue;
                }
                match decode::<Erasure>(&event.envelope)? {
                    ErasureEvent::Erased { case, keys }
                    | ErasureEvent::CopiesErased { case, keys } => {
                        by_case.entry(case).or_default().extend(keys);
                    }
                    ErasureEvent::ErasureProposed { .. } | ErasureEvent::ErasureOrdered { .. } => {}
                }
            }
        }
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || {
            for (case, keys) in by_case {
                store.destroy(case, &keys)?;
            }
            Ok(())
        })
        .await?
    }
}
