//! A service as its parts: what it needs, what it answers, what it follows.

use std::sync::Arc;

use eventsourcing::{
    CommandHandler, DueRule, EventFeed, EventLog, HybridClock, LogId, Policy, Projection,
    ProjectionStore, Region,
};
use tokio::sync::mpsc;
use tonic::service::Routes;

use crate::grpc::Gate;
use crate::parked::Operation;
use crate::progress::Progress;
use crate::runner::{self, Runner};
use crate::tasks::Tasks;

/// How many requests to retry or skip may wait for a policy.
const OPERATIONS_WAITING: usize = 16;

/// What a service is given; adapters are chosen by whoever assembles it.
#[derive(Clone)]
pub struct Ports {
    pub region: Region,
    /// All regions whose logs can be followed, its own included.
    pub regions: Vec<Region>,
    pub feed: Arc<dyn EventFeed>,
    pub rows: Arc<dyn ProjectionStore>,
    pub clock: Arc<HybridClock>,
    pub gate: Gate,
    pub progress: Progress,
}

impl Ports {
    /// The logs of one context, in every region.
    pub fn logs(&self, context: &str) -> Vec<LogId> {
        self.regions
            .iter()
            .map(|region| LogId::new(*region, context))
            .collect()
    }

    /// The log of one context in the service's own region.
    pub fn own(&self, context: &str) -> LogId {
        LogId::new(self.region, context)
    }
}

/// The part of a service that writes: none for one that only reads.
pub struct WithLog {
    pub log: Arc<dyn EventLog>,
    pub policies: Vec<Arc<dyn Policy>>,
    pub due_rules: Vec<Arc<dyn DueRule>>,
}

/// Adds a service's gRPC routes to those of its process.
pub type AddRoutes = Box<dyn FnOnce(Routes) -> Routes + Send>;

/// One service of one region, assembled and not yet running.
pub struct Service {
    pub name: &'static str,
    pub routes: AddRoutes,
    pub projections: Vec<Arc<dyn Projection>>,
    pub writes: Option<WithLog>,
}

/// A service whose runners run.
pub struct Running {
    pub name: &'static str,
    pub region: Region,
    pub rows: Arc<dyn ProjectionStore>,
    pub progress: Progress,
    /// Every projection and policy, and the logs each follows.
    pub followers: Vec<(&'static str, Vec<LogId>)>,
    /// Where to send a retry or a skip, by policy.
    pub operations: Vec<(&'static str, mpsc::Sender<Operation>)>,
}

impl Service {
    /// Starts the runners as tasks; the routes are for the server.
    pub fn start(self, ports: &Ports, tasks: &Tasks) -> (Running, AddRoutes) {
        let base = Runner {
            ports: ports.clone(),
            stop: tasks.stop().clone(),
        };
        let mut followers = Vec::new();
        // Known to follow before any of them has run: nobody takes "not begun" for "nobody follows".
        let follows = |runner: &'static str, logs: Vec<LogId>| {
            for log in &logs {
                ports.progress.follows(runner, log);
            }
            (runner, logs)
        };
        for projection in self.projections {
            followers.push(follows(projection.name(), projection.logs()));
            let name = format!(
                "{} {} projection {}",
                ports.region,
                self.name,
                projection.name()
            );
            tasks.spawn(name, runner::project(base.clone(), projection));
        }
        let mut operations = Vec::new();
        if let Some(WithLog {
            log,
            policies,
            due_rules,
        }) = self.writes
        {
            let commands = CommandHandler::new(log, ports.clock.clone());
            for policy in policies {
                let (send, receive) = mpsc::channel(OPERATIONS_WAITING);
                followers.push(follows(policy.name(), policy.logs()));
                operations.push((policy.name(), send));
                let name = format!("{} {} policy {}", ports.region, self.name, policy.name());
                tasks.spawn(
                    name,
                    runner::act(base.clone(), commands.clone(), policy, receive),
                );
            }
            if !due_rules.is_empty() {
                let name = format!("{} {} due times", ports.region, self.name);
                tasks.spawn(name, runner::wake(base, commands, due_rules));
            }
        }
        let running = Running {
            name: self.name,
            region: ports.region,
            rows: ports.rows.clone(),
            progress: ports.progress.clone(),
            followers,
            operations,
        };
        (running, self.routes)
    }
}
