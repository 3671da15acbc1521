//! Two regions with one service each that does nothing, in a temporary directory.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use eventsourcing::{EventLog, HybridClock, LogId, Region, VirtualClock};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use node::{Hosting, NodeError, Settings, System};
use segment_log::Options;
use service_runtime::Service;

/// The clocks of the nodes that were started, the last one last.
pub(crate) static CLOCKS: Mutex<Vec<Arc<HybridClock>>> = Mutex::new(Vec::new());

pub(crate) const QUIET: Hosting = Hosting {
    name: "referral",
    writes: true,
    assemble: |parts| {
        CLOCKS.lock().unwrap().push(parts.ports.clock.clone());
        Service {
            name: "referral",
            routes: Box::new(|routes| routes),
            projections: Vec::new(),
            writes: None,
        }
    },
};

pub(crate) fn noon() -> Timestamp {
    "2026-03-01T04:00:00Z".parse().unwrap()
}

pub(crate) fn shanghai() -> LogId {
    "310000.referral".parse().unwrap()
}

pub(crate) fn qingdao() -> Region {
    "370200".parse().unwrap()
}

pub(crate) async fn start(
    root: &Path,
    log_options: Options,
    metrics: Option<PrometheusHandle>,
) -> Result<System, NodeError> {
    let regions = vec![shanghai().region, qingdao()];
    let settings = Settings {
        root: root.to_owned(),
        regions: regions.clone(),
        followed: regions,
        addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); 2],
        clock: Arc::new(VirtualClock::new(noon())),
        log_options,
        metrics,
        copies: None,
    };
    System::start(settings, &[QUIET]).await
}

pub(crate) fn log(system: &System) -> Arc<dyn EventLog> {
    system.log(&shanghai()).unwrap()
}
