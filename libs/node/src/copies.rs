//! Copies on NATS: each log is published by a task of its own, and a service follows its own log on
//! its own disk and all others on NATS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{Checkpoint, EventFeed, EventLog, FeedError, FeedItem, LogId, Region};
use futures::stream::BoxStream;
use nats_event_feed::{
    Answering, Circuit, Nats, NatsError, NatsFeed, NatsSettings, PublishedLog, Publisher,
};
use segment_log::SegmentLog;
use serde::Deserialize;
use service_runtime::Tasks;

/// How often the lag of a copy is measured.
const MEASURED_EVERY: Duration = Duration::from_secs(5);
/// How long a starting node waits until its copies have been compared with its logs. Without NATS it
/// starts all the same, and they are compared when it is back.
const COMPARED_WITHIN: Duration = Duration::from_secs(3);

/// Where logs are copied to, and when commands are answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopySettings {
    /// The region's NATS.
    pub nats: NatsSettings,
    /// When a command is answered.
    #[serde(default)]
    pub answering: Answering,
}

/// The copies of a region's logs that are written here.
pub(crate) struct Copies {
    published: BTreeMap<LogId, Arc<PublishedLog>>,
    feed: NatsFeed,
}

impl Copies {
    /// Connects, and publishes the logs from now on.
    pub(crate) async fn start(
        settings: &CopySettings,
        region: Region,
        followed: &[Region],
        logs: impl IntoIterator<Item = Arc<SegmentLog>>,
        tasks: &Tasks,
    ) -> Result<Self, NatsError> {
        let nats = Nats::open(settings.nats.clone(), &format!("liandong {region}")).await?;
        let mut published = BTreeMap::new();
        for log in logs {
            let id = log.id().clone();
            let incarnation = log.incarnation();
            let (copied, publisher) =
                Publisher::new(nats.clone(), log, incarnation, settings.answering);
            let copied = Arc::new(copied);
            let stop = tasks.stop().clone();
            tasks.spawn(format!("{id} publisher"), publisher.run(stop.clone()));
            tasks.spawn(format!("{id} lag"), measure(copied.clone(), stop));
            published.insert(id, copied);
        }
        let copies = Self {
            published,
            feed: NatsFeed::new(nats, followed.iter().copied()),
        };
        copies.compared(tasks).await;
        Ok(copies)
    }

    /// Waits until every publisher has read the end of its stream: before anything is served, a log
    /// that lost its tail is found out.
    async fn compared(&self, tasks: &Tasks) {
        let all = async {
            for log in self.published.values() {
                log.compared().await;
            }
        };
        tokio::select! {
            () = all => {}
            () = tasks.stop().cancelled() => {}
            () = tokio::time::sleep(COMPARED_WITHIN) => {
                tracing::warn!("the copies could not be compared with the logs yet");
            }
        }
    }

    pub(crate) fn log(&self, id: &LogId) -> Option<Arc<dyn EventLog>> {
        let log = self.published.get(id)?;
        Some(log.clone())
    }

    /// What a service follows by: its own log here, the others on NATS.
    pub(crate) fn feed(&self, own: LogId, local: Arc<dyn EventFeed>) -> Arc<dyn EventFeed> {
        Arc::new(OwnAndOthers {
            own,
            local,
            others: self.feed.clone(),
        })
    }

    pub(crate) fn published(&self) -> impl Iterator<Item = &Arc<PublishedLog>> {
        self.published.values()
    }
}

struct OwnAndOthers {
    own: LogId,
    local: Arc<dyn EventFeed>,
    others: NatsFeed,
}

impl EventFeed for OwnAndOthers {
    fn follow(
        &self,
        log: &LogId,
        after: Checkpoint,
    ) -> BoxStream<'static, Result<FeedItem, FeedError>> {
        if *log == self.own {
            self.local.follow(log, after)
        } else {
            self.others.follow(log, after)
        }
    }
}

/// Tells how far a copy is behind, until the service stops.
async fn measure(
    log: Arc<PublishedLog>,
    stop: tokio_util::sync::CancellationToken,
) -> Result<(), eventsourcing::ReadError> {
    let name = log.id().to_string();
    loop {
        let lag = log.lag().await?;
        let seconds = lag.since.map_or(0.0, |since| {
            jiff::Timestamp::now().duration_since(since).as_secs_f64()
        });
        let open = f64::from(!matches!(log.copy().circuit, Circuit::Closed));
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("liandong_copy_lag_events", "log" => name.clone()).set(lag.events as f64);
        metrics::gauge!("liandong_copy_lag_seconds", "log" => name.clone()).set(seconds);
        metrics::gauge!("liandong_copy_circuit_open", "log" => name.clone()).set(open);
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(MEASURED_EVERY) => {}
        }
    }
}
