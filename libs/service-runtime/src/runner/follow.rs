//! Following several logs at once, each from its own checkpoint, with patience.

use std::future::ready;
use std::time::Duration;

use eventsourcing::{Checkpoint, FeedError, FeedItem, LogId, Recorded};
use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::{Runner, RunnerError};

/// How many events are taken at once, when so many are there.
const BATCH: usize = 256;

/// The events of several logs, as they come, in batches of one log each.
pub(super) struct Following {
    runner: Runner,
    name: String,
    followed: Vec<Followed>,
    events: SelectAll<BoxStream<'static, (LogId, Result<FeedItem, FeedError>)>>,
    waiting: Vec<(LogId, Recorded)>,
    /// Logs whose end the feed has told, while events before it may still wait.
    at_end: Vec<LogId>,
    /// The log that is taken in to its end before the others are followed.
    first: Option<LogId>,
}

struct Followed {
    log: LogId,
    at: Checkpoint,
    away: Backoff,
    halt: CancellationToken,
}

impl Following {
    /// Begins where `name` has stopped before. If the log `first` is among `logs`, it is taken in to
    /// its end before any other: what was decided before is known before anything is decided.
    pub(super) fn start(
        runner: Runner,
        name: &str,
        logs: Vec<LogId>,
        first: Option<&LogId>,
    ) -> Result<Self, RunnerError> {
        let mut following = Self {
            name: name.to_owned(),
            first: first.filter(|first| logs.contains(first)).cloned(),
            followed: Vec::new(),
            events: SelectAll::new(),
            waiting: Vec::new(),
            at_end: Vec::new(),
            runner,
        };
        for log in logs {
            let ports = &following.runner.ports;
            let stored = ports.rows.checkpoint(name, &log)?;
            let at = stored.unwrap_or_else(|| Checkpoint::start(&log));
            ports.progress.reached(name, &log, at.position);
            following.followed.push(Followed {
                log,
                at,
                away: Backoff::default(),
                halt: CancellationToken::new(),
            });
        }
        match following.first.clone() {
            Some(first) => following.follow_those(|log| *log == first),
            None => following.follow_those(|_| true),
        }
        Ok(following)
    }

