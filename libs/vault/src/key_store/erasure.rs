//! Destroying keys so that their bytes are in no file.
//!
//! redb keeps freed pages for long, so the store is written anew without the destroyed keys. The
//! epoch keys that wrapped them go too (a wrapped key in some old copy of the file stays closed for
//! ever); the other keys of those epochs are wrapped again under new ones. A key that came by a grant
//! stands in a log for ever, wrapped for this region's public key: with it goes the private key that
//! could take it out again. Until the new file takes the place of the old one nothing has happened;
//! from then on all of it has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::PoisonError;

use domain::ids::{CaseId, KeyId};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, WriteTransaction};

use super::copy::copy_table;
use super::durable::sync_directory;
use super::engine::{Engine, failed, open_file};
use super::records::{self, DATA_KEYS, DESTROYED, EPOCHS, Epoch, PRIVATE_KEY, REGION};
use super::{FILE, KeyStore, KeyStoreError};
use crate::grant::PrivateKey;

pub(super) const UNFINISHED: &str = "keys.redb.new";

/// How far an erasure has come. A crash after any of these is mended by opening and destroying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// The new file is on disk, beside the old one.
    SurvivorsWritten,
    /// It has taken the old one's name.
    Replaced,
    /// And will have it after a power loss.
    DirectorySynced,
    /// The old one's bytes are overwritten.
    Scrubbed,
}

impl KeyStore {
    /// Destroys keys of a case for ever; what they sealed cannot be opened any more. Keys that are
    /// not here are remembered as destroyed, so a list replayed on a restored backup works too.
    ///
    /// With a key of another region goes the private key that its grant was for: what was granted
    /// and has not been imported yet must be wrapped for the new one.
    ///
    /// # Errors
    /// [`KeyStoreError::Engine`]: then call again.
    pub fn destroy(&self, case: CaseId, keys: &[KeyId]) -> Result<(), KeyStoreError> {
        self.named(|| self.destroy_up_to(case, keys, Stage::Scrubbed))?;
        self.copied()
    }

    fn destroy_up_to(
        &self,
        case: CaseId,
        keys: &[KeyId],
        stage: Stage,
    ) -> Result<(), KeyStoreError> {
        let mut gone = BTreeMap::new();
        let mut by_grant = false;
        for key in keys {
            if !self.is_destroyed(*key)? {
                gone.insert(key.to_string(), case.to_string());
                by_grant |= key.region() != self.region;
            }
        }
        if gone.is_empty() {
            return sync_directory(&self.directory).map_err(failed);
        }
        let renewed = by_grant.then(PrivateKey::random);
        self.retired.send_modify(|retired| {
            for key in keys {
                retired.add(*key, case);
            }
        });
        let path = self.directory.join(FILE);
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if renewed.is_none() && none_stored(&database, &gone)? {
            return remember_destroyed(&database, &gone);
        }
        let survivors = self.write_survivors(&database, &gone, renewed.as_ref())?;
        if stage == Stage::SurvivorsWritten {
            return Ok(());
        }
        let old = OpenOptions::new().write(true).open(&path).map_err(failed)?;
        fs::rename(self.directory.join(UNFINISHED), &path).map_err(failed)?;
        drop(std::mem::replace(&mut *database, survivors));
        if let Some(renewed) = renewed {
            *self.private.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        }
        if stage == Stage::Replaced {
            return Ok(());
        }
        sync_directory(&self.directory).map_err(failed)?;
        if stage == Stage::DirectorySynced {
            return Ok(());
        }
        scrub(old).map_err(failed)
    }

    /// Writes the new file; it is open, locked and durable when this returns.
    fn write_survivors(
        &self,
        old: &Database,
        gone: &Gone,
        renewed: Option<&PrivateKey>,
    ) -> Result<Engine, KeyStoreError> {
        remove_unfinished(&self.directory)?;
        let new = open_file(&self.directory.join(UNFINISHED))?;
        let reading = old.begin_read().map_err(failed)?;
        let writing = new.begin_write().map_err(failed)?;
        copy_table(&reading, &writing, REGION)?;
        if let Some(renewed) = renewed {
            let record = records::wrap_private(renewed, self.region, &self.wrapping);
            let mut table = writing.open_table(REGION).map_err(failed)?;
            table
                .insert(PRIVATE_KEY, record.as_slice())
                .map_err(failed)?;
        }
        copy_destroyed(&reading, &writing, gone)?;
        let epochs = self.copy_epochs(&reading, &writing, &epochs_of(&reading, gone)?)?;
        copy_keys(&reading, &writing, gone, &epochs)?;
        writing.commit().map_err(failed)?;
        Ok(new)
    }

