//! The reference model of a projection store: what every adapter must do, in the fewest lines.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use crate::chain::Checkpoint;
use crate::ids::LogId;
use crate::rows::{Change, Commit, ProjectionStore, Row, StoreError};

/// Rows in a map, for the tests of projections and policies.
#[derive(Default)]
pub struct MemoryRows {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: BTreeMap<(String, Vec<u8>), Vec<u8>>,
    checkpoints: BTreeMap<(String, LogId), Checkpoint>,
}

impl MemoryRows {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no code panics while it holds the model")
    }
}

impl ProjectionStore for MemoryRows {
    fn checkpoint(&self, projection: &str, log: &LogId) -> Result<Option<Checkpoint>, StoreError> {
        let of = (projection.to_owned(), log.clone());
        Ok(self.lock().checkpoints.get(&of).copied())
    }

    fn seen(&self, log: &LogId) -> Result<Vec<Checkpoint>, StoreError> {
        let state = self.lock();
        let of_log = state.checkpoints.iter().filter(|((_, of), _)| of == log);
        Ok(of_log.map(|(_, checkpoint)| *checkpoint).collect())
    }

    fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        for change in &commit.changes {
            let (Change::Put { table, .. } | Change::Delete { table, .. }) = change;
            if table.contains('\0') {
                return Err(StoreError("a table's name contains NUL".to_owned()));
            }
        }
        let mut state = self.lock();
        for change in commit.changes {
            match change {
                Change::Put { table, key, value } => state.rows.insert((table, key), value),
                Change::Delete { table, key } => state.rows.remove(&(table, key)),
            };
        }
        if let Some((projection, log, checkpoint)) = commit.checkpoint {
            state.checkpoints.insert((projection, log), checkpoint);
        }
        Ok(())
    }

    fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let row = (table.to_owned(), key.to_vec());
        Ok(self.lock().rows.get(&row).cloned())
    }

    fn scan(
        &self,
        table: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        let from = Bound::Included((table.to_owned(), prefix.to_vec()));
        let state = self.lock();
        let rows = state
            .rows
            .range((from, Bound::Unbounded))
            .take_while(|((of, key), _)| of == table && key.starts_with(prefix))
            .filter(|((_, key), _)| after.is_none_or(|after| key.as_slice() > after))
            .take(limit)
            .map(|((_, key), value)| (key.clone(), value.clone()));
        Ok(rows.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::contract::rows;

    #[test]
    fn the_model_keeps_the_contract() {
        rows::keeps_the_contract(|| Arc::new(MemoryRows::default()));
    }
}
