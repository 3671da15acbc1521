//! How far each runner of a service has come, for those who wait for it and those who watch over it.

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

/// How far one runner has come in one log that it follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follower {
    pub runner: String,
    pub log: LogId,
    pub position: Position,
    /// It has taken in, once since it started, all that was there.
    pub caught_up: bool,
    /// Why it follows this log no further until it is started again.
    pub halted: Option<String>,
}

/// The places of all runners of one service; clones share them.
#[derive(Clone)]
pub struct Progress {
    followers: Arc<Mutex<BTreeMap<(String, LogId), Follower>>>,
    moved: watch::Sender<u64>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            followers: Arc::default(),
            moved: watch::Sender::new(0),
        }
    }
}

impl Progress {
    /// A runner is going to follow `log`: until it says more, it has seen nothing of it.
    pub fn follows(&self, runner: &str, log: &LogId) {
        self.change(runner, log, |_| {});
    }

    /// A runner has taken in `log` up to `position` (also told once at its start).
    pub fn reached(&self, runner: &str, log: &LogId, position: Position) {
        self.change(runner, log, |follower| follower.position = position);
    }

    /// A runner has taken in all that was in `log` when its feed looked.
    pub fn caught_up(&self, runner: &str, log: &LogId) {
        self.change(runner, log, |follower| follower.caught_up = true);
    }

    /// A runner follows `log` no further.
    pub fn halted(&self, runner: &str, log: &LogId, why: String) {
        self.change(runner, log, |follower| follower.halted = Some(why));
    }

    /// Changes whenever any runner moves.
    pub fn moved(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// Whether every runner has once taken in all that was there, in each log that it still follows.
    pub fn has_caught_up(&self) -> bool {
        let followers = self.lock();
        followers
            .values()
            .all(|follower| follower.caught_up || follower.halted.is_some())
    }

    /// How far the slowest runner that follows `log` has come; `None` if none follows it.
    pub fn slowest(&self, log: &LogId) -> Option<Position> {
        let followers = self.lock();
        followers
            .values()
            .filter(|follower| follower.log == *log)
            .map(|follower| follower.position)
            .min()
    }

    /// Every runner's place in every log it follows, by runner and log.
    pub fn all(&self) -> Vec<Follower> {
        self.lock().values().cloned().collect()
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

    fn change(&self, runner: &str, log: &LogId, change: impl FnOnce(&mut Follower)) {
        let of = (runner.to_owned(), log.clone());
        let mut followers = self.lock();
        let follower = followers
            .entry(of)
            .or_insert_with_key(|(runner, log)| Follower {
                runner: runner.clone(),
                log: log.clone(),
                position: Position(0),
                caught_up: false,
                halted: None,
            });
        change(follower);
        drop(followers);
        self.moved.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, LogId), Follower>> {
        self.followers
            .lock()
            .expect("no code panics while it holds the followers")
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

    #[test]
    fn a_service_has_caught_up_when_each_runner_has_in_each_log_it_still_follows() {
        let progress = Progress::default();
        let own: LogId = "310000.intake".parse().unwrap();
        let foreign: LogId = "370200.intake".parse().unwrap();
        progress.follows("rows", &own);
        progress.follows("rows", &foreign);
        assert_eq!(progress.slowest(&own), Some(Position(0)));
        progress.caught_up("rows", &own);
        assert!(!progress.has_caught_up());
        progress.halted("rows", &foreign, "its chain is broken".to_owned());
        assert!(progress.has_caught_up());
    }
}
