//! What every service runs on: owned tasks, the runners of projections, policies and due times, and
//! the gRPC server with its conventions.
//!
//! It knows the ports of `eventsourcing` and the gRPC contract, no rule and no storage engine.

mod clock;
pub mod grpc;
mod parked;
mod progress;
mod runner;
mod service;
pub mod settings;
mod tasks;
pub mod telemetry;

pub use clock::SystemClock;
pub use parked::{Operation, ParkedCase, ParkedEvent, ParkedOutcome, list_parked};
pub use progress::{Behind, Follower, Progress};
pub use service::{AddRoutes, Ports, Running, Service, WithLog};
pub use tasks::{TaskFailed, Tasks};
