//! Several regions in one process, and the two things one can do to their time: settle, advance.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{
    Clock, EventFeed, EventLog, HybridClock, LogId, Position, ProjectionStore, Region,
    VirtualClock, first_due,
};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use segment_log::{LocalFeed, Options};
use service_runtime::grpc::Server;
use service_runtime::{Running, TaskFailed, Tasks};

use crate::copies::CopySettings;
use crate::hosting::Hosting;
use crate::keys::{KeySettings, Place};
use crate::layout::Layout;
use crate::region::{NodeError, RegionNode};

/// How long open calls and tasks may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// How often a settling system is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Where a system lives and listens.
#[derive(Clone)]
pub struct Settings {
    pub root: PathBuf,
    /// The regions that run here.
    pub regions: Vec<Region>,
    /// The regions whose logs are followed; more than run here only with a feed that brings them.
    pub followed: Vec<Region>,
    /// One address a region, in the same order; port 0 takes a free one.
    pub addresses: Vec<SocketAddr>,
    pub clock: Arc<dyn Clock>,
    pub log_options: Options,
    /// Where logs are copied to and followed; without it they are followed within this process.
    pub copies: Option<CopySettings>,
    pub metrics: Option<PrometheusHandle>,
}

/// Something did not come to rest in time; says what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not settled after {limit:?}: {what}")]
pub struct NotSettled {
    pub limit: Duration,
    pub what: String,
}

/// Regions that run.
pub struct System {
    clock: Arc<dyn Clock>,
    nodes: Vec<RegionNode>,
    running: Vec<Arc<Running>>,
    addresses: BTreeMap<Region, SocketAddr>,
    tasks: Tasks,
}

impl System {
    /// Opens everything of all regions, then starts it.
    ///
    /// # Errors
    /// [`NodeError`]; what had been started is stopped again.
    pub async fn start(settings: Settings, services: &[Hosting]) -> Result<Self, NodeError> {
        Self::start_on(settings, services, |_, feed| Arc::new(feed)).await
    }

