//! Shanghai, League Central and Qingdao in this process, with the reference data: what the demo and
//! the stories play on.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use directory::reference::{Loaded, ReferenceData, Refused};
use eventsourcing::{Clock, Region};
use node::{Settings, System};
use segment_log::Options;

use crate::reference;
use crate::services::HOSTINGS;

const REGIONS: [&str; 3] = ["310000", "100000", "370200"];
/// Stories write a few kilobytes a log.
const SEGMENT_BYTES: u64 = 1 << 20;
const SETTLE_WITHIN: Duration = Duration::from_secs(20);

/// How the three regions below `root` are kept, each on a free port.
///
/// # Errors
/// If a region's code is no code.
pub fn settings(root: PathBuf, clock: Arc<dyn Clock>) -> anyhow::Result<Settings> {
    let regions: Vec<Region> = REGIONS
        .iter()
        .map(|region| region.parse())
        .collect::<Result<_, _>>()?;
    Ok(Settings {
        root,
        followed: regions.clone(),
        addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); regions.len()],
        regions,
        clock,
        log_options: Options {
            segment_bytes: SEGMENT_BYTES,
            ..Options::default()
        },
        metrics: None,
        copies: None,
    })
}

/// Starts the three regions below `root`, each on a free port, and waits until they know who exists.
///
/// # Errors
/// What could not be opened, bound or loaded.
pub async fn start(
    root: PathBuf,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<(System, Arc<ReferenceData>)> {
    let system = System::start(settings(root, clock.clone())?, HOSTINGS).await?;
    let cast = introduce(&system, clock).await?;
    Ok((system, cast))
}

/// Brings the reference data into a system, and waits until it knows who exists.
///
/// # Errors
/// What could not be loaded.
pub async fn introduce(
    system: &System,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Arc<ReferenceData>> {
    let cast: ReferenceData = reference::CHINA.parse()?;
    for (region, loaded) in cast.load_all(system.logs(), &clock).await? {
        nothing_refused(region, &loaded)?;
    }
    system.settle(SETTLE_WITHIN).await?;
    Ok(Arc::new(cast))
}

/// A story needs everybody who is in it.
fn nothing_refused(region: Region, loaded: &Loaded) -> anyhow::Result<()> {
    match loaded.refused.first() {
        None => Ok(()),
        Some(Refused { entry, why }) => {
            bail!("the directory of {region} refuses `{entry}`: {}", why.en)
        }
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::{Rejected, RejectionKind};

    use super::*;

    #[test]
    fn a_refused_entry_is_named_and_nothing_starts_without_it() {
        assert!(nothing_refused(Region::CENTRAL, &Loaded::default()).is_ok());
        let why = Rejected {
            kind: RejectionKind::WrongState,
            reason: "TEST",
            en: "they have left".to_owned(),
            zh: "已离岗".to_owned(),
            field: None,
            allowed: Vec::new(),
        };
        let entry = "central-duty".to_owned();
        let loaded = Loaded {
            refused: vec![Refused { entry, why }],
            ..Loaded::default()
        };
        let said = nothing_refused(Region::CENTRAL, &loaded).unwrap_err();
        let said = said.to_string();
        assert!(said.contains("`central-duty`: they have left"), "{said}");
    }
}
