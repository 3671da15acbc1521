//! The runners: they follow logs and drive projections, policies and due times.

mod act;
mod follow;
mod project;
mod wake;

pub(crate) use act::act;
pub(crate) use project::project;
pub(crate) use wake::wake;

use eventsourcing::{AppendError, CommandError, FeedError, ProjectionError, StoreError};
use tokio_util::sync::CancellationToken;

use crate::service::Ports;

/// What every runner has.
#[derive(Clone)]
pub(crate) struct Runner {
    pub(crate) ports: Ports,
    pub(crate) stop: CancellationToken,
}

/// A runner cannot go on; the service stops.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunnerError {
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the log takes no more events: {0}")]
    Log(String),
}

/// Commits from a blocking thread: a store may write to disk.
pub(crate) async fn commit(
    runner: &Runner,
    commit: eventsourcing::Commit,
) -> Result<(), StoreError> {
    let rows = runner.ports.rows.clone();
    tokio::task::spawn_blocking(move || rows.commit(commit))
        .await
        .map_err(|panic| StoreError(panic.to_string()))?
}

/// Whether the log itself is lost to us, so that trying again or parking cannot help.
pub(crate) fn is_fatal(error: &CommandError) -> bool {
    matches!(error, CommandError::Append(AppendError::Unavailable(_)))
}
