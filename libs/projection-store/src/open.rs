//! Opening the store: behind a guard, every row read once, and empty rather than wrong.

use std::fs::{self, File, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::Deserialize;

use eventsourcing::StoreError;

use crate::tally::Tally;

/// How the store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// Memory for pages of rows, in bytes.
    pub cache_bytes: u64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            cache_bytes: 16 * 1024 * 1024,
        }
    }
}

/// What was found on opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReport {
    /// Why the rows were given up and the store is empty; `None` if all of them are there.
    pub rebuilt: Option<String>,
}

/// An open tree, the tally of its rows, and the lock that keeps a second process out.
pub(crate) struct Opened {
    pub(crate) db: sled::Db,
    pub(crate) tally: Tally,
    pub(crate) lock: File,
    pub(crate) report: OpenReport,
}

/// Opens the store in `directory`, whose `rows` are given up if anything in them is wrong.
///
/// # Errors
/// If another process has it open, or not even an empty store can be made there.
pub(crate) fn open(directory: &Path, settings: StoreSettings) -> Result<Opened, StoreError> {
    fs::create_dir_all(directory).map_err(|error| failed("make", directory, &error))?;
    let lock = lock(directory)?;
    let rows = directory.join("rows");
    let (rebuilt, (db, tally)) = match open_verified(&rows, settings) {
        Ok(opened) => (None, opened),
        Err(StoreError(reason)) => {
            tracing::warn!(
                directory = %directory.display(), reason,
                "the rows are damaged and will be rebuilt from the logs"
            );
            move_aside(&rows, &directory.join("rows.damaged"))?;
            (Some(reason), open_verified(&rows, settings)?)
        }
    };
    let report = OpenReport { rebuilt };
    Ok(Opened {
        db,
        tally,
        lock,
        report,
    })
}

/// Runs what may panic inside sled, which is how it answers damage.
pub(crate) fn guarded<T>(call: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(StoreError(format!("sled panicked: {}", said.unwrap_or(""))))
    })
}

fn open_verified(rows: &Path, settings: StoreSettings) -> Result<(sled::Db, Tally), StoreError> {
    guarded(|| {
        let config = sled::Config::new()
            .path(rows)
            .cache_capacity(settings.cache_bytes);
        let db = config
            .open()
            .map_err(|error| failed("open", rows, &error))?;
        let tally = Tally::verified(&db)?;
        Ok((db, tally))
    })
}

/// sled's own lock would do, were its refusal not the same error as some kinds of damage.
fn lock(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join("lock");
    let lock = File::create(&path).map_err(|error| failed("make", &path, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError(format!(
            "{} is in use by another process: stop it, or choose another directory",
            directory.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed("lock", &path, &error)),
    }
}

/// Keeps the last damaged rows for whoever wants to know what happened to the disk.
fn move_aside(rows: &Path, damaged: &Path) -> Result<(), StoreError> {
    if damaged.exists() {
        fs::remove_dir_all(damaged).map_err(|error| failed("delete", damaged, &error))?;
    }
    fs::rename(rows, damaged).map_err(|error| failed("move aside", rows, &error))
}

fn failed(what: &str, path: &Path, error: &dyn std::error::Error) -> StoreError {
    StoreError(format!("cannot {what} {}: {error}", path.display()))
}
