//! Projections: what turns events into rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::aggregate::UnknownEvent;
use crate::envelope::Recorded;
use crate::ids::LogId;
use crate::rows::{Change, ProjectionStore, StoreError};

/// Keeps rows up to date with the logs it follows. Its runner is in `service-runtime`.
pub trait Projection: Send + Sync + 'static {
    /// Names the checkpoint; change it and the rows are rebuilt from the start.
    fn name(&self) -> &'static str;

    fn logs(&self) -> Vec<LogId>;

    /// Takes in one event. Called in log order; events of different logs in any order.
    ///
    /// # Errors
    /// [`ProjectionError`]: the projection stops there, loudly.
    fn project(&self, event: &Recorded, rows: &mut Rows) -> Result<(), ProjectionError>;

    /// Whether somebody waits for the rows: told after each commit, with what was taken in.
    fn committed(&self, _events: &[Recorded]) {}
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Unknown(#[from] UnknownEvent),
}

/// The rows as a projection sees them: what is stored, and on top what it has changed so far.
pub struct Rows {
    store: Arc<dyn ProjectionStore>,
    changed: BTreeMap<(String, Vec<u8>), Option<Vec<u8>>>,
}

impl Rows {
    pub fn new(store: Arc<dyn ProjectionStore>) -> Self {
        Self {
            store,
            changed: BTreeMap::new(),
        }
    }

    /// The row as JSON of `T`, or `None`.
    pub fn get<T: DeserializeOwned>(
        &self,
        table: &str,
        key: &[u8],
    ) -> Result<Option<T>, StoreError> {
        let stored = match self.changed.get(&(table.to_owned(), key.to_vec())) {
            Some(changed) => changed.clone(),
            None => self.store.get(table, key)?,
        };
        stored.map(|value| read(&value)).transpose()
    }

    pub fn put<T: Serialize>(
        &mut self,
        table: &str,
        key: &[u8],
        row: &T,
    ) -> Result<(), StoreError> {
        let value = serde_json::to_vec(row).map_err(|error| StoreError(error.to_string()))?;
        self.changed
            .insert((table.to_owned(), key.to_vec()), Some(value));
        Ok(())
    }

    /// All rows whose key starts with `prefix`, by key, as they are with the changes so far.
    pub fn scan<T: DeserializeOwned>(
        &self,
        table: &str,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, T)>, StoreError> {
        let mut found: BTreeMap<Vec<u8>, Vec<u8>> = self
            .store
            .scan(table, prefix, None, usize::MAX)?
            .into_iter()
            .collect();
        for ((of, key), value) in &self.changed {
            if of == table && key.starts_with(prefix) {
                match value {
                    Some(value) => found.insert(key.clone(), value.clone()),
                    None => found.remove(key),
                };
            }
        }
        found
            .into_iter()
            .map(|(key, value)| Ok((key, read(&value)?)))
            .collect()
    }

    pub fn delete(&mut self, table: &str, key: &[u8]) {
        self.changed.insert((table.to_owned(), key.to_vec()), None);
    }

    /// What to commit.
    pub fn into_changes(self) -> Vec<Change> {
        self.changed
            .into_iter()
            .map(|((table, key), value)| match value {
                Some(value) => Change::Put { table, key, value },
                None => Change::Delete { table, key },
            })
            .collect()
    }
}

fn read<T: DeserializeOwned>(value: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(value)
        .map_err(|error| StoreError(format!("a row is unreadable: {error}")))
}
