//! What can be hosted: a service's name, whether it writes, and how it is assembled from its parts.

use std::sync::Arc;

use directory_view::DirectoryView;
use eventsourcing::EventLog;
use service_runtime::{Ports, Service};
use vault::{KeyStore, Sealer};

/// A service that a node can host.
#[derive(Clone, Copy)]
pub struct Hosting {
    pub name: &'static str,
    /// Whether it has a log of its own.
    pub writes: bool,
    pub assemble: fn(Parts) -> Service,
}

/// What a service is assembled from.
pub struct Parts {
    pub ports: Ports,
    pub directory: Arc<DirectoryView>,
    pub sealer: Sealer,
    pub key_store: Arc<KeyStore>,
    log: Option<Arc<dyn EventLog>>,
}

impl Parts {
    pub(crate) fn new(
        ports: Ports,
        directory: Arc<DirectoryView>,
        sealer: Sealer,
        key_store: Arc<KeyStore>,
        log: Option<Arc<dyn EventLog>>,
    ) -> Self {
        Self {
            ports,
            directory,
            sealer,
            key_store,
            log,
        }
    }

    /// The service's own log.
    ///
    /// # Panics
    /// If its [`Hosting`] does not say that it writes.
    pub fn log(&self) -> Arc<dyn EventLog> {
        self.log
            .clone()
            .expect("the hosting says that this service writes")
    }
}
