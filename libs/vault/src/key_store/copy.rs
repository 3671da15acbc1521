//! The second copy of a key store: the same records in another file, on another disk.
//!
//! A key is in both before it is used, and what is destroyed is written out of both. When the store is
//! opened, whichever of the two knows of a key, or that it was destroyed, teaches the other.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use domain::ids::{CaseId, KeyId};
use eventsourcing::Region;
use redb::{
    Database, Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, Value,
    WriteTransaction,
};

use super::durable::{create_directory, sync_directory};
use super::engine::{Engine, failed, named, open_file};
use super::erasure::{UNFINISHED, remove_unfinished, scrub};
use super::records::{self, DATA_KEYS, DESTROYED, EPOCHS, Epoch, PRIVATE_KEY, REGION};
use super::{FILE, KeyStore, KeyStoreError};
use crate::data_keys::LeasedKey;
use crate::region_key::RegionKey;

pub(super) struct Copy {
    directory: PathBuf,
    /// `None` if what it has may not be what the store has: then it is written anew.
    file: Mutex<Option<Engine>>,
}

/// What a copy knows.
#[derive(Default)]
struct Known {
    destroyed: Vec<(KeyId, CaseId)>,
    /// Each with its month.
    keys: Vec<(String, LeasedKey)>,
}

impl Copy {
    pub(super) fn in_directory(directory: &Path) -> Result<Self, KeyStoreError> {
        create_directory(directory).map_err(failed)?;
        Ok(Self {
            directory: directory.to_owned(),
            file: Mutex::new(None),
        })
    }

    /// Takes in these keys of the store; they are on both disks when this returns.
    pub(super) fn add(&self, store: &Database, ids: &[KeyId]) -> Result<(), KeyStoreError> {
        self.named(|file| {
            // Until this has succeeded, nobody knows what the copy has.
            let Some(open) = file.take() else {
                *file = Some(self.write(store)?);
                return Ok(());
            };
            let reading = store.begin_read().map_err(failed)?;
            let writing = open.begin_write().map_err(failed)?;
            copy_table(&reading, &writing, EPOCHS)?;
            {
                let from = reading.open_table(DATA_KEYS).map_err(failed)?;
                let mut to = writing.open_table(DATA_KEYS).map_err(failed)?;
                for id in ids {
                    let id = id.to_string();
                    if let Some(record) = from.get(id.as_str()).map_err(failed)? {
                        to.insert(id.as_str(), record.value()).map_err(failed)?;
                    }
                }
            }
            writing.commit().map_err(failed)?;
            *file = Some(open);
            Ok(())
        })
    }

    /// Has exactly what the store has when this returns: what the store has not is in no file any more.
    pub(super) fn equal(&self, store: &Database) -> Result<(), KeyStoreError> {
        self.named(|file| {
            if let Some(open) = file.take()
                && is_equal(store, &open).unwrap_or(false)
            {
                *file = Some(open);
                return Ok(());
            }
            *file = Some(self.write(store)?);
            Ok(())
        })
    }

    /// Writes the copy anew; its former file must be closed.
    fn write(&self, store: &Database) -> Result<Engine, KeyStoreError> {
        let path = self.directory.join(FILE);
        remove_unfinished(&self.directory)?;
        let new = open_file(&self.directory.join(UNFINISHED))?;
        let reading = store.begin_read().map_err(failed)?;
        let writing = new.begin_write().map_err(failed)?;
        copy_table(&reading, &writing, REGION)?;
        copy_table(&reading, &writing, EPOCHS)?;
        copy_table(&reading, &writing, DATA_KEYS)?;
        copy_table(&reading, &writing, DESTROYED)?;
        writing.commit().map_err(failed)?;
        let old = path
            .exists()
            .then(|| OpenOptions::new().write(true).open(&path));
        let old = old.transpose().map_err(failed)?;
        fs::rename(self.directory.join(UNFINISHED), &path).map_err(failed)?;
        sync_directory(&self.directory).map_err(failed)?;
        if let Some(old) = old {
            scrub(old).map_err(failed)?;
        }
        Ok(new)
    }

    fn named<T>(
        &self,
        work: impl FnOnce(&mut Option<Engine>) -> Result<T, KeyStoreError>,
    ) -> Result<T, KeyStoreError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        named(&self.directory.join(FILE), || work(&mut file))
    }
}

impl KeyStore {
    /// Opens the store, and keeps a second copy of it in another directory: on another disk, so that
    /// a lost one loses no key. A store that is not there any more is made from its copy.
    ///
    /// # Errors
    /// As [`Self::open`], for either; no key is made as long as one of the two cannot be written.
    pub fn open_with_copy(
        directory: &Path,
        copy: Option<&Path>,
        region: Region,
        region_key: &RegionKey,
    ) -> Result<Self, KeyStoreError> {
        let Some(copy) = copy else {
            return Self::open(directory, region, region_key);
        };
        if !Self::exists(directory) && Self::exists(copy) {
            bring_back(copy, directory)?;
        }
        let mut store = Self::open(directory, region, region_key)?;
        store.learn(store.known_by_copy(copy)?)?;
        let copy = Copy::in_directory(copy)?;
        copy.equal(&store.read())?;
        store.copy = Some(copy);
        Ok(store)
    }

