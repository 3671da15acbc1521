//! The timeline service: it follows every log of every region it is given and tells what happened.
//!
//! It decides nothing. What it stores are the events themselves, by case, in the order of arrival;
//! the sentences are made when somebody reads. Replay and verification use no rows at all: they
//! read the logs again from the first event.

mod grpc;
mod projection;
mod reading;
mod replay;
#[cfg(test)]
mod samples;
mod sentences;
mod summary;
mod verify;
mod witness;

use std::sync::Arc;

use directory_view::DirectoryView;
use eventsourcing::LogId;
use node::Hosting;
use proto::timeline::v1::timeline_service_server::TimelineServiceServer;
use service_runtime::{Ports, Service};

/// What a node needs to know to host it.
pub const HOSTING: Hosting = Hosting {
    name: "timeline",
    writes: false,
    assemble: |parts| service(&parts.ports, parts.directory.clone()),
};

/// The timeline of all regions in `ports`.
pub fn service(ports: &Ports, directory: Arc<DirectoryView>) -> Service {
    // The directory's events belong to no case and are not told, but what they cause is, and
    // verification reads them.
    let logs: Vec<LogId> = domain::CONTEXTS
        .iter()
        .flat_map(|context| ports.logs(context))
        .collect();
    let api = grpc::TimelineApi {
        gate: ports.gate.clone(),
        clock: ports.clock.clone(),
        rows: ports.rows.clone(),
        feed: ports.feed.clone(),
        logs: logs.clone(),
        directory: directory.clone(),
        readers: grpc::Readers::default(),
    };
    Service {
        name: "timeline",
        routes: Box::new(move |routes| {
            routes.add_service(service_runtime::tuned!(TimelineServiceServer::new(api)))
        }),
        projections: vec![directory, Arc::new(projection::TimelineRows::new(logs))],
        writes: None,
    }
}
