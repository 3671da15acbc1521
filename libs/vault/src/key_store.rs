//! The key store: a region's data keys on disk, wrapped, durable before anybody uses one.
//!
//! redb, because a commit there is on disk when it returns. One process opens it (file lock).
//! Damage is found when a key is read, named by the key's id, and never yields another key; reads
//! are fenced against panics, because redb trusts its pages.

mod copy;
mod durable;
mod engine;
mod erasure;
mod records;
mod retired;

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use domain::ids::{CaseId, KeyId};
use eventsourcing::Region;
use jiff::Timestamp;
use redb::{Database, ReadableDatabase, ReadableTable, WriteTransaction};
use tokio::sync::watch;
use uuid::Uuid;

use crate::data_keys::LeasedKey;
use crate::grant::{GrantError, GrantPlace, GrantedKey, PrivateKey, PublicKey, grant, take_out};
use crate::region_key::RegionKey;
use crate::secret::{DataKey, Secret, random};
use copy::Copy;
pub(crate) use durable::{create_directory, sync_directory};
use engine::{Engine, failed, named, open_file};
use records::{DATA_KEYS, DESTROYED, EPOCHS, Epoch, PRIVATE_KEY, REGION};
pub use retired::RetiredKeys;

const FILE: &str = "keys.redb";

/// All keys of one region.
pub struct KeyStore {
    directory: PathBuf,
    region: Region,
    /// Derived from the region key: wraps the epoch keys.
    wrapping: Secret,
    /// Exchanged with the file, by an erasure of a key that came by a grant.
    private: RwLock<PrivateKey>,
    /// Exchanged by an erasure for the rewritten file.
    database: RwLock<Engine>,
    copy: Option<Copy>,
    /// Nothing more is sealed under these.
    retired: watch::Sender<RetiredKeys>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyStoreError {
    #[error("another process has the key store {0} open")]
    InUse(PathBuf),
    #[error("this region key does not open the key store {0}, or its private key was changed")]
    WrongRegionKey(PathBuf),
    #[error("key {0} is not in the key store")]
    Unknown(KeyId),
    #[error("key {0} was destroyed")]
    Destroyed(KeyId),
    /// The other keys can be read; this one must come from a backup.
    #[error("key {key} is damaged in the key store: {cause}")]
    Damaged { key: KeyId, cause: String },
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("the key store failed: {0}")]
    Engine(String),
}

impl KeyStore {
    /// Opens the store in `directory`, or makes an empty one there.
    ///
    /// # Errors
    /// [`KeyStoreError::InUse`] if another process has it, [`KeyStoreError::WrongRegionKey`] if it
    /// was made with another region key or for another region.
    pub fn open(
        directory: &Path,
        region: Region,
        region_key: &RegionKey,
    ) -> Result<Self, KeyStoreError> {
        let path = directory.join(FILE);
        named(&path, || {
            create_directory(directory).map_err(failed)?;
            let database = open_file(&path)?;
            erasure::remove_unfinished(directory)?;
            let wrapping = region_key.wrapping();
            let private = private_key(&database, region, &wrapping)?
                .ok_or_else(|| KeyStoreError::WrongRegionKey(path.clone()))?;
            // The file's name is durable before any key in it is used.
            sync_directory(directory).map_err(failed)?;
            let retired = destroyed_keys(&database)?;
            Ok(Self {
                directory: directory.to_owned(),
                region,
                wrapping,
                private: RwLock::new(private),
                database: RwLock::new(database),
                copy: None,
                retired: watch::Sender::new(retired),
            })
        })
    }

