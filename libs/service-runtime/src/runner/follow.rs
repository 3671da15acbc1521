//! Following several logs at once, each from its own checkpoint, with patience.

use std::time::Duration;

use eventsourcing::{Checkpoint, FeedError, FeedItem, LogId, Recorded};
use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};

use super::{Runner, RunnerError};

/// How many events are taken at once, when so many are there.
const BATCH: usize = 256;
/// How long to wait before following a log again that was away.
const AWAY_RETRY: Duration = Duration::from_millis(500);

/// The events of several logs, as they come, in batches of one log each.
pub(super) struct Following {
    runner: Runner,
    name: String,
    at: Vec<(LogId, Checkpoint)>,
    events: SelectAll<BoxStream<'static, (LogId, Result<FeedItem, FeedError>)>>,
    waiting: Vec<(LogId, Recorded)>,
    /// The log that is taken in to its end before the others are followed.
    first: Option<LogId>,
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
            at: Vec::new(),
            events: SelectAll::new(),
            waiting: Vec::new(),
            runner,
        };
        for log in logs {
            let stored = following.runner.ports.rows.checkpoint(name, &log)?;
            let at = stored.unwrap_or_else(|| Checkpoint::start(&log));
            following
                .runner
                .ports
                .progress
                .reached(name, &log, at.position);
            following.at.push((log, at));
        }
        match following.first.clone() {
            Some(first) => following.follow_those(|log| *log == first),
            None => following.follow_those(|_| true),
        }
        Ok(following)
    }

    /// The next events of one log, in order; `None` when the service stops.
    pub(super) async fn next(&mut self) -> Result<Option<(LogId, Vec<Recorded>)>, RunnerError> {
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

    async fn ready(&mut self) -> Vec<(LogId, Result<FeedItem, FeedError>)> {
        (&mut self.events)
            .ready_chunks(BATCH)
            .next()
            .await
            .unwrap_or_default()
    }

    fn take(&mut self, log: LogId, item: Result<FeedItem, FeedError>) -> Result<(), RunnerError> {
        match item {
            Ok(FeedItem::CaughtUp) => {
                if self.first.as_ref() == Some(&log) {
                    self.first = None;
                    self.follow_those(|other| *other != log);
                }
                Ok(())
            }
            Ok(FeedItem::Event(event)) => self.take_event(log, *event),
            Err(FeedError::Unavailable { log, cause }) => {
                tracing::warn!(runner = self.name, %log, cause, "log is away; trying again");
                metrics::counter!("liandong_feed_unavailable_total", "log" => log.to_string())
                    .increment(1);
                let at = self.at.iter().find(|(of, _)| *of == log).map(|(_, at)| *at);
                let at = at.unwrap_or_else(|| Checkpoint::start(&log));
                self.follow(log, at, AWAY_RETRY);
                Ok(())
            }
            Err(broken) => Err(broken.into()),
        }
    }

    /// A feed delivers at least once: what was taken in before is passed over. What neither was nor
    /// continues it is refused, whatever the feed has checked itself.
    fn take_event(&mut self, log: LogId, event: Recorded) -> Result<(), RunnerError> {
        let Some((_, at)) = self.at.iter_mut().find(|(of, _)| *of == log) else {
            return Ok(());
        };
        if event.position <= at.position {
            return Ok(());
        }
        let accepted = at.accept(event.position, &event.body.sha256(), &event.hash);
        accepted.map_err(|broken| FeedError::Broken {
            log: log.clone(),
            broken,
        })?;
        self.observe(&event);
        self.waiting.push((log, event));
        Ok(())
    }

    fn follow_those(&mut self, which: impl Fn(&LogId) -> bool) {
        let those: Vec<_> = self
            .at
            .iter()
            .filter(|(log, _)| which(log))
            .cloned()
            .collect();
        for (log, at) in those {
            self.follow(log, at, Duration::ZERO);
        }
    }

    fn follow(&mut self, log: LogId, at: Checkpoint, after: Duration) {
        let feed = self.runner.ports.feed.clone();
        let of = log.clone();
        let later = async move {
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            feed.follow(&of, at)
        };
        let events = futures::stream::once(later).flatten();
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
