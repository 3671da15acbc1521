//! How far each runner of a service has come, for those who wait for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventsourcing::{LogId, Position};
use tokio::sync::watch;

/// A reader waited, and the service has not yet seen what it asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this service has not yet seen {log} up to position {position}")]
pub struct Behind {
    pub log: LogId,
    pub position: Position,
}

/// The positions of all runners of one service; clones share them.
#[derive(Clone)]
pub struct Progress {
    at: Arc<Mutex<BTreeMap<(String, LogId), Position>>>,
    moved: watch::Sender<u64>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            at: Arc::default(),
            moved: watch::Sender::new(0),
        }
    }
}

impl Progress {
    /// A runner has taken in `log` up to `position` (also told once at its start).
    pub fn reached(&self, runner: &str, log: &LogId, position: Position) {
        self.lock()
            .insert((runner.to_owned(), log.clone()), position);
        self.moved.send_modify(|count| *count += 1);
    }

    /// Changes whenever any runner moves.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// How far the slowest runner that follows `log` has come; `None` if none follows it.
    pub fn slowest(&self, log: &LogId) -> Option<Position> {
        let at = self.lock();
        at.iter()
            .filter(|((_, of), _)| of == log)
            .map(|(_, position)| *position)
            .min()
    }

    /// Every runner's place in every log it follows.
    pub fn all(&self) -> Vec<(String, LogId, Position)> {
        let at = self.lock();
        at.iter()
            .map(|((runner, log), at)| (runner.clone(), log.clone(), *at))
            .collect()
    }

    /// Waits until every runner that follows `log` has come to `position`; at once if none does.
    ///
    /// # Errors
    /// [`Behind`] after `limit`.
    pub async fn wait_for(
        &self,
        log: &LogId,
        position: Position,
        limit: Duration,
    ) -> Result<(), Behind> {
        let mut moved = self.moved();
        let seen = moved.wait_for(|_| self.slowest(log).is_none_or(|slowest| slowest >= position));
        match tokio::time::timeout(limit, seen).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Behind {
                log: log.clone(),
                position,
            }),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, LogId), Position>> {
        self.at
            .lock()
            .expect("no code panics while it holds the positions")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_waits_for_the_slowest_runner_and_no_longer() {
        let progress = Progress::default();
        let log: LogId = "310000.intake".parse().unwrap();
        progress.reached("rows", &log, Position(5));
        progress.reached("policy", &log, Position(3));
        let waited = progress
            .wait_for(&log, Position(4), Duration::from_millis(5))
            .await;
        assert_eq!(
            waited,
            Err(Behind {
                log: log.clone(),
                position: Position(4)
            })
        );

        let moving = progress.clone();
        let of = log.clone();
        let waiting = tokio::spawn(async move {
            progress
                .wait_for(&of, Position(4), Duration::from_secs(9))
                .await
        });
        moving.reached("policy", &log, Position(4));
        waiting.await.unwrap().unwrap();
    }
}
