//! `liandong demo`: three regions in this process, the story chen_jia told through gRPC clients, and
//! the timeline printed as the timeline service tells it.

mod print;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use eventsourcing::VirtualClock;
use jiff::Timestamp;

use crate::failure::Failure;
use crate::output::Lang;
use crate::story::{Pace, Stage, chen_jia};
use crate::three_regions;

/// How the demo is played.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// The language of the timeline.
    pub lang: Lang,
    pub speed: Speed,
    /// Where to keep the logs; without it they are thrown away.
    pub keep: Option<PathBuf>,
}

/// How fast the time of the story goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// This many times as fast as ours.
    Times(u32),
    /// Without waiting.
    Max,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse() {
            Ok(times) if times > 0 => Ok(Self::Times(times)),
            _ => Err("not a speed: write a number from 1 on, or max".to_owned()),
        }
    }
}

/// Plays the story; succeeds only if every step did what the story says.
///
/// # Errors
/// The first step that did not, or what could not be started.
pub fn run(options: DemoOptions) -> Result<(), Failure> {
    let played = crate::runtime()?.block_on(play(options));
    played.map_err(|error| Failure::failed(format!("{error:#}")))
}

async fn play(options: DemoOptions) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir().context("no temporary directory can be made")?;
    let root = options
        .keep
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    if root.join("data").exists() {
        bail!(
            "{} holds data already: name an empty directory",
            root.display()
        );
    }
    let clock = Arc::new(VirtualClock::new(Timestamp::now()));
    let (system, cast) = three_regions::start(root, clock.clone()).await?;
    print::opening(options.lang, &system);

    let system = Arc::new(system);
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
    Ok(system.stop().await?)
}
