//! Watching: first what is there, then "caught up", then what comes, with a heartbeat in between.

use std::collections::VecDeque;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{BoxStream, unfold};
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::status::failure_with;
use crate::progress::Progress;

/// A watcher hears something at least this often.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// One message of a watch; the cursor says where to resume after it.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched<M> {
    Item { cursor: String, item: M },
    CaughtUp { cursor: String },
    Heartbeat { cursor: String },
}

struct Watch<M, R> {
    stop: CancellationToken,
    progress: Progress,
    moved: Receiver<u64>,
    cursor: String,
    read: R,
    ready: VecDeque<(String, M)>,
    caught_up: bool,
    ended: bool,
}

/// Streams what `read` finds after a cursor (a page at a time, empty at the end), whenever the
/// service moved. "Caught up" is said once the service itself has taken in all that was there.
///
/// Ends with UNAVAILABLE, naming the cursor to resume at, when the service stops.
pub fn watch<M, R>(
    stop: CancellationToken,
    progress: Progress,
    resume_cursor: String,
    read: R,
) -> BoxStream<'static, Result<Watched<M>, Status>>
where
    M: Send + 'static,
    R: Fn(&str) -> Result<Vec<(String, M)>, Status> + Send + Sync + 'static,
{
    let watch = Watch {
        stop,
        moved: progress.moved(),
        progress,
        cursor: resume_cursor,
        read,
        ready: VecDeque::new(),
        caught_up: false,
        ended: false,
    };
    unfold(watch, |mut watch| async move {
        if watch.ended {
            return None;
        }
        let next = watch.next().await;
        watch.ended = next.is_err();
        Some((next, watch))
    })
    .boxed()
}

impl<M, R> Watch<M, R>
where
    R: Fn(&str) -> Result<Vec<(String, M)>, Status>,
{
    async fn next(&mut self) -> Result<Watched<M>, Status> {
        loop {
            if self.stop.is_cancelled() {
                return Err(self.stopping());
            }
            let mut all_was_there = false;
            if self.ready.is_empty() {
                // Seen before reading, so that what comes while we read is not missed.
                self.moved.mark_unchanged();
                all_was_there = self.progress.has_caught_up();
                self.ready = (self.read)(&self.cursor)?.into();
            }
            if let Some((cursor, item)) = self.ready.pop_front() {
                self.cursor.clone_from(&cursor);
                return Ok(Watched::Item { cursor, item });
            }
            if all_was_there && !self.caught_up {
                self.caught_up = true;
                return Ok(Watched::CaughtUp {
                    cursor: self.cursor.clone(),
                });
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                moved = self.moved.changed() => if moved.is_err() { return Err(self.stopping()) },
                () = tokio::time::sleep(HEARTBEAT) => {
                    return Ok(Watched::Heartbeat { cursor: self.cursor.clone() });
                }
            }
        }
    }

    fn stopping(&self) -> Status {
        failure_with(
            Code::Unavailable,
            "STOPPING",
            [("resume_cursor", self.cursor.clone())],
            &format!(
                "the service is stopping: watch again with resume_cursor {:?}",
                self.cursor
            ),
            &format!(
                "服务即将停止，请用 resume_cursor {:?} 重新订阅",
                self.cursor
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tonic_types::StatusExt;

    use super::*;

    type Shared = Arc<Mutex<Vec<u32>>>;
    type Messages = BoxStream<'static, Result<Watched<u32>, Status>>;

    fn watching(rows: &Shared, cursor: &str) -> (Messages, Progress, CancellationToken) {
        let progress = Progress::default();
        let stop = CancellationToken::new();
        let rows = rows.clone();
        let read = move |after: &str| {
            let after = after.parse().unwrap_or(0);
            let rows = rows.lock().unwrap();
            Ok(rows
                .iter()
                .filter(|row| **row > after)
                .map(|row| (row.to_string(), *row))
                .collect())
        };
        (
            watch(stop.clone(), progress.clone(), cursor.to_owned(), read),
            progress,
            stop,
        )
    }

    #[tokio::test]
    async fn a_watcher_gets_what_is_there_then_caught_up_then_what_comes() {
        let rows: Shared = Arc::new(Mutex::new(vec![1, 2]));
        let (mut watched, progress, stop) = watching(&rows, "1");
        let item = |n: u32| Watched::Item {
            cursor: n.to_string(),
            item: n,
        };
        assert_eq!(watched.next().await.unwrap().unwrap(), item(2));
        assert_eq!(
            watched.next().await.unwrap().unwrap(),
            Watched::CaughtUp { cursor: "2".into() }
        );

        rows.lock().unwrap().push(3);
        progress.caught_up("rows", &"310000.intake".parse().unwrap());
        assert_eq!(watched.next().await.unwrap().unwrap(), item(3));

        stop.cancel();
        let stopped = watched.next().await.unwrap().unwrap_err();
        assert_eq!(stopped.code(), Code::Unavailable);
        assert!(stopped.message().contains("\"3\""), "{stopped}");
        let info = stopped.get_error_details().error_info().cloned().unwrap();
        assert_eq!(info.metadata["resume_cursor"], "3");
        assert!(watched.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_watch_beats() {
        let (mut watched, _progress, _stop) = watching(&Shared::default(), "");
        assert!(matches!(
            watched.next().await.unwrap().unwrap(),
            Watched::CaughtUp { .. }
        ));
        assert!(matches!(
            watched.next().await.unwrap().unwrap(),
            Watched::Heartbeat { .. }
        ));
    }
}
