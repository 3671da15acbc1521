//! The followup service: what is owed to the young person of each case of a region, and by when.

mod grpc;
mod policies;
mod projection;
#[cfg(test)]
mod samples;

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::followup::FollowUpPlan;
use eventsourcing::{Aggregate, CommandHandler, EventLog};
use node::Hosting;
use proto::followup::v1::follow_up_service_server::FollowUpServiceServer;
use service_runtime::{Ports, Service, WithLog};
use vault::Sealer;

/// The service's word for itself; its log is `<region>.followup`.
pub const CONTEXT: &str = FollowUpPlan::CONTEXT;

/// How a node hosts it.
pub const HOSTING: Hosting = Hosting {
    name: CONTEXT,
    writes: true,
    assemble: |parts| {
        let (log, directory) = (parts.log(), parts.directory.clone());
        service(&parts.ports, log, directory, parts.sealer.clone())
    },
};

/// The service of one region, on its log.
pub fn service(
    ports: &Ports,
    log: Arc<dyn EventLog>,
    directory: Arc<DirectoryView>,
    sealer: Sealer,
) -> Service {
    let api = grpc::FollowUpApi {
        region: ports.region,
        gate: ports.gate.clone(),
        commands: CommandHandler::new(log.clone(), ports.clock.clone()),
        sealer,
        rows: ports.rows.clone(),
    };
    let follows = policies::PlanFollowsTeam {
        region: ports.region,
        log: ports.own("caseteam"),
        directory: directory.clone(),
    };
    Service {
        name: CONTEXT,
        routes: Box::new(move |routes| {
            routes.add_service(service_runtime::tuned!(FollowUpServiceServer::new(api)))
        }),
        projections: vec![
            directory,
            Arc::new(projection::PlanRows {
                log: ports.own(CONTEXT),
            }),
        ],
        writes: Some(WithLog {
            log,
            policies: vec![Arc::new(follows)],
            due_rules: vec![Arc::new(policies::VisitFallsDue)],
        }),
    }
}
