//! `dev`: all services of some regions in this process, on loopback, their data in a directory.

mod ready;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use directory::reference::ReferenceData;
use eventsourcing::{Clock, Region};
use node::{NodeError, Settings, System};
use segment_log::Options;
use service_runtime::SystemClock;
use service_runtime::telemetry::{LogFormat, start_logs, start_metrics};
use vault::KeyStoreError;

use self::ready::Ready;
use crate::failure::{Failure, note};
use crate::output::Screen;
use crate::progress;
use crate::reference;
use crate::services::HOSTINGS;

/// How long taking in what the logs hold may take before we say so.
const SETTLE_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug, Args)]
#[command(after_long_help = ready::JSON)]
pub(crate) struct DevArgs {
    /// Where everything is kept; made if it is not there
    #[arg(long, value_name = "DIR", default_value = "./liandong-data")]
    data: PathBuf,

    /// The port of the first region; the next ones follow it; 0 takes free ones
    #[arg(long, default_value_t = 7310)]
    port: u16,

    /// The regions to run, by GB/T 2260 code
    #[arg(
        long,
        value_name = "CODE,…",
        value_delimiter = ',',
        default_value = "310000,100000,370200"
    )]
    regions: Vec<Region>,

    /// Who exists: a file like deploy/reference/china.toml, which is used without it
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
}

pub(crate) fn run(args: DevArgs, screen: Screen) -> Result<(), Failure> {
    let reference = reference::read(args.reference.as_deref())?;
    args.check(&reference)?;
    start_logs(LogFormat::Text, "warn");
    crate::runtime()?.block_on(dev(args, reference, screen))
}

impl DevArgs {
    fn check(&self, reference: &ReferenceData) -> Result<(), Failure> {
        let known: Vec<Region> = reference.regions().collect();
        for (index, region) in self.regions.iter().enumerate() {
            if !known.contains(region) {
                let known: Vec<&str> = known.iter().map(Region::as_str).collect();
                let known = known.join(", ");
                return Err(Failure::misused(format!(
                    "the reference data have no region {region}; use some of {known}"
                )));
            }
            if self.regions[..index].contains(region) {
                return Err(Failure::misused(format!(
                    "region {region} is there twice; name each once"
                )));
            }
        }
        Ok(())
    }

    /// One address a region, on this machine only.
    fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        (0..self.regions.len())
            .map(|index| {
                let port = match self.port {
                    0 => Some(0),
                    first => u16::try_from(index).ok().and_then(|n| first.checked_add(n)),
                };
                port.map(address).ok_or_else(|| {
                    Failure::misused("there are not enough ports; choose a lower --port")
                })
            })
            .collect()
    }
}

async fn dev(args: DevArgs, reference: ReferenceData, screen: Screen) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let settings = Settings {
        root: args.data.clone(),
        regions: args.regions.clone(),
        followed: args.regions.clone(),
        addresses: args.addresses()?,
        clock: Arc::clone(&clock),
        log_options: Options::default(),
        metrics: Some(start_metrics()),
        copies: None,
    };
    let system = System::start(settings, HOSTINGS).await;
    let system = system.map_err(|error| not_started(&error))?;
    let served = tokio::select! {
        served = serve(&system, &reference, &clock, &args.data, screen) => served,
        told = crate::told_to_end() => told,
        // A task has failed: stopping says which.
        () = system.tasks().stop().cancelled() => Ok(()),
    };
    let stopped = system.stop().await;
    served?;
    stopped.map_err(|failed| {
        Failure::failed(format!(
            "{failed}; the data are kept: mend the cause, then start again"
        ))
    })
}

/// Makes the system ready, says so, and goes on until somebody stops it.
async fn serve(
    system: &System,
    reference: &ReferenceData,
    clock: &Arc<dyn Clock>,
    data: &Path,
    screen: Screen,
) -> Result<(), Failure> {
    reference::load(reference, system, clock).await?;
    let settling = progress::spinner(screen.lang.pick("读取日志", "taking in the logs"));
    let settled = system.settle(SETTLE_WITHIN).await;
    drop(settling);
    if let Err(behind) = settled {
        note(&format!("liandong: {behind}; serving all the same"));
    }
    Ready::new(system, reference, data)?.tell(screen)?;
    std::future::pending().await
}

fn not_started(error: &NodeError) -> Failure {
    let todo = match error {
        NodeError::KeyStore(KeyStoreError::InUse(_)) => {
            "; stop that one first, or choose another --data"
        }
        NodeError::KeyStore(KeyStoreError::WrongRegionKey(_)) | NodeError::RegionKey(_) => {
            "; put the key that belongs to these data back into region-keys"
        }
        NodeError::Server(_) => "; choose another --port, or stop what uses it",
        NodeError::Directory { .. } => "; choose a --data that you may write to",
        _ => "",
    };
    Failure::failed(format!("{error}{todo}"))
}
