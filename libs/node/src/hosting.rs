//! What can be hosted: a service's name, whether it writes, and how it is assembled from its parts.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};

use directory_view::DirectoryView;
use eventsourcing::EventLog;
use futures::future::BoxFuture;
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
    key_store: Option<Arc<KeyStore>>,
    log: Option<Arc<dyn EventLog>>,
    preparations: Preparations,
}

/// What must be done before any service of a region runs.
pub(crate) type Preparations = Arc<Mutex<Vec<BoxFuture<'static, Result<(), String>>>>>;

impl Parts {
    pub(crate) fn new(
        ports: Ports,
        directory: Arc<DirectoryView>,
        sealer: Sealer,
        key_store: Option<Arc<KeyStore>>,
        preparations: Preparations,
        log: Option<Arc<dyn EventLog>>,
    ) -> Self {
        Self {
            ports,
            directory,
            sealer,
            key_store,
            log,
            preparations,
        }
    }

    /// Has this done before the service follows, decides or answers anything; if it fails, nothing
    /// of the region starts.
    pub fn first<E: Display>(&self, work: impl Future<Output = Result<(), E>> + Send + 'static) {
        let work = async { work.await.map_err(|error| error.to_string()) };
        self.preparations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Box::pin(work));
    }

    /// The region's key store.
    ///
    /// # Panics
    /// In a process that leases its keys from the service of that name.
    pub fn key_store(&self) -> Arc<KeyStore> {
        self.key_store
            .clone()
            .expect("only the keys service opens keys, and where it is the store is open")
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
