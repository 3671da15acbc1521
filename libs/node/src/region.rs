//! One region's services: adapters opened first, in all regions, before anything runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use directory_view::DirectoryView;
use eventsourcing::{
    EventFeed, EventLog, HybridClock, LogId, Position, ProjectionStore, ReadError, Region,
    StoreError,
};
use metrics_exporter_prometheus::PrometheusHandle;
use nats_event_feed::{NatsError, PublishedLog};
use projection_store::{SledStore, StoreSettings};
use segment_log::{LocalFeed, OpenError, Options, SegmentLog};
use service_runtime::grpc::{Gate, Server, ServerError};
use service_runtime::{AddRoutes, Ports, Progress, Running, Tasks};
use vault::{DataKeysError, KeyStoreError, RegionKeyError};

use crate::copies::{Copies, CopySettings};
use crate::hosting::{Hosting, Parts, Preparations};
use crate::keys::{Keys, Place};
use crate::layout::Layout;
use crate::log_watch::watch;

/// Of commands decided side by side the later may have been stored first: among so many events at
/// the end of a log is the latest moment that its node gave.
const LATEST: usize = 256;

/// A node cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error("{path}: {cause}")]
    Directory { path: String, cause: std::io::Error },
    #[error(transparent)]
    Log(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Rows(#[from] StoreError),
    #[error(transparent)]
    RegionKey(#[from] RegionKeyError),
    #[error(transparent)]
    KeyStore(#[from] KeyStoreError),
    #[error(transparent)]
    Keys(#[from] DataKeysError),
    #[error("keys cannot be leased to the other services at {path}: {cause}")]
    Keyring {
        path: PathBuf,
        cause: std::io::Error,
    },
    /// A service found something that must not be served.
    #[error("{0}")]
    NotPrepared(String),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Nats(#[from] NatsError),
}

/// One region's adapters.
pub struct RegionNode {
    region: Region,
    regions: Vec<Region>,
    clock: Arc<HybridClock>,
    feed: LocalFeed,
    keys: Keys,
    rows: BTreeMap<&'static str, Arc<dyn ProjectionStore>>,
    logs: BTreeMap<&'static str, Arc<SegmentLog>>,
    copies: Option<Copies>,
}

impl RegionNode {
    /// Opens the stores of the services, not yet their logs.
    ///
    /// # Errors
    /// [`NodeError`]: which file, and what to do.
    pub(crate) fn open(
        layout: &Layout,
        region: Region,
        regions: &[Region],
        services: &[Hosting],
        clock: Arc<HybridClock>,
        feed: LocalFeed,
        place: Place<'_>,
    ) -> Result<Self, NodeError> {
        let keys = Keys::open(layout, region, clock.clock(), place)?;
        let mut node = Self {
            region,
            regions: regions.to_vec(),
            clock,
            feed,
            keys,
            rows: BTreeMap::new(),
            logs: BTreeMap::new(),
            copies: None,
        };
        for service in services {
            node.open_rows(layout, service.name)?;
        }
        Ok(node)
    }

    /// The rows of the services: what each has seen of any log.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<dyn ProjectionStore>> {
        self.rows.values()
    }

    /// Opens the logs of the services; what anybody has seen of one must still be in it.
    ///
    /// # Errors
    /// [`NodeError`]: which file, and what to do.
    pub fn open_logs(
        &mut self,
        layout: &Layout,
        services: &[Hosting],
        options: &Options,
        seen_by: &[Arc<dyn ProjectionStore>],
    ) -> Result<(), NodeError> {
        for service in services.iter().filter(|service| service.writes) {
            self.open_log(layout, service.name, options, seen_by)?;
        }
        Ok(())
    }

    fn open_rows(&mut self, layout: &Layout, service: &'static str) -> Result<(), NodeError> {
        let path = layout.rows(self.region, service);
        let (rows, report) = SledStore::open(&path, StoreSettings::default())?;
        if let Some(why) = report.rebuilt {
            tracing::warn!(region = %self.region, service, why, "rows are rebuilt from the logs");
        }
        self.rows.insert(service, Arc::new(rows));
        Ok(())
    }

    fn open_log(
        &mut self,
        layout: &Layout,
        service: &'static str,
        options: &Options,
        seen_by: &[Arc<dyn ProjectionStore>],
    ) -> Result<(), NodeError> {
        let id = LogId::new(self.region, service);
        let mut seen = Vec::new();
        for rows in seen_by {
            seen.extend(rows.seen(&id)?);
        }
        let path = layout.log(self.region, service);
        let (log, report) = SegmentLog::open(&path, id.clone(), &seen, options)?;
        for torn in &report.torn {
            tracing::warn!(log = %id, %torn, "an unfinished write was moved aside");
        }
        let log = Arc::new(log);
        self.feed.add(log.clone());
        self.logs.insert(service, log);
        Ok(())
    }

    /// Lets the clock go on after the last moments it gave before this start.
    ///
    /// # Errors
    /// If a log cannot be read.
    pub async fn resume_clock(&self) -> Result<(), NodeError> {
        let latest = u64::try_from(LATEST).unwrap_or(u64::MAX);
        for log in self.logs.values() {
            let after = Position(log.head().position.0.saturating_sub(latest));
            for event in log.read_all(after, LATEST).await? {
                self.clock.resume(event.envelope.order);
            }
        }
        Ok(())
    }

    pub fn region(&self) -> Region {
        self.region
    }

    pub fn logs(&self) -> impl Iterator<Item = &Arc<SegmentLog>> {
        self.logs.values()
    }

    /// From now on every log is copied to NATS, and the logs of others are followed there.
    ///
    /// # Errors
    /// [`NodeError::Nats`], if what is at its address cannot keep copies.
    pub async fn copy_to(
        &mut self,
        settings: &CopySettings,
        tasks: &Tasks,
    ) -> Result<(), NodeError> {
        let logs = self.logs.values().cloned();
        let copies = Copies::start(settings, self.region, &self.regions, logs, tasks).await?;
        self.copies = Some(copies);
        Ok(())
    }

    /// The logs that are copied, with how far their copies have come.
    pub fn copies(&self) -> impl Iterator<Item = &Arc<PublishedLog>> {
        self.copies.iter().flat_map(Copies::published)
    }

    /// Starts the services as tasks, and serves them behind one address.
    ///
    /// # Errors
    /// [`NodeError`].
    pub async fn start(
        &self,
        services: &[Hosting],
        server: Server,
        metrics: Option<PrometheusHandle>,
        feed: &Arc<dyn EventFeed>,
        tasks: &Tasks,
    ) -> Result<Vec<Arc<Running>>, NodeError> {
        for log in self.logs.values() {
            watch(log, tasks);
        }
        let mut identify = None;
        let preparations = Preparations::default();
        let mut assembled = Vec::new();
        for service in services {
            let parts = self.parts(service.name, feed.clone(), &preparations, tasks)?;
            let ports = parts.ports.clone();
            identify.get_or_insert_with(|| parts.directory.clone());
            assembled.push(((service.assemble)(parts), ports));
        }
        let first =
            std::mem::take(&mut *preparations.lock().unwrap_or_else(PoisonError::into_inner));
        for preparation in first {
            preparation.await.map_err(NodeError::NotPrepared)?;
        }
        self.keys.start(tasks).await?;
        let hosted: Vec<(Arc<Running>, AddRoutes)> = assembled
            .into_iter()
            .map(|(service, ports)| {
                let (running, routes) = service.start(&ports, tasks);
                (Arc::new(running), routes)
            })
            .collect();
        let running = hosted.iter().map(|(running, _)| running.clone()).collect();
        if let Some(identify) = identify {
            server.serve(hosted, identify, metrics, tasks)?;
        }
        Ok(running)
    }

    fn parts(
        &self,
        service: &'static str,
        feed: Arc<dyn EventFeed>,
        preparations: &Preparations,
        tasks: &Tasks,
    ) -> Result<Parts, NodeError> {
        let own = LogId::new(self.region, service);
        let feed = match &self.copies {
            Some(copies) => copies.feed(own.clone(), feed),
            None => feed,
        };
        let rows = self.rows[service].clone();
        let directory = DirectoryView::load(rows.as_ref(), self.regions.clone())?;
        let progress = Progress::default();
        let ports = Ports {
            region: self.region,
            regions: self.regions.clone(),
            feed,
            rows,
            clock: self.clock.clone(),
            gate: Gate::new(
                self.keys.digest_key.clone(),
                progress.clone(),
                tasks.stop().clone(),
            ),
            progress,
        };
        let copied = self.copies.as_ref().and_then(|copies| copies.log(&own));
        let log = copied.or_else(|| {
            let log = self.logs.get(service)?;
            Some(log.clone() as Arc<dyn EventLog>)
        });
        Ok(Parts::new(
            ports,
            Arc::new(directory),
            self.keys.sealer.clone(),
            self.keys.store().cloned(),
            preparations.clone(),
            log,
        ))
    }

    /// Finishes the writes that wait and lets go of the logs; call it after the tasks have ended.
    pub fn close(&self) {
        for log in self.logs.values() {
            log.close();
        }
    }
}
