//! What the stories and faults share: three regions on real files and sockets, and a virtual clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use directory::reference::ReferenceData;
use domain::values::Role;
use eventsourcing::{Clock, EventFeed, EventLog, LogId, Region, VirtualClock};
use jiff::Timestamp;
use liandong::services::HOSTINGS;
use liandong::story::{Pace, Stage};
use liandong::three_regions;
use node::client::{Caller, new_meta};
use node::{Settings, System};
use proto::types::v1::{CommandMeta, Party};
use segment_log::LocalFeed;
use tonic::transport::Channel;

/// How long a system may take to come to rest.
pub const AT_REST_WITHIN: Duration = Duration::from_secs(30);

/// Three regions, and everything a test needs to play on them.
pub struct World {
    pub system: Arc<System>,
    pub clock: Arc<VirtualClock>,
    pub cast: Arc<ReferenceData>,
}

impl World {
    /// Starts the regions with what lies below `root`; the clock stands at `now`.
    ///
    /// # Panics
    /// If they do not start.
    pub async fn start(root: &Path, now: Timestamp) -> Self {
        Self::start_as(root, now, |_| {}, |_, feed| Arc::new(feed)).await
    }

    /// As [`Self::start`], with other settings, and each region following by the feed it is given.
    ///
    /// # Panics
    /// If they do not start.
    pub async fn start_as(
        root: &Path,
        now: Timestamp,
        change: impl FnOnce(&mut Settings),
        feed_of: impl Fn(Region, LocalFeed) -> Arc<dyn EventFeed>,
    ) -> Self {
        let clock = Arc::new(VirtualClock::new(now));
        let settings = three_regions::settings(root.to_owned(), clock.clone());
        let mut settings = settings.expect("the regions have codes");
        change(&mut settings);
        let system = System::start_on(settings, HOSTINGS, feed_of).await;
        let system = system.expect("the regions start");
        let cast = three_regions::introduce(&system, clock.clone()).await;
        let cast = cast.expect("everybody gets known");
        Self {
            system: Arc::new(system),
            clock,
            cast,
        }
    }

    /// A region's node.
    ///
    /// # Panics
    /// If it does not answer.
    pub async fn channel(&self, region: &str) -> Channel {
        let url = self.system.url(region.parse().expect("a region's code"));
        let node = Channel::from_shared(url).expect("a URL");
        node.connect().await.expect("the region answers")
    }

    /// Somebody of the reference data, in one of their roles.
    ///
    /// # Panics
    /// If the reference data do not have them.
    pub fn caller(&self, code: &str, role: Role) -> Caller {
        self.cast.caller(code, role).expect("somebody of the cast")
    }

    /// A desk of the reference data.
    ///
    /// # Panics
    /// If they do not have it.
    pub fn desk(&self, code: &str) -> Party {
        let desk = self.cast.desk(code).expect("a desk of the cast");
        Party {
            organization_id: desk.organization.to_string(),
            desk_id: desk.desk.to_string(),
        }
    }

    /// A new command's meta.
    pub fn meta(&self) -> Option<CommandMeta> {
        Some(new_meta(self.clock.as_ref()))
    }

    /// A log by its name.
    ///
    /// # Panics
    /// If there is none.
    pub fn log(&self, name: &str) -> Arc<dyn EventLog> {
        let id: LogId = name.parse().expect("a log's name");
        self.system.log(&id).expect("a log of the regions")
    }

    /// Waits until everything has been taken in everywhere.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn settle(&self) {
        let settled = self.system.settle(AT_REST_WITHIN).await;
        settled.expect("the regions come to rest");
    }

    /// The time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A stage whose time jumps from moment to moment.
    ///
    /// # Panics
    /// If a region does not answer.
    pub async fn stage(&self) -> Stage {
        let pace = Pace::jumping(self.system.clone(), self.clock.clone());
        let stage = Stage::set(&self.system, self.cast.clone(), pace, |_| {}).await;
        stage.expect("every region answers")
    }

    /// Stops everything; the stages must have been closed.
    ///
    /// # Panics
    /// If a task had failed, or does not stop in time.
    pub async fn stop(self) {
        let system = Arc::into_inner(self.system).expect("no stage is left");
        system.stop().await.expect("every task ended well");
    }
}

/// The seed of a random test: `LIANDONG_TEST_SEED`, or a new one; printed, so that it can be set.
pub fn seed() -> u64 {
    let set = std::env::var("LIANDONG_TEST_SEED").ok();
    let set = set.and_then(|seed| seed.parse().ok());
    let seed = set.unwrap_or_else(rand::random);
    println!("seed {seed}: set LIANDONG_TEST_SEED to run the same again");
    seed
}

/// Deletes every projection store below `root`, and says how many there were.
///
/// # Panics
/// If one cannot be deleted.
pub fn delete_rows(root: &Path) -> usize {
    let mut deleted = 0;
    for region in std::fs::read_dir(root.join("data")).expect("there are data") {
        let services = region.expect("a region's directory").path();
        for service in std::fs::read_dir(services).expect("a region has services") {
            let rows = service.expect("a service's directory").path().join("rows");
            if rows.exists() {
                std::fs::remove_dir_all(rows).expect("rows can be deleted");
                deleted += 1;
            }
        }
    }
    deleted
}

/// All bytes of all files below a directory, with their paths.
///
/// # Panics
/// If a file cannot be read.
pub fn all_bytes(below: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![below.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((
                    path.clone(),
                    std::fs::read(path).expect("a file can be read"),
                ));
            }
        }
    }
    found
}
