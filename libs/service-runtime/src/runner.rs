//! The runners: they follow logs and drive projections, policies and due times.

mod act;
mod backoff;
mod follow;
mod project;
mod wake;

pub(crate) use act::act;
pub(crate) use project::project;
pub(crate) use wake::wake;

use std::ops::ControlFlow;
use std::time::Duration;

use eventsourcing::{AppendError, CommandError, FeedError, ReadError, StoreError};
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
    Store(#[from] StoreError),
    #[error("the log is lost to this service: {0}")]
    Log(String),
}

impl Runner {
    /// Waits; `Break` if the service is to stop.
    async fn pause(&self, wait: Duration) -> ControlFlow<()> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => ControlFlow::Break(()),
            () = tokio::time::sleep(wait) => ControlFlow::Continue(()),
        }
    }
}

/// Commits from a blocking thread: a store may write to disk.
pub(crate) async fn commit(
    runner: &Runner,
    commit: eventsourcing::Commit,
) -> Result<(), StoreError> {
    let rows = runner.ports.rows.clone();
    blocking(move || rows.commit(commit)).await
}

/// Runs what may wait for a disk where that holds up nobody; a panic goes on as if it had run here.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is going away, and whoever waits for this with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// What to do about a command of a runner that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// The log itself is lost to us: neither trying again nor parking can help.
    Stop,
    /// Nothing is wrong with the event: it can be acted on once there is room, or the log is back.
    Wait,
    /// Somebody has to look at it; other cases go on.
    Park,
}

pub(crate) fn remedy(error: &CommandError) -> Remedy {
    match error {
        CommandError::Append(AppendError::Unavailable(_))
        | CommandError::Read(ReadError::Damaged(_)) => Remedy::Stop,
        CommandError::Append(
            AppendError::Full | AppendError::Conflict { .. } | AppendError::RequestKnown(_),
        )
        | CommandError::Read(ReadError::Unavailable(_))
        | CommandError::Conflict { .. } => Remedy::Wait,
        CommandError::Append(AppendError::Refused(_))
        | CommandError::Rejected(_)
        | CommandError::Unknown(_)
        | CommandError::Envelope(_) => Remedy::Park,
    }
}
