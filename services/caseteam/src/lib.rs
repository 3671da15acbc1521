//! The caseteam service: the team of each case of a region, formed when a unit of it accepts.

mod grpc;
mod policies;
mod projection;

use std::sync::Arc;

use directory_view::DirectoryView;
use domain::caseteam::CaseTeam;
use eventsourcing::{Aggregate, CommandHandler, EventLog};
use node::Hosting;
use proto::caseteam::v1::case_team_service_server::CaseTeamServiceServer;
use service_runtime::{Ports, Service, WithLog};
use vault::Sealer;

/// The service's word for itself; its log is `<region>.caseteam`.
pub const CONTEXT: &str = CaseTeam::CONTEXT;

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
    let api = grpc::CaseTeamApi {
        region: ports.region,
        gate: ports.gate.clone(),
        commands: CommandHandler::new(log.clone(), ports.clock.clone()),
        directory: directory.clone(),
        sealer,
        rows: ports.rows.clone(),
    };
    let follows = policies::TeamFollowsReferral {
        region: ports.region,
        logs: ports.logs("referral"),
        directory: directory.clone(),
    };
    Service {
        name: CONTEXT,
        routes: Box::new(move |routes| {
            routes.add_service(service_runtime::tuned!(CaseTeamServiceServer::new(api)))
        }),
        projections: vec![
            directory,
            Arc::new(projection::TeamRows {
                log: ports.own(CONTEXT),
            }),
        ],
        writes: Some(WithLog {
            log,
            policies: vec![Arc::new(follows)],
            due_rules: Vec::new(),
        }),
    }
}