    /// One service alone in this process: it has its keys from the keys service of its region, in
    /// another process, unless it is that.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_apart(
        settings: Settings,
        service: Hosting,
        keys: &KeySettings,
    ) -> Result<Self, NodeError> {
        let place = Place::Apart {
            service: service.name,
            settings: keys,
        };
        Self::start_at(settings, &[service], place, |_, feed| Arc::new(feed)).await
    }

    /// As [`Self::start`], each region following the logs by the feed that it is given.
    ///
    /// # Errors
    /// As there.
    pub async fn start_on(
        settings: Settings,
        services: &[Hosting],
        feed_of: impl Fn(Region, LocalFeed) -> Arc<dyn EventFeed>,
    ) -> Result<Self, NodeError> {
        Self::start_at(settings, services, Place::Here, feed_of).await
    }

    async fn start_at(
        settings: Settings,
        services: &[Hosting],
        place: Place<'_>,
        feed_of: impl Fn(Region, LocalFeed) -> Arc<dyn EventFeed>,
    ) -> Result<Self, NodeError> {
        let layout = Layout::new(&settings.root);
        let feed = LocalFeed::default();
        let nodes = open_all(&layout, &settings, services, &feed, place)?;
        for node in &nodes {
            node.resume_clock().await?;
        }
        let tasks = Tasks::new();
        let mut system = Self {
            clock: settings.clock,
            nodes,
            running: Vec::new(),
            addresses: BTreeMap::new(),
            tasks,
        };
        if let Some(copies) = &settings.copies {
            for node in &mut system.nodes {
                node.copy_to(copies, &system.tasks).await?;
            }
        }
        for (node, address) in system.nodes.iter().zip(settings.addresses) {
            let server = Server::bind(address).await?;
            system.addresses.insert(node.region(), server.address());
            let metrics = settings.metrics.clone();
            let feed = feed_of(node.region(), feed.clone());
            let running = node.start(services, server, metrics, &feed, &system.tasks);
            system.running.extend(running.await?);
        }
        Ok(system)
    }

    /// Where a region answers, as a URL.
    ///
    /// # Panics
    /// If the system does not have the region.
    pub fn url(&self, region: Region) -> String {
        format!("http://{}", self.addresses[&region])
    }

    pub fn regions(&self) -> impl Iterator<Item = Region> {
        self.nodes.iter().map(RegionNode::region)
    }

    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub fn logs(&self) -> impl Iterator<Item = Arc<dyn EventLog>> {
        self.nodes
            .iter()
            .flat_map(RegionNode::logs)
            .map(|log| log.clone() as Arc<dyn EventLog>)
    }

    /// A log by its name.
    pub fn log(&self, id: &LogId) -> Option<Arc<dyn EventLog>> {
        self.logs().find(|log| log.id() == id)
    }

    /// Waits until every follower has taken in every log to its end and no duty is overdue.
    ///
    /// # Errors
    /// [`NotSettled`], naming the first thing that was still behind.
    pub async fn settle(&self, limit: Duration) -> Result<(), NotSettled> {
        let settled = async {
            loop {
                let before = self.heads();
                if self.behind(&before).is_none() && self.heads() == before {
                    return;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        if tokio::time::timeout(limit, settled).await.is_ok() {
            return Ok(());
        }
        let what = self
            .behind(&self.heads())
            .unwrap_or_else(|| "it keeps moving".to_owned());
        Err(NotSettled { limit, what })
    }

    /// Turns the clock to `to`, stopping at every moment that something waits for.
    ///
    /// # Errors
    /// [`NotSettled`], if the system does not come to rest at one of them within `limit`.
    pub async fn advance(
        &self,
        clock: &VirtualClock,
        to: Timestamp,
        limit: Duration,
    ) -> Result<(), NotSettled> {
        self.settle(limit).await?;
        while let Some(next) = clock.next_wake().filter(|next| *next <= to) {
            clock.turn_to(next);
            self.settle(limit).await?;
        }
        clock.turn_to(to);
        self.settle(limit).await
    }

    /// Stops everything, in bounded time.
    ///
    /// # Errors
    /// The first task that failed or did not end in time.
    pub async fn stop(self) -> Result<(), TaskFailed> {
        let stopped = self.tasks.shutdown(STOP_WITHIN).await;
        for node in &self.nodes {
            node.close();
        }
        stopped
    }

    fn heads(&self) -> BTreeMap<LogId, Position> {
        self.logs()
            .map(|log| (log.id().clone(), log.head().position))
            .collect()
    }

    /// The first follower that is behind, or duty that is overdue.
    fn behind(&self, heads: &BTreeMap<LogId, Position>) -> Option<String> {
        for service in &self.running {
            let at: BTreeMap<(String, LogId), Position> = service
                .progress
                .all()
                .into_iter()
                .map(|of| ((of.runner, of.log), of.position))
                .collect();
            let follows = service.followers.iter().flat_map(|(name, logs)| {
                logs.iter()
                    .map(move |log| ((*name).to_owned(), log.clone()))
            });
            for (name, log) in follows {
                let head = heads.get(&log).copied().unwrap_or_default();
                let key = (name, log);
                if at.get(&key).is_none_or(|at| *at < head) {
                    let (name, log) = key;
                    let (region, service) = (service.region, service.name);
                    return Some(format!(
                        "{name} of {region} {service} has not taken in {log}"
                    ));
                }
            }
            match first_due(&service.rows) {
                Ok(Some((wake_at, due))) if wake_at <= self.clock.now() => {
                    return Some(format!("{} of {} is due", due.duty, due.stream));
                }
                Ok(_) => {}
                Err(error) => return Some(error.to_string()),
            }
        }
        None
    }
}

/// First the rows of all regions, then the logs: what any of them has seen of a log must be in it.
/// Regions are opened side by side: each waits for its own disk.
fn open_all(
    layout: &Layout,
    settings: &Settings,
    services: &[Hosting],
    feed: &LocalFeed,
    place: Place<'_>,
) -> Result<Vec<RegionNode>, NodeError> {
    let mut nodes = side_by_side(&settings.regions, |region| {
        let clock = Arc::new(HybridClock::new(settings.clock.clone()));
        let followed = &settings.followed;
        let feed = feed.clone();
        RegionNode::open(layout, *region, followed, services, clock, feed, place)
    })?;
    let seen_by: Vec<Arc<dyn ProjectionStore>> =
        nodes.iter().flat_map(RegionNode::rows).cloned().collect();
    side_by_side(&mut nodes, |node| {
        node.open_logs(layout, services, &settings.log_options, &seen_by)
    })?;
    Ok(nodes)
}

fn side_by_side<T: Send, R: Send>(
    of: impl IntoIterator<Item = T>,
    open: impl Fn(T) -> Result<R, NodeError> + Sync,
) -> Result<Vec<R>, NodeError> {
    std::thread::scope(|scope| {
        let open = &open;
        let opening: Vec<_> = of
            .into_iter()
            .map(|one| scope.spawn(move || open(one)))
            .collect();
        opening
            .into_iter()
            .map(|one| one.join().expect("opening a region does not panic"))
            .collect()
    })
}
