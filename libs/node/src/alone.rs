//! One service of one region, alone in its process: what each service's own binary runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eventsourcing::Region;
use segment_log::Options;
use serde::Deserialize;
use service_runtime::settings::{SettingsError, load};
use service_runtime::telemetry::{LogFormat, start_logs, start_metrics};
use service_runtime::{SystemClock, TaskFailed};

use crate::copies::CopySettings;
use crate::hosting::Hosting;
use crate::keys::KeySettings;
use crate::region::NodeError;
use crate::system::{Settings, System};

/// Settings of one service; from the file named by the first argument, then `LIANDONG_NODE_…`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AloneSettings {
    /// The region it serves, e.g. `310000`.
    pub region: Region,
    /// All regions whose logs it follows, its own included.
    pub regions: Vec<Region>,
    /// The directory below which its data lie; the region's key lies beside the data.
    pub root: PathBuf,
    /// Where it listens, e.g. `127.0.0.1:7100`.
    pub listen: SocketAddr,
    /// Where its log is copied to, and the others are followed.
    #[serde(default)]
    pub copies: Option<CopySettings>,
    /// Where the region's keys are.
    #[serde(default)]
    pub keys: KeySettings,
}

/// The service stopped, and not because it was told to.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Node(#[from] NodeError),
    #[error(transparent)]
    Task(#[from] TaskFailed),
    #[error("cannot listen for signals: {0}")]
    Signal(#[from] std::io::Error),
}

/// Reads the settings of one service.
///
/// # Errors
/// [`SettingsError`].
pub fn settings(file: Option<&Path>) -> Result<AloneSettings, SettingsError> {
    load(file, &["regions", "copies.nats.servers"])
}

/// Runs the service until SIGTERM or Ctrl-C, or until one of its tasks fails.
///
/// A service that follows logs of others needs a feed that brings them into this process; with the
/// in-process feed it stops and names the first log that nobody feeds.
///
/// # Errors
/// [`AloneError`].
pub fn run(service: Hosting) -> Result<(), AloneError> {
    let file = std::env::args_os().nth(1).map(PathBuf::from);
    let settings = settings(file.as_deref())?;
    start_logs(LogFormat::Json, "info");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(service, settings))
}

async fn serve(service: Hosting, settings: AloneSettings) -> Result<(), AloneError> {
    let system = start(service, settings).await?;
    until_told(&system).await?;
    Ok(system.stop().await?)
}

/// Starts the service; the caller waits, and stops it.
///
/// # Errors
/// [`NodeError`].
pub async fn start(service: Hosting, settings: AloneSettings) -> Result<System, NodeError> {
    let keys = settings.keys;
    let settings = Settings {
        root: settings.root,
        regions: vec![settings.region],
        followed: settings.regions,
        addresses: vec![settings.listen],
        clock: Arc::new(SystemClock),
        log_options: Options::default(),
        metrics: Some(start_metrics()),
        copies: settings.copies,
    };
    System::start_apart(settings, service, &keys).await
}

/// Waits for SIGTERM, Ctrl-C, or the failure of a task.
///
/// # Errors
/// If signals cannot be listened for.
pub async fn until_told(system: &System) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
        () = system.tasks().stop().cancelled() => Ok(()),
    }
}
