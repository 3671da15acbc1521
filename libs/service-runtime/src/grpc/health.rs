//! Health: serving, until the stop begins; for the server and for each service by its full name.

use prost::Message;
use prost_types::FileDescriptorSet;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The whole server, as the health protocol names it.
const SERVER: &str = "";
/// Served by every process.
const OPERATIONS: &str = "operations";

pub(super) struct Health {
    reporter: HealthReporter,
    names: Vec<String>,
}

impl Health {
    /// Of the services of these contexts, as the contract names them.
    pub(super) fn of(reporter: HealthReporter, contexts: &[&str]) -> Self {
        let contract = FileDescriptorSet::decode(proto::DESCRIPTORS)
            .expect("the contract's descriptors are part of this program");
        let of_package = |package: &str| {
            let context = package.strip_prefix("liandong.")?.strip_suffix(".v1")?;
            (context == OPERATIONS || contexts.contains(&context)).then(|| package.to_owned())
        };
        let mut names = vec![SERVER.to_owned()];
        for file in &contract.file {
            let Some(package) = of_package(file.package()) else {
                continue;
            };
            let services = file.service.iter();
            names.extend(services.map(|service| format!("{package}.{}", service.name())));
        }
        Self { reporter, names }
    }

    pub(super) async fn tell(&self, status: ServingStatus) {
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }
}
