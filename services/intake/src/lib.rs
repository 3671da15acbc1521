//! The intake service: contacts of the desks of a region, and which of them become cases.

mod duties;
mod grpc;
mod policies;
mod projection;

use std::sync::Arc;

use directory_view::DirectoryView;
use eventsourcing::{CommandHandler, EventLog};
use node::Hosting;
use proto::intake::v1::intake_service_server::IntakeServiceServer;
use service_runtime::{Ports, Service, WithLog};
use vault::Sealer;

pub use domain::intake::CONTEXT;

/// How a node hosts it.
pub const HOSTING: Hosting = Hosting {
    name: CONTEXT,
    writes: true,
    assemble: |parts| {
        service(
            &parts.ports,
            parts.log(),
            parts.directory.clone(),
            parts.sealer.clone(),
        )
    },
};

/// The service of one region, on its log.
pub fn service(
    ports: &Ports,
    log: Arc<dyn EventLog>,
    directory: Arc<DirectoryView>,
    sealer: Sealer,
) -> Service {
    let api = grpc::IntakeApi {
        region: ports.region,
        gate: ports.gate.clone(),
        commands: CommandHandler::new(log.clone(), ports.clock.clone()),
        directory: directory.clone(),
        sealer,
        rows: ports.rows.clone(),
    };
    let rows = projection::IntakeRows {
        log: ports.own(CONTEXT),
    };
    let hands_over = policies::HandsOver {
        log: ports.own(domain::referral::CONTEXT),
    };
    Service {
        name: CONTEXT,
        routes: Box::new(move |routes| {
            routes.add_service(service_runtime::tuned!(IntakeServiceServer::new(api)))
        }),
        projections: vec![directory, Arc::new(rows)],
        writes: Some(WithLog {
            log,
            policies: vec![Arc::new(hands_over)],
            due_rules: vec![Arc::new(duties::IntakeDuties)],
        }),
    }
}
