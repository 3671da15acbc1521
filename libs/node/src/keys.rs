//! Where a process has its region's keys from: the key store itself, or the keys service that has it
//! open in another process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eventsourcing::{Clock, Region};
use serde::Deserialize;
use service_runtime::Tasks;
use service_runtime::grpc::DigestKey;
use tokio_util::sync::CancellationToken;
use vault::{KeyStore, LocalKeys, RegionKey, Sealer};

use crate::keyring::{Keyring, lend};
use crate::layout::Layout;
use crate::leased_keys::LeasedKeys;
use crate::region::NodeError;

/// How often every key is read, so that a damaged one is known before somebody needs it.
const READ_EVERY: Duration = Duration::from_hours(24);

/// Keys of a region whose services are processes of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// The socket at which the keys service leases keys to the region's other services, the same for
    /// all of them; `run/<region>/keys.sock` below the root if it is not said. At most about 100
    /// bytes long; its directory is for this user only.
    pub socket: Option<PathBuf>,
    /// Below which directory the keys service keeps a second copy of the keys: on another disk than
    /// `root`, so that a lost one loses no text.
    pub copy: Option<PathBuf>,
}

/// Which processes of a region have its keys.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'a> {
    /// Everything of the region is in this process.
    Here,
    /// This process has one service of the region; the keys are where the keys service is.
    Apart {
        service: &'a str,
        settings: &'a KeySettings,
    },
}

/// The keys of a region, as one process has them.
pub(crate) struct Keys {
    region: Region,
    pub(crate) digest_key: DigestKey,
    pub(crate) sealer: Sealer,
    source: Source,
}

enum Source {
    Store {
        store: Arc<KeyStore>,
        /// Where they are lent to other processes, and what is.
        lent: Option<(PathBuf, Keyring)>,
    },
    Lease(Arc<LeasedKeys>),
}

impl Keys {
    /// Opens the key store, unless it is another process that has it.
    pub(crate) fn open(
        layout: &Layout,
        region: Region,
        clock: &Arc<dyn Clock>,
        place: Place<'_>,
    ) -> Result<Self, NodeError> {
        let Place::Apart { service, settings } = place else {
            return Self::stored(layout, region, clock, None, None);
        };
        let socket = settings.socket.clone();
        let socket = socket.unwrap_or_else(|| layout.keys_socket(region));
        if service != domain::keys::CONTEXT {
            return Ok(Self::leased(region, socket));
        }
        let copy = settings.copy.as_ref().map(|of| of.join(region.as_str()));
        Self::stored(layout, region, clock, Some(socket), copy.as_deref())
    }

    fn leased(region: Region, socket: PathBuf) -> Self {
        let keys = Arc::new(LeasedKeys::new(socket));
        Self {
            region,
            digest_key: DigestKey::default(),
            sealer: Sealer::new(keys.clone()),
            source: Source::Lease(keys),
        }
    }

    fn stored(
        layout: &Layout,
        region: Region,
        clock: &Arc<dyn Clock>,
        socket: Option<PathBuf>,
        copy: Option<&Path>,
    ) -> Result<Self, NodeError> {
        let directory = layout.key_store(region);
        let lost = copy.filter(|copy| !KeyStore::exists(&directory) && KeyStore::exists(copy));
        if let Some(copy) = lost {
            tracing::warn!(%region, copy = %copy.display(), "the key store comes from its copy");
        }
        let region_key = open_region_key(layout, region, lost.unwrap_or(&directory))?;
        let store = KeyStore::open_with_copy(&directory, copy, region, &region_key)?;
        let store = Arc::new(store);
        let local = Arc::new(LocalKeys::new(store.clone(), clock.clone()));
        let digest_key = region_key.request_digest_key();
        let lent = socket.map(|socket| {
            let keyring = Keyring::new(store.clone(), local.clone(), digest_key.clone());
            (socket, keyring)
        });
        Ok(Self {
            region,
            digest_key: DigestKey::new(*digest_key),
            sealer: Sealer::new(local),
            source: Source::Store { store, lent },
        })
    }

    /// The key store, where it is open.
    pub(crate) fn store(&self) -> Option<&Arc<KeyStore>> {
        match &self.source {
            Source::Store { store, .. } => Some(store),
            Source::Lease(_) => None,
        }
    }

    /// Has keys at hand before the first text comes, and lends them to whoever may have some. Where
    /// they are leased, that begins as soon as the keys service answers.
    pub(crate) async fn start(&self, tasks: &Tasks) -> Result<(), NodeError> {
        let (region, stop) = (self.region, tasks.stop().clone());
        match &self.source {
            Source::Store { store, lent } => {
                self.sealer.fill().await?;
                let reading = read_all(region, store.clone(), stop);
                tasks.spawn(format!("{region} key store"), reading);
                if let Some((socket, keyring)) = lent {
                    lend(region, socket, keyring.clone(), tasks)?;
                }
            }
            Source::Lease(keys) => {
                let (digest_key, sealer) = (self.digest_key.clone(), self.sealer.clone());
                let following = keys.clone().follow(digest_key, sealer, stop);
                tasks.spawn(format!("{region} leased keys"), following);
            }
        }
        Ok(())
    }
}

/// Reads every key from time to time, and names those that are damaged.
async fn read_all(
    region: Region,
    store: Arc<KeyStore>,
    stop: CancellationToken,
) -> Result<(), tokio::task::JoinError> {
    let gauge = metrics::gauge!("liandong_keys_damaged", "region" => region.to_string());
    loop {
        let read = store.clone();
        match tokio::task::spawn_blocking(move || read.damaged()).await? {
            Ok(damaged) => {
                for key in &damaged {
                    tracing::error!(%key, "a key is damaged: it must come back from a backup");
                }
                gauge.set(u32::try_from(damaged.len()).unwrap_or(u32::MAX));
            }
            Err(error) => {
                tracing::error!(%region, %error, "the key store cannot be read");
                gauge.set(f64::INFINITY);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(READ_EVERY) => {}
        }
    }
}

fn open_region_key(layout: &Layout, region: Region, store: &Path) -> Result<RegionKey, NodeError> {
    let path = layout.region_key(region);
    for directory in [Some(layout.data().as_path()), path.parent()]
        .into_iter()
        .flatten()
    {
        fs::create_dir_all(directory).map_err(|cause| NodeError::Directory {
            path: directory.display().to_string(),
            cause,
        })?;
    }
    Ok(RegionKey::read_or_create(&path, &layout.data(), store)?)
}
