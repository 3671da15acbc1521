//! The processes of `up`: started, watched, and stopped in the right order.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::plan::{Plan, Planned};
use crate::failure::{Failure, note};

/// Told to end, a service may take so long; then it is killed.
const ENDED_WITHIN: Duration = Duration::from_secs(25);
/// How often a starting process is asked whether it answers.
const ASKED_EVERY: Duration = Duration::from_millis(50);
/// How long nats-server may take to listen.
const NATS_WITHIN: Duration = Duration::from_secs(15);

struct Running {
    name: String,
    child: Child,
}

/// What has been started, in that order.
#[derive(Default)]
pub(super) struct Processes {
    running: Vec<Running>,
}

impl Processes {
    /// Starts the nats-server and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be started or does not come up; says what to do.
    pub(super) async fn start_nats(&mut self, plan: &Plan, binary: &Path) -> Result<(), Failure> {
        let mut command = Command::new(binary);
        command.arg("-c").arg(plan.nats_config());
        self.spawn(plan, "nats-server".to_owned(), command)
            .map_err(|error| {
                Failure::failed(format!(
                    "{} cannot be started: {error}; install nats-server (2.14.3 or later) and name \
                     it with --nats-server",
                    binary.display()
                ))
            })?;
        let listens = async {
            while TcpStream::connect(plan.nats_address()).await.is_err() {
                tokio::time::sleep(ASKED_EVERY).await;
            }
        };
        tokio::select! {
            ended = self.first_to_end() => Err(ended),
            listens = tokio::time::timeout(NATS_WITHIN, listens) => listens.map_err(|_| {
                Failure::failed("nats-server does not listen; look into run/nats-server.log")
            }),
        }
    }

    /// Starts one process of a region.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(super) fn start(&mut self, plan: &Plan, planned: &Planned) -> Result<(), Failure> {
        let unknown = |error| Failure::failed(format!("this program cannot be found: {error}"));
        let mut command = Command::new(std::env::current_exe().map_err(unknown)?);
        command
            .arg("serve")
            .arg(planned.name)
            .arg("--config")
            .arg(&planned.config);
        if planned.name == "directory" {
            command.arg("--reference").arg(plan.reference());
        }
        let name = format!("{}-{}", planned.region, planned.name);
        self.spawn(plan, name.clone(), command)
            .map_err(|error| Failure::failed(format!("{name} cannot be started: {error}")))
    }

    fn spawn(&mut self, plan: &Plan, name: String, mut command: Command) -> std::io::Result<()> {
        let said = File::create(plan.dir.join("run").join(format!("{name}.log")))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            // Ctrl-C at the terminal reaches us only: we end them, in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        self.running.push(Running { name, child });
        Ok(())
    }

    /// Waits until every process answers; a process that ends meanwhile is a failure.
    ///
    /// # Errors
    /// Which process ended.
    pub(super) async fn until_ready(&mut self, plan: &Plan) -> Result<(), Failure> {
        let all = async {
            for planned in &plan.services {
                let url = format!("http://{}", planned.address);
                while !serves(&url).await {
                    tokio::time::sleep(ASKED_EVERY).await;
                }
            }
        };
        tokio::select! {
            ended = self.first_to_end() => Err(ended),
            () = all => Ok(()),
        }
    }

    /// Waits for the first process that ends.
    pub(super) async fn first_to_end(&mut self) -> Failure {
        let mut waiting: Vec<_> = self
            .running
            .iter_mut()
            .map(|running| {
                let name = running.name.clone();
                Box::pin(async move { (name, running.child.wait().await) })
            })
            .collect();
        if waiting.is_empty() {
            return std::future::pending().await;
        }
        let (name, ended) = std::future::poll_fn(|context| {
            for each in &mut waiting {
                if let std::task::Poll::Ready(ended) = each.as_mut().poll(context) {
                    return std::task::Poll::Ready(ended);
                }
            }
            std::task::Poll::Pending
        })
        .await;
        Failure::failed(format!(
            "{name} ended {}; look into run/{name}.log",
            how(ended)
        ))
    }

    /// Ends gateways first, then services, then NATS; each as it was started, backwards.
    ///
    /// # Errors
    /// Which processes had to be killed.
    pub(super) async fn stop(&mut self) -> Result<(), Failure> {
        let mut killed = Vec::new();
        let (nats, services): (Vec<_>, Vec<_>) = std::mem::take(&mut self.running)
            .into_iter()
            .partition(|running| running.name == "nats-server");
        let (gateways, services): (Vec<_>, Vec<_>) = services
            .into_iter()
            .partition(|running| running.name.ends_with("-gateway"));
        for group in [gateways, services, nats] {
            for running in &group {
                terminate(&running.child);
            }
            for mut running in group {
                let ended = tokio::time::timeout(ENDED_WITHIN, running.child.wait()).await;
                if ended.is_err() {
                    note(&format!(
                        "liandong: {} does not end; killing it",
                        running.name
                    ));
                    // It may have ended just now; then there is nothing to kill.
                    let _ = running.child.kill().await;
                    killed.push(running.name);
                }
            }
        }
        if killed.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "{} did not end within {ENDED_WITHIN:?} and had to be killed; the data are kept",
            killed.join(", ")
        )))
    }
}

fn how(ended: std::io::Result<ExitStatus>) -> String {
    match ended {
        Ok(status) => format!("with {status}"),
        Err(error) => format!("({error})"),
    }
}

fn terminate(child: &Child) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(id) = id.and_then(Pid::from_raw) {
        // If it cannot be told, it is killed after the wait.
        let _ = kill_process(id, Signal::TERM);
    }
}

async fn serves(url: &str) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(url.to_owned()) else {
        return false;
    };
    let Ok(channel) = endpoint.connect().await else {
        return false;
    };
    let mut health = HealthClient::new(channel);
    health.check(HealthCheckRequest::default()).await.is_ok()
}
