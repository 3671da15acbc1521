//! Every task is owned, cancelled and awaited; one that dies takes the service down, loudly.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A task of the service ended with an error or a panic.
#[derive(Debug, thiserror::Error)]
#[error("{task} failed: {cause}")]
pub struct TaskFailed {
    pub task: String,
    pub cause: String,
}

/// The tasks of one service; clones own the same ones.
#[derive(Clone, Default)]
pub struct Tasks {
    stop: CancellationToken,
    running: Arc<Mutex<JoinSet<Result<(), TaskFailed>>>>,
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the service is to stop; every task watches it.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Starts a task that must end, without error, soon after `stop` is cancelled and not before.
    pub fn spawn<E: std::fmt::Display>(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let name = name.into();
        let stop = self.stop.clone();
        self.running
            .lock()
            .expect("no code panics while it holds the tasks")
            .spawn(async move {
                // Cancels also when the task panics: nothing runs on without it.
                let _guard = stop.clone().drop_guard();
                let ended = task.await;
                match ended {
                    Err(cause) => {
                        tracing::error!(task = name, %cause, "task failed; stopping");
                        Err(TaskFailed {
                            task: name,
                            cause: cause.to_string(),
                        })
                    }
                    Ok(()) if !stop.is_cancelled() => {
                        tracing::error!(task = name, "task ended early; stopping");
                        Err(TaskFailed {
                            task: name,
                            cause: "it ended before it was told to".to_owned(),
                        })
                    }
                    Ok(()) => Ok(()),
                }
            });
    }

    /// Tells all tasks to stop and waits for them, at most for `limit`; then they are aborted.
    ///
    /// # Errors
    /// The first task that failed, or that did not stop in time.
    pub async fn shutdown(&self, limit: Duration) -> Result<(), TaskFailed> {
        self.stop.cancel();
        let mut running = std::mem::take(
            &mut *self
                .running
                .lock()
                .expect("no code panics while it holds the tasks"),
        );
        let mut failed = None;
        let all_ended = async {
            while let Some(ended) = running.join_next().await {
                let result = ended.unwrap_or_else(|panic| {
                    Err(TaskFailed {
                        task: "a task".to_owned(),
                        cause: panic.to_string(),
                    })
                });
                if let Err(error) = result {
                    failed.get_or_insert(error);
                }
            }
        };
        if tokio::time::timeout(limit, all_ended).await.is_err() {
            running.shutdown().await;
            failed.get_or_insert(TaskFailed {
                task: "a task".to_owned(),
                cause: format!("it did not stop within {limit:?}"),
            });
        }
        failed.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_fails_stops_the_others_and_is_named() {
        let tasks = Tasks::new();
        let stop = tasks.stop().clone();
        tasks.spawn("waits", async move {
            stop.cancelled().await;
            Ok::<_, TaskFailed>(())
        });
        tasks.spawn("breaks", async { Err::<(), _>("the disk is gone") });
        tasks.stop().cancelled().await;
        let failed = tasks.shutdown(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(failed.to_string(), "breaks failed: the disk is gone");
    }

    #[tokio::test]
    async fn a_task_that_panics_or_ends_early_stops_the_others() {
        for panics in [true, false] {
            let tasks = Tasks::new();
            tasks.spawn("ends", async move {
                assert!(!panics, "a bug");
                Ok::<_, TaskFailed>(())
            });
            tasks.stop().cancelled().await;
            assert!(tasks.shutdown(Duration::from_secs(5)).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_task_that_does_not_stop_is_aborted_after_the_limit() {
        let tasks = Tasks::new();
        tasks.spawn("deaf", std::future::pending::<Result<(), TaskFailed>>());
        let failed = tasks.shutdown(Duration::from_millis(10)).await.unwrap_err();
        assert!(failed.cause.contains("did not stop"), "{failed}");
    }
}
