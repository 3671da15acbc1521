//! What the stories and faults share: three regions on real files and sockets, and a virtual clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use directory::reference::ReferenceData;
use eventsourcing::VirtualClock;
use jiff::Timestamp;
use liandong::story::{Pace, Stage};
use liandong::three_regions;
use node::System;

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
        let clock = Arc::new(VirtualClock::new(now));
        let started = three_regions::start(root.to_owned(), clock.clone()).await;
        let (system, cast) = started.expect("the regions start");
        Self {
            system: Arc::new(system),
            clock,
            cast,
        }
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
