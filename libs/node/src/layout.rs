//! Where everything lies below the directory of a system.

use std::path::{Path, PathBuf};

use eventsourcing::Region;

/// `data/<region>/<service>/{log,rows}`, `data/<region>/keys/store`; and beside the data, where no
/// copy of them takes it along, `region-keys/<region>.key` and `run/<region>/keys.sock`.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Everything that is copied for a backup or given to an auditor.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    pub fn log(&self, region: Region, service: &str) -> PathBuf {
        self.service(region, service).join("log")
    }

    pub fn rows(&self, region: Region, service: &str) -> PathBuf {
        self.service(region, service).join("rows")
    }

    pub fn key_store(&self, region: Region) -> PathBuf {
        self.service(region, "keys").join("store")
    }

    /// The key that wraps all others.
    pub fn region_key(&self, region: Region) -> PathBuf {
        self.root.join("region-keys").join(format!("{region}.key"))
    }

    /// Where the keys service leases keys to the other processes of its region.
    pub fn keys_socket(&self, region: Region) -> PathBuf {
        let run = self.root.join("run").join(region.as_str());
        run.join("keys.sock")
    }

    fn service(&self, region: Region, service: &str) -> PathBuf {
        self.data().join(region.as_str()).join(service)
    }
}
