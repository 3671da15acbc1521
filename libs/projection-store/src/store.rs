//! The port on sled: reads side by side, one commit at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Bound;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use eventsourcing::{Change, Checkpoint, Commit, LogId, ProjectionStore, Row, StoreError};

use crate::open::{self, OpenReport, StoreSettings, guarded};
use crate::row::{
    CHECKPOINTS, TALLY_KEY, checkpoint_key, is_checkpoint_of, opened, row_key, sealed,
};
use crate::tally::Tally;

/// Rows and checkpoints in a directory of their own.
///
/// A commit is whole or not at all after a crash, but not yet on disk when it returns: sled writes
/// it within half a second. After a crash the store may thus stand a little earlier, rows and
/// checkpoint together, and the runners go on from there.
pub struct SledStore {
    db: sled::Db,
    /// Readers share it, so that they never see half a commit. A panic inside a commit poisons it,
    /// and with it the store: what is in memory can no longer be trusted.
    tally: RwLock<Tally>,
    /// Held until the store is dropped.
    _lock: File,
}

impl SledStore {
    /// Opens or makes the store in `directory`; reads every row once.
    ///
    /// Damaged rows are moved aside and the store starts empty, which the report says.
    ///
    /// # Errors
    /// If another process has it open, or the directory cannot be written.
    pub fn open(
        directory: &Path,
        settings: StoreSettings,
    ) -> Result<(Self, OpenReport), StoreError> {
        let opened = open::open(directory, settings)?;
        let store = Self {
            db: opened.db,
            tally: RwLock::new(opened.tally),
            _lock: opened.lock,
        };
        Ok((store, opened.report))
    }

    fn reading(&self) -> Result<RwLockReadGuard<'_, Tally>, StoreError> {
        self.tally.read().map_err(broken)
    }

    fn committing(&self) -> Result<RwLockWriteGuard<'_, Tally>, StoreError> {
        self.tally.write().map_err(broken)
    }

    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(|| {
            let _whole = self.reading()?;
            let Some(stored) = self.db.get(key).map_err(failed)? else {
                return Ok(None);
            };
            let (_, value) = opened(key, &stored)?;
            Ok(Some(value.to_vec()))
        })
    }

    /// Writes the last value for each key, and the tally that counts them.
    fn write(&self, changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Result<(), StoreError> {
        let mut tally = self.committing()?;
        let mut next = *tally;
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            if let Some(old) = self.db.get(&key).map_err(failed)? {
                next.remove(opened(&key, &old)?.0);
            }
            match value {
                Some(value) => {
                    let row = sealed(&key, &value);
                    next.add(opened(&key, &row)?.0);
                    batch.insert(key, row);
                }
                None => batch.remove(key),
            }
        }
        batch.insert(TALLY_KEY, next.to_row());
        self.db.apply_batch(batch).map_err(failed)?;
        *tally = next;
        Ok(())
    }
}

impl ProjectionStore for SledStore {
    fn checkpoint(&self, projection: &str, log: &LogId) -> Result<Option<Checkpoint>, StoreError> {
        let stored = self.read(&checkpoint_key(projection, log))?;
        stored.map(|stored| checkpoint(&stored)).transpose()
    }

    fn seen(&self, log: &LogId) -> Result<Vec<Checkpoint>, StoreError> {
        guarded(|| {
            let _whole = self.reading()?;
            let mut seen = Vec::new();
            for row in self.db.scan_prefix(CHECKPOINTS) {
                let (key, stored) = row.map_err(failed)?;
                if is_checkpoint_of(&key, log) {
                    seen.push(checkpoint(opened(&key, &stored)?.1)?);
                }
            }
            Ok(seen)
        })
    }

    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        let mut changes = BTreeMap::new();
        for change in commit.changes {
            match change {
                Change::Put { table, key, value } => {
                    changes.insert(row_key(&table, &key)?, Some(value));
                }
                Change::Delete { table, key } => {
                    changes.insert(row_key(&table, &key)?, None);
                }
            }
        }
        if let Some((projection, log, checkpoint)) = commit.checkpoint {
            let value =
                serde_json::to_vec(&checkpoint).map_err(|error| StoreError(error.to_string()))?;
            changes.insert(checkpoint_key(&projection, &log), Some(value));
        }
        guarded(|| self.write(changes))
    }

    fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(&row_key(table, key)?)
    }

    fn scan(
        &self,
        table: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let before_key = row_key(table, b"")?.len();
        let all = row_key(table, prefix)?;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(row_key(table, after)?),
            _ => Bound::Included(all.clone()),
        };
        guarded(|| {
            let _whole = self.reading()?;
            let mut rows = Vec::new();
            for row in self.db.range((from, Bound::Unbounded)).take(limit) {
                let (key, stored) = row.map_err(failed)?;
                if !key.starts_with(&all) {
                    break;
                }
                let (_, value) = opened(&key, &stored)?;
                rows.push((key[before_key..].to_vec(), value.to_vec()));
            }
            Ok(rows)
        })
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
fn failed(error: sled::Error) -> StoreError {
    StoreError(error.to_string())
}

fn checkpoint(stored: &[u8]) -> Result<Checkpoint, StoreError> {
    serde_json::from_slice(stored)
        .map_err(|error| StoreError(format!("a checkpoint is unreadable: {error}")))
}

fn broken<Guard>(_: PoisonError<Guard>) -> StoreError {
    StoreError("sled panicked in an earlier commit: restart, and the rows are checked".to_owned())
}
