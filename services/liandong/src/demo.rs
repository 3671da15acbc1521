//! `liandong demo`: three regions in this process, the story chen_jia told through gRPC clients, and
//! the timeline printed as the timeline service tells it.

mod print;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use directory::reference::ReferenceData;
use eventsourcing::{CommandHandler, HybridClock, LogId, Region, VirtualClock};
use jiff::Timestamp;
use node::{Settings, System};
use segment_log::Options;

use crate::services::SERVICES;
use crate::story::{Pace, Stage, chen_jia};

pub use print::Lang;

/// The demo's regions: the story needs no more.
const REGIONS: [&str; 3] = ["310000", "100000", "370200"];
/// Logs of a few kilobytes need no larger files.
const SEGMENT_BYTES: u64 = 1 << 20;

/// How fast the story's time runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// This many times faster than real time.
    Times(u32),
    /// From one moment to the next, without waiting.
    Max,
}

/// What the command line says.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    pub lang: Lang,
    pub speed: Speed,
    /// Where to keep the logs; they are deleted otherwise.
    pub keep: Option<PathBuf>,
}

/// Plays the story; succeeds only if every step did what the story says.
///
/// # Errors
/// The step that did not, or what could not be started.
pub async fn run(options: DemoOptions) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir().context("no temporary directory can be made")?;
    let root = options.keep.clone().unwrap_or_else(|| temporary.path().to_owned());
    if root.join("data").exists() {
        bail!("{} holds data already: name an empty directory", root.display());
    }
    let clock = Arc::new(VirtualClock::new(Timestamp::now()));
    let (system, cast) = start(root.clone(), clock.clone()).await?;
    let system = Arc::new(system);
    print::opening(options.lang, &system);

    let pace = match options.speed {
        Speed::Max => Pace::jumping(system.clone(), clock),
        Speed::Times(times) => Pace::running(system.clone(), clock, times),
    };
    let stage = Stage::set(&system, cast, pace, print::printer(options.lang)).await?;
    let told = chen_jia::play(&stage).await?;
    let verified = stage.verify(told.case).await?;
    stage.close().await;
    print::closing(options.lang, told.case, &verified, options.keep.as_deref());

    let system = Arc::into_inner(system).context("the stage still holds the system")?;
    system.stop().await?;
    Ok(())
}

/// Three regions with the reference data, at rest.
async fn start(
    root: PathBuf,
    clock: Arc<VirtualClock>,
) -> anyhow::Result<(System, Arc<ReferenceData>)> {
    let regions: Vec<Region> = REGIONS.iter().map(|region| region.parse()).collect::<Result<_, _>>()?;
    let settings = Settings {
        root,
        followed: regions.clone(),
        addresses: vec![SocketAddr::from(([127, 0, 0, 1], 0)); regions.len()],
        regions,
        clock: clock.clone(),
        log_options: Options { segment_bytes: SEGMENT_BYTES, ..Options::default() },
        metrics: None,
    };
    let system = System::start(settings, &SERVICES).await?;
    let cast = Arc::new(crate::reference::embedded()?);
    let hybrid = Arc::new(HybridClock::new(clock));
    for region in system.regions() {
        let log = system.log(&LogId::new(region, directory::CONTEXT));
        let log = log.context("every region has a directory")?;
        cast.load(&CommandHandler::new(log, hybrid.clone())).await?;
    }
    system.settle(Duration::from_secs(20)).await?;
    Ok((system, cast))
}
