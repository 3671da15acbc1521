//! The keys service: who may open which text of a region's cases. The only process that opens the
//! region's key store.

mod grpc;
mod opening;
mod policies;
mod preparing;
mod projection;
mod restored;
mod sealed_texts;
mod taking_part;

use std::sync::Arc;

use directory_view::DirectoryView;
use eventsourcing::{CommandHandler, EventLog, LogId};
use node::Hosting;
use proto::keys::v1::keys_service_server::KeysServiceServer;
use service_runtime::{Ports, Service, WithLog};
use vault::{KeyStore, Sealer};

pub use domain::keys::CONTEXT;
pub use restored::{MissingKey, ReferredKeys};

pub const HOSTING: Hosting = Hosting {
    name: CONTEXT,
    writes: true,
    assemble: |parts| {
        let (log, store) = (parts.log(), parts.key_store());
        let commands = CommandHandler::new(log.clone(), parts.ports.clock.clone());
        parts.first(preparing::prepare(commands, store.clone()));
        service(&parts.ports, log, parts.directory, store, parts.sealer)
    },
};

/// The contexts whose events may hold sealed texts.
const WITH_TEXTS: [&str; 5] = ["intake", "referral", "caseteam", "followup", CONTEXT];

/// The service of one region, on its log and its key store.
fn service(
    ports: &Ports,
    log: Arc<dyn EventLog>,
    directory: Arc<DirectoryView>,
    store: Arc<KeyStore>,
    sealer: Sealer,
) -> Service {
    let region = ports.region;
    let logs: Vec<LogId> = WITH_TEXTS
        .iter()
        .flat_map(|context| ports.logs(context))
        .collect();
    let api = grpc::KeysApi {
        region,
        gate: ports.gate.clone(),
        commands: CommandHandler::new(log.clone(), ports.clock.clone()),
        rows: ports.rows.clone(),
        sealer,
        opener: opening::Opener::new(store.clone()),
    };
    let policies: Vec<Arc<dyn eventsourcing::Policy>> = vec![
        Arc::new(policies::PublishKey {
            region,
            logs: vec![ports.own(CONTEXT), ports.own("directory")],
            store: store.clone(),
        }),
        Arc::new(policies::GrantKeys {
            region,
            logs: logs.clone(),
            store: store.clone(),
        }),
        Arc::new(policies::ReceiveKeys {
            region,
            logs: ports.logs(CONTEXT),
            store: store.clone(),
        }),
        Arc::new(policies::EraseKeys {
            region,
            logs: logs.clone(),
            store,
        }),
    ];
    Service {
        name: CONTEXT,
        routes: Box::new(move |routes| {
            routes.add_service(service_runtime::tuned!(KeysServiceServer::new(api)))
        }),
        projections: vec![directory, Arc::new(projection::KeyRows { region, logs })],
        writes: Some(WithLog {
            log,
            policies,
            due_rules: Vec::new(),
        }),
    }
}