    /// The next events of one log, in order; `None` when the service stops. Whoever asks has taken in
    /// what it got before.
    pub(super) async fn next(&mut self) -> Result<Option<(LogId, Vec<Recorded>)>, RunnerError> {
        self.tell_ends();
        while self.waiting.is_empty() {
            if self.events.is_empty() {
                self.runner.stop.cancelled().await;
            }
            let stop = self.runner.stop.clone();
            let ready = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                ready = self.ready() => ready,
            };
            for (log, item) in ready {
                self.take(log, item)?;
            }
            self.tell_ends();
        }
        let log = self.waiting[0].0.clone();
        let (batch, rest) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(of, _)| *of == log);
        self.waiting = rest;
        Ok(Some((
            log,
            batch
                .into_iter()
                .map(|(_, event): (_, Recorded)| event)
                .collect(),
        )))
    }

    /// Follows one log no further: what this version does not understand, or what does not continue
    /// what was followed, must not keep the others from going on.
    pub(super) fn halt(&mut self, log: &LogId, why: &dyn std::fmt::Display) {
        tracing::error!(
            runner = self.name,
            %log,
            %why,
            "this log is followed no further until the cause is mended and the service started again"
        );
        metrics::gauge!(
            "liandong_follower_halted",
            "runner" => self.name.clone(),
            "log" => log.to_string()
        )
        .set(1.0);
        let progress = &self.runner.ports.progress;
        progress.halted(&self.name, log, why.to_string());
        self.waiting.retain(|(of, _)| of != log);
        for followed in self.followed.iter().filter(|followed| followed.log == *log) {
            followed.halt.cancel();
        }
    }

    async fn ready(&mut self) -> Vec<(LogId, Result<FeedItem, FeedError>)> {
        (&mut self.events)
            .ready_chunks(BATCH)
            .next()
            .await
            .unwrap_or_default()
    }

    fn take(&mut self, log: LogId, item: Result<FeedItem, FeedError>) -> Result<(), RunnerError> {
        let found = self.followed.iter_mut().find(|known| known.log == log);
        let Some(followed) = found.filter(|known| !known.halt.is_cancelled()) else {
            return Ok(());
        };
        match item {
            Ok(FeedItem::CaughtUp) => {
                followed.away = Backoff::default();
                if self.first.as_ref() == Some(&log) {
                    self.first = None;
                    self.follow_those(|other| *other != log);
                }
                self.at_end.push(log);
                Ok(())
            }
            Ok(FeedItem::Event(event)) => {
                followed.away = Backoff::default();
                self.take_event(log, *event)
            }
            Err(FeedError::Unavailable { cause, .. }) => {
                tracing::warn!(runner = self.name, %log, cause, "log is away; trying again");
                metrics::counter!("liandong_feed_unavailable_total", "log" => log.to_string())
                    .increment(1);
                let wait = followed.away.next();
                self.follow(&log, wait);
                Ok(())
            }
            Err(broken) => self.refuse(&log, broken),
        }
    }

    /// Without its own region's logs a service cannot go on; of another region's only this one ends.
    fn refuse(&mut self, log: &LogId, broken: FeedError) -> Result<(), RunnerError> {
        if log.region == self.runner.ports.region {
            return Err(broken.into());
        }
        self.halt(log, &broken);
        Ok(())
    }

    /// A feed delivers at least once: what was taken in before is passed over. What neither was nor
    /// continues it is refused, whatever the feed has checked itself.
    fn take_event(&mut self, log: LogId, event: Recorded) -> Result<(), RunnerError> {
        let Some(followed) = self.followed.iter_mut().find(|known| known.log == log) else {
            return Ok(());
        };
        if event.position <= followed.at.position {
            return Ok(());
        }
        let accepted = followed
            .at
            .accept(event.position, &event.body.sha256(), &event.hash);
        if let Err(broken) = accepted {
            let of = log.clone();
            return self.refuse(&log, FeedError::Broken { log: of, broken });
        }
        self.observe(&event);
        self.waiting.push((log, event));
        Ok(())
    }

    /// An end is told once everything before it has been taken in.
    fn tell_ends(&mut self) {
        let waiting = &self.waiting;
        let (later, now) = std::mem::take(&mut self.at_end)
            .into_iter()
            .partition(|log| waiting.iter().any(|(of, _)| of == log));
        self.at_end = later;
        let now: Vec<LogId> = now;
        for log in now {
            self.runner.ports.progress.caught_up(&self.name, &log);
        }
    }

    fn follow_those(&mut self, which: impl Fn(&LogId) -> bool) {
        let logs = self.followed.iter().map(|followed| followed.log.clone());
        let those: Vec<_> = logs.filter(|log| which(log)).collect();
        for log in those {
            self.follow(&log, Duration::ZERO);
        }
    }

    fn follow(&mut self, log: &LogId, after: Duration) {
        let Some(followed) = self.followed.iter().find(|known| known.log == *log) else {
            return;
        };
        let feed = self.runner.ports.feed.clone();
        let (of, at, log) = (log.clone(), followed.at, log.clone());
        let later = async move {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            feed.follow(&of, at)
        };
        let ended = Err(FeedError::Unavailable {
            log: log.clone(),
            cause: "the feed ended".to_owned(),
        });
        // After an error nothing more is heard of this stream, its end included.
        let events = futures::stream::once(later)
            .flatten()
            .chain(futures::stream::iter([ended]))
            .scan(false, |failed, item| {
                let next = (!*failed).then_some(item);
                *failed |= next.as_ref().is_some_and(Result::is_err);
                ready(next)
            })
            .take_until(followed.halt.clone().cancelled_owned());
        self.events
            .push(events.map(move |item| (log.clone(), item)).boxed());
    }

    /// Our clock follows what we have seen, unless theirs is wrong.
    fn observe(&self, event: &Recorded) {
        if let Err(drift) = self.runner.ports.clock.observe(event.envelope.order) {
            tracing::warn!(log = %event.envelope.log(), %drift, "not following that clock");
            metrics::counter!("liandong_clock_drift_total", "region" => event.envelope.region.to_string())
                .increment(1);
        }
    }
}