    /// What its copy knows and the store does not, or not any more.
    fn learn(&self, known: Known) -> Result<(), KeyStoreError> {
        let mut destroyed: BTreeMap<CaseId, Vec<KeyId>> = BTreeMap::new();
        for (key, case) in known.destroyed {
            if !self.is_retired(key) {
                destroyed.entry(case).or_default().push(key);
            }
        }
        for (case, keys) in destroyed {
            self.destroy(case, &keys)?;
        }
        let mut lacking: BTreeMap<String, Vec<LeasedKey>> = BTreeMap::new();
        for (month, key) in known.keys {
            match self.get(key.id) {
                Ok(_) | Err(KeyStoreError::Destroyed(_)) => {}
                Err(KeyStoreError::Unknown(_) | KeyStoreError::Damaged { .. }) => {
                    lacking.entry(month).or_default().push(key);
                }
                Err(error) => return Err(error),
            }
        }
        for (month, keys) in lacking {
            self.put(&keys, &month, true)?;
        }
        Ok(())
    }

    /// The second copy has what the store has when this returns.
    pub(super) fn copied(&self) -> Result<(), KeyStoreError> {
        let copy = self.copy.as_ref();
        copy.map_or(Ok(()), |copy| copy.equal(&self.read()))
    }

    /// What the copy in a directory knows; nothing, if there is none or its file is damaged.
    fn known_by_copy(&self, directory: &Path) -> Result<Known, KeyStoreError> {
        let path = directory.join(FILE);
        if !path.exists() {
            return Ok(Known::default());
        }
        match named(&path, || self.read_copy(&path)) {
            Err(KeyStoreError::Engine(_)) => Ok(Known::default()),
            read => read,
        }
    }

    fn read_copy(&self, path: &Path) -> Result<Known, KeyStoreError> {
        let file = open_file(path)?;
        let reading = file.begin_read().map_err(failed)?;
        let region = reading.open_table(REGION).map_err(failed)?;
        let private = region.get(PRIVATE_KEY).map_err(failed)?;
        let ours = private.is_some_and(|record| {
            records::unwrap_private(record.value(), self.region, &self.wrapping).is_some()
        });
        if !ours {
            return Err(KeyStoreError::WrongRegionKey(path.to_owned()));
        }
        let mut known = Known::default();
        let destroyed = reading.open_table(DESTROYED).map_err(failed)?;
        for row in destroyed.iter().map_err(failed)? {
            let (id, case) = row.map_err(failed)?;
            if let (Ok(id), Ok(case)) = (id.value().parse(), case.value().parse()) {
                known.destroyed.push((id, case));
            }
        }
        let epochs = reading.open_table(EPOCHS).map_err(failed)?;
        let keys = reading.open_table(DATA_KEYS).map_err(failed)?;
        for row in keys.iter().map_err(failed)? {
            let (id, record) = row.map_err(failed)?;
            let Ok(id) = id.value().parse() else { continue };
            let number = records::epoch_of(record.value()).unwrap_or(0);
            let epoch = epochs.get(number).map_err(failed)?;
            let epoch = epoch.and_then(|of| Epoch::unwrap(number, of.value(), &self.wrapping));
            // One that is damaged here teaches nothing.
            if let Some(epoch) = epoch
                && let Some(key) = epoch.unwrap_key(id, record.value())
            {
                known.keys.push((epoch.month, LeasedKey { id, key }));
            }
        }
        Ok(known)
    }
}

/// Puts the copy in the place of a store that is lost.
fn bring_back(copy: &Path, store: &Path) -> Result<(), KeyStoreError> {
    let brought = || {
        create_directory(store)?;
        let unfinished = store.join(UNFINISHED);
        fs::copy(copy.join(FILE), &unfinished)?;
        File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, store.join(FILE))?;
        sync_directory(store)
    };
    brought().map_err(failed)
}

pub(super) fn copy_table<K: Key + 'static, V: Value + 'static>(
    reading: &ReadTransaction,
    writing: &WriteTransaction,
    table: TableDefinition<K, V>,
) -> Result<(), KeyStoreError> {
    let from = reading.open_table(table).map_err(failed)?;
    let mut to = writing.open_table(table).map_err(failed)?;
    for row in from.iter().map_err(failed)? {
        let (name, record) = row.map_err(failed)?;
        to.insert(name.value(), record.value()).map_err(failed)?;
    }
    Ok(())
}

fn is_equal(store: &Database, copy: &Database) -> Result<bool, KeyStoreError> {
    let store = store.begin_read().map_err(failed)?;
    let copy = copy.begin_read().map_err(failed)?;
    Ok(rows(&store, REGION)? == rows(&copy, REGION)?
        && rows(&store, EPOCHS)? == rows(&copy, EPOCHS)?
        && rows(&store, DATA_KEYS)? == rows(&copy, DATA_KEYS)?
        && rows(&store, DESTROYED)? == rows(&copy, DESTROYED)?)
}

type Bytes = Vec<(Vec<u8>, Vec<u8>)>;

fn rows<K: Key + 'static, V: Value + 'static>(
    reading: &ReadTransaction,
    table: TableDefinition<K, V>,
) -> Result<Bytes, KeyStoreError> {
    let table = reading.open_table(table).map_err(failed)?;
    let rows = table.iter().map_err(failed)?;
    rows.map(|row| {
        let (name, record) = row.map_err(failed)?;
        let name = K::as_bytes(&name.value()).as_ref().to_vec();
        Ok((name, V::as_bytes(&record.value()).as_ref().to_vec()))
    })
    .collect()
}

#[cfg(test)]
mod tests;
