//! `liandong demo`: three regions in this process, the story chen_jia told through gRPC clients, and
//! the timeline printed as the timeline service tells it.

mod place;
mod print;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use directory::reference::ReferenceData;
use domain::ids::CaseId;
use eventsourcing::VirtualClock;
use jiff::{SignedDuration, Timestamp};
use node::System;
use proto::timeline::v1::VerifyCaseResponse;

use self::place::Place;
use crate::failure::Failure;
use crate::output::Screen;
use crate::story::{Pace, Stage, chen_jia};
use crate::three_regions;

const JSON: &str = "\
JSON: one entry a line as in `case timeline`, as the timeline tells them, and nothing else.";

/// The story lasts almost 21 hours. It began so long ago, so that its kept logs end in the past:
/// services with a real clock can go on from there.
const BEGAN_AGO: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Args)]
#[command(after_long_help = JSON)]
pub(crate) struct DemoArgs {
    /// How fast the time of the story goes: so many times as fast as ours, or `max`, without waiting;
    /// what would still take more than 5 s is jumped over
    #[arg(long, value_name = "N|max", default_value = "120")]
    speed: Speed,

    /// Keep the logs in this directory, to look into them afterwards; new or empty
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// How fast the time of the story goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speed {
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
pub(crate) fn run(args: DemoArgs, screen: Screen) -> Result<(), Failure> {
    crate::runtime()?.block_on(play(args, screen))
}

async fn play(args: DemoArgs, screen: Screen) -> Result<(), Failure> {
    // Listening from here on: whoever ends the demo early finds nothing left behind either.
    let mut told_to_end = tokio::spawn(crate::told_to_end());
    let place = Place::new(args.keep)?;
    let clock = Arc::new(VirtualClock::new(Timestamp::now() - BEGAN_AGO));
    let started = three_regions::start(place.path().to_owned(), clock.clone()).await;
    let (system, cast) = started.map_err(failed)?;
    let system = Arc::new(system);
    let told = tokio::select! {
        told = tell(&system, cast, clock, args.speed, screen) => told.map_err(failed),
        ended = &mut told_to_end => Err(match ended {
            Ok(Err(deaf)) => deaf,
            _ => Failure::failed("ended before the story did; run it again to see all of it"),
        }),
    };
    if let Some(system) = Arc::into_inner(system) {
        system.stop().await.map_err(failed)?;
    }
    let (case, verified) = told?;
    let kept = place.close()?;
    print::closing(screen, case, &verified, kept.as_deref());
    Ok(())
}

/// Tells the story on a running system, to its last entry, and has its case verified.
async fn tell(
    system: &Arc<System>,
    cast: Arc<ReferenceData>,
    clock: Arc<VirtualClock>,
    speed: Speed,
    screen: Screen,
) -> anyhow::Result<(CaseId, VerifyCaseResponse)> {
    print::opening(screen, system);
    let pace = match speed {
        Speed::Max => Pace::jumping(system.clone(), clock),
        Speed::Times(times) => Pace::running(system.clone(), clock, times),
    };
    let stage = Stage::set(system, cast, pace, print::printer(screen)).await?;
    let told = chen_jia::play(&stage).await?;
    stage.come_to_rest().await.context("after the last step")?;
    let verified = stage.verify(told.case).await?;
    stage.close().await;
    Ok((told.case, verified))
}

fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure::failed(format!("{:#}", error.into()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::cli::Cli;
    use crate::story::LONGEST_WAIT;

    #[test]
    fn the_help_says_how_long_a_wait_may_be() {
        let mut cli = Cli::command();
        let demo = cli.find_subcommand_mut("demo").unwrap();
        let longest = format!("more than {} s", LONGEST_WAIT.as_secs());
        assert!(demo.render_long_help().to_string().contains(&longest));
    }
}
