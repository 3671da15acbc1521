//! The referral service: the hops that a region sends and receives, and the custody of its cases.

mod due;
mod grpc;
mod inbox;
mod policies;
mod projection;
mod relay;
mod subject;

use std::sync::Arc;

use directory_view::DirectoryView;
use eventsourcing::{CommandHandler, EventLog, Policy};
use node::Hosting;
use proto::referral::v1::referral_service_server::ReferralServiceServer;
use service_runtime::{Ports, Service, WithLog};
use vault::Sealer;

pub use domain::referral::CONTEXT;

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
    let api = grpc::ReferralApi {
        region: ports.region,
        gate: ports.gate.clone(),
        commands: CommandHandler::new(log.clone(), ports.clock.clone()),
        directory: directory.clone(),
        sealer,
        rows: ports.rows.clone(),
    };
    let rows = projection::HopRows {
        region: ports.region,
        logs: ports.logs(CONTEXT),
        directory: directory.clone(),
    };
    let subjects = subject::Subjects {
        logs: vec![ports.own("intake"), ports.own(CONTEXT)],
    };
    let due = due::DueHops {
        rows: ports.rows.clone(),
        directory: directory.clone(),
        clock: ports.clock.clone(),
    };
    let policies = policies(ports, &directory);
    Service {
        name: CONTEXT,
        routes: Box::new(move |routes| {
            routes.add_service(service_runtime::tuned!(ReferralServiceServer::new(api)))
        }),
        projections: vec![directory, Arc::new(rows), Arc::new(subjects)],
        writes: Some(WithLog {
            log,
            policies,
            due_rules: vec![Arc::new(due)],
        }),
    }
}

fn policies(ports: &Ports, directory: &Arc<DirectoryView>) -> Vec<Arc<dyn Policy>> {
    use domain::referral::reactions::{keep_custody, tell_receiver, tell_sender, withdraw};
    use policies::{DraftProposed, FollowHops, LapseHops, OpenCustody, StartWork, TellParent};
    let follow = |name, reaction| {
        let logs = ports.logs(CONTEXT);
        Arc::new(FollowHops {
            name,
            region: ports.region,
            logs,
            reaction,
        }) as Arc<dyn Policy>
    };
    vec![
        Arc::new(OpenCustody {
            log: ports.own("intake"),
        }),
        Arc::new(DraftProposed {
            log: ports.own("intake"),
        }),
        follow("tell-receiver", tell_receiver),
        follow("tell-sender", tell_sender),
        follow("keep-custody", keep_custody),
        follow("withdraw-hops", withdraw),
        Arc::new(LapseHops {
            region: ports.region,
            logs: ports.logs(CONTEXT),
        }),
        Arc::new(TellParent {
            region: ports.region,
            log: ports.own(CONTEXT),
            directory: directory.clone(),
        }),
        Arc::new(StartWork {
            region: ports.region,
            log: ports.own("caseteam"),
        }),
    ]
}