    /// Whether there is a store in `directory`.
    pub fn exists(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    pub fn region(&self) -> Region {
        self.region
    }

    /// To which other regions grant keys, until it is renewed by an erasure.
    pub fn public_key(&self) -> PublicKey {
        self.receiving().public()
    }

    /// Makes `count` data keys; they are on disk when this returns.
    ///
    /// # Errors
    /// [`KeyStoreError::Engine`].
    pub fn mint(&self, count: usize, now: Timestamp) -> Result<Vec<LeasedKey>, KeyStoreError> {
        let minted: Vec<LeasedKey> = (0..count)
            .map(|_| LeasedKey {
                id: KeyId::new(self.region, Uuid::from_bytes(random())),
                key: DataKey::random(),
            })
            .collect();
        self.put(&minted, &month(now), false)?;
        Ok(minted)
    }

    /// The key, own or granted.
    ///
    /// # Errors
    /// [`KeyStoreError`], always naming the key.
    pub fn get(&self, id: KeyId) -> Result<DataKey, KeyStoreError> {
        self.named(|| self.find(id)).map_err(|error| match error {
            KeyStoreError::Engine(cause) => KeyStoreError::Damaged { key: id, cause },
            named => named,
        })
    }

    /// Wraps a key of this store for another region.
    ///
    /// # Errors
    /// As [`Self::get`]; [`GrantError::UnusablePublicKey`].
    pub fn grant(&self, to: &PublicKey, place: &GrantPlace) -> Result<GrantedKey, KeyStoreError> {
        Ok(grant(to, place, &self.get(place.key)?)?)
    }

    /// Takes in a key that another region granted to this one; on disk when this returns.
    ///
    /// # Errors
    /// [`KeyStoreError::Destroyed`] if it was destroyed here before: an erasure is not undone by a
    /// grant that arrives late. [`GrantError::ForFormerKey`] if it was wrapped before this region
    /// published its present key; [`GrantError::NotForUs`].
    pub fn import_granted(
        &self,
        place: &GrantPlace,
        granted: &GrantedKey,
        now: Timestamp,
    ) -> Result<(), KeyStoreError> {
        let id = place.key;
        match self.get(id) {
            // One that is damaged is told of by whoever reads it.
            Ok(_) | Err(KeyStoreError::Damaged { .. }) => return self.copied(),
            Err(KeyStoreError::Unknown(_)) => {}
            Err(other) => return Err(other),
        }
        let key = take_out(&self.receiving(), place, granted)?;
        self.put(&[LeasedKey { id, key }], &month(now), false)
    }

    /// Whether the key was destroyed, or is being: whoever holds it must take another.
    pub fn is_retired(&self, id: KeyId) -> bool {
        self.erased_with(id).is_some()
    }

    /// The case with which the key was destroyed, or is being.
    pub fn erased_with(&self, id: KeyId) -> Option<CaseId> {
        self.retired.borrow().erased_with(id)
    }

    /// The keys under which nothing more may be sealed, from now on.
    pub fn retired(&self) -> watch::Receiver<RetiredKeys> {
        self.retired.subscribe()
    }

    /// Reads every key: the ids of those that are damaged.
    ///
    /// # Errors
    /// [`KeyStoreError::Engine`] if not even the ids can be read.
    pub fn damaged(&self) -> Result<Vec<KeyId>, KeyStoreError> {
        let ids = self.named(|| {
            let table = self.read().begin_read().map_err(failed)?;
            let table = table.open_table(DATA_KEYS).map_err(failed)?;
            let ids = table.iter().map_err(failed)?;
            ids.map(|row| row.map_err(failed).map(|(id, _)| id.value().to_owned()))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let ids = ids.iter().filter_map(|id| id.parse().ok());
        let is_damaged = |id: &KeyId| matches!(self.get(*id), Err(KeyStoreError::Damaged { .. }));
        Ok(ids.filter(is_damaged).collect())
    }

    fn find(&self, id: KeyId) -> Result<DataKey, KeyStoreError> {
        let damaged = |cause: &str| KeyStoreError::Damaged {
            key: id,
            cause: cause.to_owned(),
        };
        let reading = self.read().begin_read().map_err(failed)?;
        let keys = reading.open_table(DATA_KEYS).map_err(failed)?;
        let Some(record) = keys.get(id.to_string().as_str()).map_err(failed)? else {
            drop(reading);
            return Err(if self.is_destroyed(id)? {
                KeyStoreError::Destroyed(id)
            } else {
                KeyStoreError::Unknown(id)
            });
        };
        let number = records::epoch_of(record.value()).ok_or_else(|| damaged("it is cut short"))?;
        let epochs = reading.open_table(EPOCHS).map_err(failed)?;
        let epoch = epochs
            .get(number)
            .map_err(failed)?
            .and_then(|epoch| Epoch::unwrap(number, epoch.value(), &self.wrapping))
            .ok_or_else(|| damaged("its epoch key was changed or is missing"))?;
        epoch
            .unwrap_key(id, record.value())
            .ok_or_else(|| damaged("it was changed"))
    }

    fn is_destroyed(&self, id: KeyId) -> Result<bool, KeyStoreError> {
        self.named(|| {
            let reading = self.read().begin_read().map_err(failed)?;
            let destroyed = reading.open_table(DESTROYED).map_err(failed)?;
            let row = destroyed.get(id.to_string().as_str()).map_err(failed)?;
            Ok(row.is_some())
        })
    }

    /// Stores keys, instead of what stands under their names only if `replacing`.
    fn put(&self, keys: &[LeasedKey], month: &str, replacing: bool) -> Result<(), KeyStoreError> {
        self.named(|| {
            let database = self.read();
            let writing = database.begin_write().map_err(failed)?;
            let epoch = self.epoch(&writing, month)?;
            {
                let destroyed = writing.open_table(DESTROYED).map_err(failed)?;
                let mut table = writing.open_table(DATA_KEYS).map_err(failed)?;
                for LeasedKey { id: key_id, key } in keys {
                    let record = epoch.wrap_key(*key_id, key);
                    let id = key_id.to_string();
                    if destroyed.get(id.as_str()).map_err(failed)?.is_some() {
                        return Err(KeyStoreError::Destroyed(*key_id));
                    }
                    // Nobody replaces a key that is here by granting another under its name.
                    if !replacing && table.get(id.as_str()).map_err(failed)?.is_some() {
                        continue;
                    }
                    table
                        .insert(id.as_str(), record.as_slice())
                        .map_err(failed)?;
                }
            }
            writing.commit().map_err(failed)?;
            let ids: Vec<KeyId> = keys.iter().map(|key| key.id).collect();
            let copy = self.copy.as_ref();
            copy.map_or(Ok(()), |copy| copy.add(&database, &ids))
        })
    }

    /// The month's epoch, made if there is none yet (or none that can be read).
    fn epoch(&self, writing: &WriteTransaction, month: &str) -> Result<Epoch, KeyStoreError> {
        let mut table = writing.open_table(EPOCHS).map_err(failed)?;
        let mut last = 0;
        for row in table.iter().map_err(failed)?.rev() {
            let (number, record) = row.map_err(failed)?;
            last = last.max(number.value());
            let epoch = Epoch::unwrap(number.value(), record.value(), &self.wrapping);
            if let Some(epoch) = epoch.filter(|epoch| epoch.month == month) {
                return Ok(epoch);
            }
        }
        let epoch = Epoch::new(last + 1, month);
        let record = epoch.wrap(&self.wrapping);
        table
            .insert(epoch.number, record.as_slice())
            .map_err(failed)?;
        Ok(epoch)
    }

    fn receiving(&self) -> RwLockReadGuard<'_, PrivateKey> {
        self.private.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn named<T>(
        &self,
        work: impl FnOnce() -> Result<T, KeyStoreError>,
    ) -> Result<T, KeyStoreError> {
        named(&self.directory.join(FILE), work)
    }

    fn read(&self) -> RwLockReadGuard<'_, Engine> {
        // A fenced panic changed nothing here: what it was about to write was not committed.
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `2026-01`
fn month(now: Timestamp) -> String {
    now.strftime("%Y-%m").to_string()
}

/// The store's private key, made with the store; `None` if this region key does not open it.
fn private_key(
    database: &Database,
    region: Region,
    wrapping: &Secret,
) -> Result<Option<PrivateKey>, KeyStoreError> {
    let writing = database.begin_write().map_err(failed)?;
    let opened = {
        let mut table = writing.open_table(REGION).map_err(failed)?;
        let stored = table.get(PRIVATE_KEY).map_err(failed)?;
        let stored = stored.map(|record| record.value().to_vec());
        if let Some(record) = stored {
            return Ok(records::unwrap_private(&record, region, wrapping));
        }
        let made = PrivateKey::random();
        let record = records::wrap_private(&made, region, wrapping);
        table
            .insert(PRIVATE_KEY, record.as_slice())
            .map_err(failed)?;
        made
    };
    // So that every later reader finds all tables.
    writing.open_table(EPOCHS).map_err(failed)?;
    writing.open_table(DATA_KEYS).map_err(failed)?;
    writing.open_table(DESTROYED).map_err(failed)?;
    writing.commit().map_err(failed)?;
    Ok(Some(opened))
}

fn destroyed_keys(database: &Database) -> Result<RetiredKeys, KeyStoreError> {
    let reading = database.begin_read().map_err(failed)?;
    let table = reading.open_table(DESTROYED).map_err(failed)?;
    let mut keys = RetiredKeys::default();
    for row in table.iter().map_err(failed)? {
        let (id, case) = row.map_err(failed)?;
        let unreadable =
            || KeyStoreError::Engine("the list of destroyed keys is damaged".to_owned());
        let key = id.value().parse().map_err(|_| unreadable())?;
        keys.add(key, case.value().parse().map_err(|_| unreadable())?);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests;
