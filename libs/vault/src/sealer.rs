//! Seals texts as they come in, from keys leased ahead: a desk goes on taking calls while the keys
//! service is away.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use domain::ids::CaseId;
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};

use crate::data_keys::{DataKeys, DataKeysError, LeasedKey};
use crate::seal::{SealError, SealingPlace, seal};

/// How many keys are leased at a time; a case needs about four.
const BATCH: usize = 64;
/// With fewer than this left, more are leased.
const LOW: usize = 32;
/// How many keys of cases are kept for their next text. A case that falls out gets a new key.
const KEPT: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealerError {
    #[error(transparent)]
    Text(#[from] SealError),
    /// No key is left, and no new one can be had.
    #[error(transparent)]
    NoKeys(#[from] DataKeysError),
}

/// Shared by everything in a process that seals; cheap to clone.
#[derive(Clone)]
pub struct Sealer(Arc<Inner>);

struct Inner {
    keys: Arc<dyn DataKeys>,
    held: Mutex<Held>,
    /// Held while leasing: one lease at a time.
    leasing: tokio::sync::Mutex<()>,
}

/// Whose texts one data key seals.
type Slot = (CaseId, PersonRole, SealedClass);

#[derive(Default)]
struct Held {
    fresh: Vec<LeasedKey>,
    in_use: HashMap<Slot, LeasedKey>,
    /// The slots in use, oldest first.
    order: VecDeque<Slot>,
}

impl Sealer {
    pub fn new(keys: Arc<dyn DataKeys>) -> Self {
        Self(Arc::new(Inner {
            keys,
            held: Mutex::default(),
            leasing: tokio::sync::Mutex::default(),
        }))
    }

    /// Seals a text for its place, under the key of its case, person and class.
    ///
    /// # Errors
    /// [`SealerError`].
    pub async fn seal(
        &self,
        place: &SealingPlace,
        text: &str,
    ) -> Result<Sealed<Text>, SealerError> {
        let LeasedKey { id, key } = self.key_for((place.case, place.role, place.class)).await?;
        Ok(seal(place, id, &key, text)?)
    }

    /// Leases keys before anybody asks for one, so that the first call finds some.
    ///
    /// # Errors
    /// [`DataKeysError`].
    pub async fn fill(&self) -> Result<(), DataKeysError> {
        self.0.fill_up().await
    }

    async fn key_for(&self, slot: Slot) -> Result<LeasedKey, DataKeysError> {
        loop {
            let (key, left) = self.0.held().key_for(slot, self.0.keys.as_ref());
            if left < LOW {
                match key {
                    Some(_) => self.fill_later(),
                    None => self.fill().await?,
                }
            }
            if let Some(key) = key {
                return Ok(key);
            }
        }
    }

    /// In the background: whoever seals now has a key and need not wait for the next ones.
    fn fill_later(&self) {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            // If it fails, the next text tries again; with the last key gone, that one says so.
            let _ = inner.fill_up().await;
        });
    }
}

impl Inner {
    async fn fill_up(&self) -> Result<(), DataKeysError> {
        let _one_at_a_time = self.leasing.lock().await;
        if self.held().fresh.len() < LOW {
            let leased = self.keys.lease(BATCH).await?;
            if leased.is_empty() {
                return Err(DataKeysError::Away("it leased no keys".to_owned()));
            }
            self.held().fresh.extend(leased);
        }
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held
            .lock()
            .expect("no code panics while it holds the keys")
    }
}

impl Held {
    /// The slot's key, from now on if it had none, and how many fresh ones are left.
    fn key_for(&mut self, slot: Slot, keys: &dyn DataKeys) -> (Option<LeasedKey>, usize) {
        let in_use = self.in_use.get(&slot);
        let key = match in_use.filter(|key| !keys.is_retired(key.id)) {
            Some(key) => Some(key.clone()),
            None => self.fresh.pop().inspect(|key| self.keep(slot, key)),
        };
        (key, self.fresh.len())
    }

    fn keep(&mut self, slot: Slot, key: &LeasedKey) {
        if self.in_use.insert(slot, key.clone()).is_some() {
            return;
        }
        self.order.push_back(slot);
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.in_use.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