    /// Copies the epochs but those to be destroyed, and makes a new one for each of these.
    fn copy_epochs(
        &self,
        reading: &ReadTransaction,
        writing: &WriteTransaction,
        gone: &BTreeSet<u32>,
    ) -> Result<BTreeMap<u32, Renewed>, KeyStoreError> {
        let from = reading.open_table(EPOCHS).map_err(failed)?;
        let mut to = writing.open_table(EPOCHS).map_err(failed)?;
        let mut next = match from.last().map_err(failed)? {
            Some((last, _)) => last.value() + 1,
            None => 1,
        };
        let mut renewed = BTreeMap::new();
        for row in from.iter().map_err(failed)? {
            let (number, record) = row.map_err(failed)?;
            let number = number.value();
            if !gone.contains(&number) {
                to.insert(number, record.value()).map_err(failed)?;
            } else if let Some(old) = Epoch::unwrap(number, record.value(), &self.wrapping) {
                let new = Epoch::new(next, &old.month);
                next += 1;
                let record = new.wrap(&self.wrapping);
                to.insert(new.number, record.as_slice()).map_err(failed)?;
                renewed.insert(number, Renewed { old, new });
            }
        }
        Ok(renewed)
    }
}

/// The ids of the keys that go, each with its case's.
type Gone = BTreeMap<String, String>;

/// An epoch that goes because one of its keys does, and the one that takes in its other keys.
struct Renewed {
    old: Epoch,
    new: Epoch,
}

/// Removes what an erasure that did not finish left beside the store.
pub(super) fn remove_unfinished(directory: &Path) -> Result<(), KeyStoreError> {
    match fs::remove_file(directory.join(UNFINISHED)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    }
}

fn none_stored(database: &Database, gone: &Gone) -> Result<bool, KeyStoreError> {
    let reading = database.begin_read().map_err(failed)?;
    let table = reading.open_table(DATA_KEYS).map_err(failed)?;
    for id in gone.keys() {
        let stored = table.get(id.as_str()).map_err(failed)?;
        if stored.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// For keys that never were here: should one come, it is refused.
fn remember_destroyed(database: &Database, gone: &Gone) -> Result<(), KeyStoreError> {
    let writing = database.begin_write().map_err(failed)?;
    {
        let mut table = writing.open_table(DESTROYED).map_err(failed)?;
        for (id, case) in gone {
            table.insert(id.as_str(), case.as_str()).map_err(failed)?;
        }
    }
    writing.commit().map_err(failed)
}

/// The epochs whose keys wrap the keys that go.
fn epochs_of(reading: &ReadTransaction, gone: &Gone) -> Result<BTreeSet<u32>, KeyStoreError> {
    let keys = reading.open_table(DATA_KEYS).map_err(failed)?;
    let mut epochs = BTreeSet::new();
    for id in gone.keys() {
        let record = keys.get(id.as_str()).map_err(failed)?;
        epochs.extend(record.and_then(|record| records::epoch_of(record.value())));
    }
    Ok(epochs)
}

fn copy_destroyed(
    reading: &ReadTransaction,
    writing: &WriteTransaction,
    gone: &Gone,
) -> Result<(), KeyStoreError> {
    copy_table(reading, writing, DESTROYED)?;
    let mut to = writing.open_table(DESTROYED).map_err(failed)?;
    for (id, case) in gone {
        to.insert(id.as_str(), case.as_str()).map_err(failed)?;
    }
    Ok(())
}

/// Copies the keys that stay. One that is damaged is copied as it is: it stays damaged, and named.
fn copy_keys(
    reading: &ReadTransaction,
    writing: &WriteTransaction,
    gone: &Gone,
    renewed: &BTreeMap<u32, Renewed>,
) -> Result<(), KeyStoreError> {
    let from = reading.open_table(DATA_KEYS).map_err(failed)?;
    let mut to = writing.open_table(DATA_KEYS).map_err(failed)?;
    for row in from.iter().map_err(failed)? {
        let (id, record) = row.map_err(failed)?;
        if gone.contains_key(id.value()) {
            continue;
        }
        let again = wrapped_again(id.value(), record.value(), renewed);
        let record = again.as_deref().unwrap_or(record.value());
        to.insert(id.value(), record).map_err(failed)?;
    }
    Ok(())
}

/// The record under the new epoch key, if its epoch was renewed.
fn wrapped_again(id: &str, record: &[u8], renewed: &BTreeMap<u32, Renewed>) -> Option<Vec<u8>> {
    let id: KeyId = id.parse().ok()?;
    let Renewed { old, new } = renewed.get(&records::epoch_of(record)?)?;
    Some(new.wrap_key(id, &old.unwrap_key(id, record)?))
}

/// Overwrites a file that has no name any more. What the disk itself keeps of it is out of reach,
/// which is why the epoch key is destroyed with it.
pub(super) fn scrub(mut file: File) -> io::Result<()> {
    let mut left = file.metadata()?.len();
    let zeros = [0; 16 * 1024];
    while left > 0 {
        let count = zeros
            .len()
            .min(usize::try_from(left).unwrap_or(zeros.len()));
        file.write_all(&zeros[..count])?;
        left -= count as u64;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests;
