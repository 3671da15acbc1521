//! `serve`: one service of one region in this process, or the gateway before such processes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use eventsourcing::Clock;
use node::alone;
use serde::Deserialize;
use service_runtime::settings::load;
use service_runtime::telemetry::{LogFormat, start_logs};

use crate::failure::Failure;
use crate::gateway;
use crate::reference;
use crate::services::HOSTINGS;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// directory, intake, referral, caseteam, followup, keys, timeline, or gateway
    #[arg(value_name = "SERVICE")]
    service: String,

    /// Its settings, like those below deploy/settings; the environment (LIANDONG_NODE_…) overrides
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// For `directory`: who exists, brought into its log at start where it is not known yet
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
}

/// Settings of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewaySettings {
    /// Where the region answers, e.g. `127.0.0.1:7310`.
    pub listen: SocketAddr,
    /// Where its services answer, by name.
    pub services: BTreeMap<String, SocketAddr>,
}

pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    start_logs(LogFormat::Json, "info");
    let unusable = |error| Failure::misused(format!("{error}; see deploy/settings"));
    if args.service == "gateway" {
        let settings: GatewaySettings = load(args.config.as_deref(), &[]).map_err(unusable)?;
        let served = crate::runtime()?.block_on(gateway::run(settings.listen, &settings.services));
        return match served {
            Ok(Ok(())) => Ok(()),
            Ok(Err(failed)) => Err(Failure::failed(failed)),
            Err(error) => Err(Failure::failed(format!("{error:#}"))),
        };
    }
    let hosting = HOSTINGS
        .iter()
        .find(|hosting| hosting.name == args.service)
        .ok_or_else(|| {
            let names: Vec<&str> = HOSTINGS.iter().map(|hosting| hosting.name).collect();
            let names = names.join(", ");
            Failure::misused(format!(
                "there is no service {}; use one of {names}, gateway",
                args.service
            ))
        })?;
    let settings = alone::settings(args.config.as_deref()).map_err(unusable)?;
    let reference = args
        .reference
        .clone()
        .filter(|_| hosting.name == "directory");
    crate::runtime()?.block_on(async {
        let system = alone::start(*hosting, settings).await;
        let system = system.map_err(Failure::failed)?;
        if let Some(file) = reference {
            introduce(&system, &file).await?;
        }
        alone::until_told(&system).await?;
        system.stop().await.map_err(Failure::failed)
    })
}

async fn introduce(system: &node::System, file: &Path) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(service_runtime::SystemClock);
    reference::load(&reference::read(Some(file))?, system, &clock).await
}
