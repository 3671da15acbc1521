//! The directory service: who exists in a region, and which limits hold there.

mod grpc;
pub mod reference;
mod witness;

use std::sync::Arc;

use directory_view::DirectoryView;
use eventsourcing::{CommandHandler, EventLog};
use node::Hosting;
use proto::directory::v1::directory_service_server::DirectoryServiceServer;
use service_runtime::{Ports, Service, WithLog};

pub use domain::directory::CONTEXT;

/// How a node hosts this service.
pub const HOSTING: Hosting = Hosting {
    name: CONTEXT,
    writes: true,
    assemble: |parts| service(&parts.ports, parts.log(), parts.directory.clone()),
};

/// The service of one region over its log.
///
/// Commands are decided against the log itself; queries are answered from the view, which knows the
/// other regions as well.
pub fn service(ports: &Ports, log: Arc<dyn EventLog>, directory: Arc<DirectoryView>) -> Service {
    let api = grpc::DirectoryApi {
        gate: ports.gate.clone(),
        commands: CommandHandler::new(log.clone(), ports.clock.clone()),
        directory: directory.clone(),
        region: ports.region,
        desks: tokio::sync::Mutex::default(),
    };
    Service {
        name: CONTEXT,
        routes: Box::new(move |routes| {
            routes.add_service(service_runtime::tuned!(DirectoryServiceServer::new(api)))
        }),
        projections: vec![directory, Arc::new(witness::ForeignHeads::new(ports))],
        writes: Some(WithLog {
            log,
            policies: vec![],
            due_rules: vec![Arc::new(witness::WitnessHeads {
                rows: ports.rows.clone(),
            })],
        }),
    }
}
