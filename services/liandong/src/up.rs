//! `up`: regions as they are run for real, on one machine: every service a process of its own, a
//! nats-server between them, a gateway before each region.

mod plan;
mod processes;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use eventsourcing::Region;

use self::plan::Plan;
use self::processes::Processes;
use crate::failure::{Failure, note};
use crate::output::{Output, Screen};
use crate::reference;

/// How long all processes together may take until they answer.
const READY_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    /// Where everything is kept: data, settings and what the processes say
    #[arg(long, value_name = "DIR", default_value = "./liandong-up")]
    data: PathBuf,

    /// The regions to run, by GB/T 2260 code
    #[arg(
        long,
        value_name = "CODE,…",
        value_delimiter = ',',
        default_value = "310000,100000,370200"
    )]
    regions: Vec<Region>,

    /// The first region answers on this port, the next ones on those after it; 0 takes free ones
    #[arg(long, default_value_t = 7310)]
    port: u16,

    /// The nats-server to start (2.14.3 or later)
    #[arg(
        long,
        value_name = "FILE",
        env = "NATS_SERVER",
        default_value = "nats-server"
    )]
    nats_server: PathBuf,
}

pub(crate) fn run(args: &UpArgs, screen: Screen) -> Result<(), Failure> {
    reference::read(None)?;
    crate::runtime()?.block_on(up(args, screen))
}

async fn up(args: &UpArgs, screen: Screen) -> Result<(), Failure> {
    let plan = Plan::make(&args.data, &args.regions, args.port)?;
    let mut processes = Processes::default();
    let ended = tokio::select! {
        ended = go(&plan, args, &mut processes, screen) => ended,
        told = crate::told_to_end() => told,
    };
    let stopped = processes.stop().await;
    ended?;
    stopped
}

/// Starts everything and watches over it; ends only by failing.
async fn go(
    plan: &Plan,
    args: &UpArgs,
    processes: &mut Processes,
    screen: Screen,
) -> Result<(), Failure> {
    processes.start_nats(plan, &args.nats_server).await?;
    for service in &plan.services {
        processes.start(plan, service)?;
    }
    let ready = processes.until_ready(plan);
    match tokio::time::timeout(READY_WITHIN, ready).await {
        Ok(ready) => ready?,
        Err(_) => note("liandong: some services are still starting; going on all the same"),
    }
    tell(plan, screen)?;
    Err(processes.first_to_end().await)
}

/// Where everything is, on standard output.
fn tell(plan: &Plan, screen: Screen) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if screen.output == Output::Json {
        let line = serde_json::json!({
            "nats": plan.nats_url(),
            "data": plan.dir,
            "regions": plan.gateways(),
        });
        writeln!(out, "{line}")?;
        return Ok(());
    }
    writeln!(out, "NATS       {}", plan.nats_url())?;
    for (region, url) in plan.gateways() {
        writeln!(out, "{region}     {url}")?;
    }
    writeln!(
        out,
        "processes  {} (logs in {})",
        plan.services.len() + 1,
        plan.dir.join("run").display()
    )?;
    if let Some(first) = plan.services.iter().find(|it| it.name == "gateway") {
        let url = format!("http://{}", first.address);
        writeln!(out, "\nliandong case list --url {url} --as sh-auditor")?;
    }
    writeln!(out, "Ctrl-C stops all of it.")?;
    Ok(())
}
