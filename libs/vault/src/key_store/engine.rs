//! redb behind a fence: it trusts its pages and panics on damage; that must cost one answer, not the
//! service, and what fails names the file.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database, DatabaseError};

use super::KeyStoreError;

/// redb would take up to 1 GiB; a region's keys of a year are about 20 MiB.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// An open store file.
pub(super) struct Engine(Option<Database>);

impl Deref for Engine {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.0.as_ref().expect("it is taken out only when dropped")
    }
}

impl Drop for Engine {
    /// After a panic that was fenced, redb's own locks are poisoned and closing it panics again.
    fn drop(&mut self) {
        let database = self.0.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }
}

pub(super) fn open_file(path: &Path) -> Result<Engine, KeyStoreError> {
    match Builder::new().set_cache_size(CACHE_BYTES).create(path) {
        Err(DatabaseError::DatabaseAlreadyOpen) => Err(KeyStoreError::InUse(path.to_owned())),
        opened => opened
            .map(|database| Engine(Some(database)))
            .map_err(failed),
    }
}

/// Fences what works on the store in `file`.
pub(super) fn named<T>(
    file: &Path,
    work: impl FnOnce() -> Result<T, KeyStoreError>,
) -> Result<T, KeyStoreError> {
    let done = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(KeyStoreError::Engine("its file is damaged".to_owned())));
    done.map_err(|error| match error {
        KeyStoreError::Engine(cause) if !cause.starts_with(&file.display().to_string()) => {
            KeyStoreError::Engine(format!("{}: {cause}", file.display()))
        }
        other => other,
    })
}

pub(super) fn failed(error: impl Into<redb::Error>) -> KeyStoreError {
    KeyStoreError::Engine(error.into().to_string())
}
