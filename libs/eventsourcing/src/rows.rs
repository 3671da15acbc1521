//! The port of a projection store: rows and checkpoints, changed together.

use crate::chain::Checkpoint;
use crate::ids::LogId;

/// Holds what is queried. Everything in it can be thrown away and rebuilt from the logs.
///
/// Calls block briefly (a cached read) or, for `commit`, for a disk write: callers on an async
/// runtime commit from a blocking thread. A read sees each commit whole or not at all.
/// A table's name contains no NUL byte; a commit to one that does is refused.
pub trait ProjectionStore: Send + Sync {
    /// How far `projection` has taken in `log`; `None` if it never began.
    fn checkpoint(&self, projection: &str, log: &LogId) -> Result<Option<Checkpoint>, StoreError>;

    /// How far each projection has taken in `log`: what the log must still have when it is opened.
    fn seen(&self, log: &LogId) -> Result<Vec<Checkpoint>, StoreError>;

    /// Applies the changes and moves the checkpoint, in one transaction.
    fn commit(&self, commit: Commit) -> Result<(), StoreError>;

    fn get(&self, table: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` rows whose key starts with `prefix` and is greater than `after`, by key.
    fn scan(
        &self,
        table: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError>;
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// One transaction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Commit {
    pub changes: Vec<Change>,
    /// Projection, log, and how far it has now taken it in.
    pub checkpoint: Option<(String, LogId, Checkpoint)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Put {
        table: String,
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Delete {
        table: String,
        key: Vec<u8>,
    },
}

/// The store is away or broken. It holds nothing that is not in the logs: delete and rebuild it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the projection store failed: {0}")]
pub struct StoreError(pub String);
