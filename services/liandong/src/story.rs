//! A stage for stories: people of the reference data who call services over gRPC, a clock that is
//! turned by hand, and one watch of the timeline through which a story sees what came of it.

pub mod chen_jia;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use directory::reference::ReferenceData;
use domain::ids::{CaseId, OrganizationId};
use domain::values::{Party, Role};
use eventsourcing::{Clock, Region, VirtualClock};
use jiff::SignedDuration;
use node::System;
use node::client::{Caller, new_meta};
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use proto::timeline::v1::watch_timeline_response::Payload;
use proto::timeline::v1::{Entry, VerifyCaseRequest, VerifyCaseResponse, WatchTimelineRequest};
use proto::types::v1::CommandMeta;
use service_runtime::SystemClock;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::Request;
use tonic::transport::Channel;

/// A wait is never longer than this: the rest of its story time is jumped over.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a story waits, in real time, for an effect that should come at once.
const EFFECT_WITHIN: Duration = Duration::from_secs(20);

/// How a story's time passes.
pub enum Pace {
    /// A clock that is turned by hand; whatever falls due on the way happens.
    Turned {
        system: Arc<System>,
        clock: Arc<VirtualClock>,
        /// Real time per story time; `None` for none at all.
        slower: Option<u32>,
    },
    /// The clock of everybody, which nobody turns: what the story leaves between two steps is left
    /// out.
    Real,
}

impl Pace {
    /// From moment to moment.
    pub fn jumping(system: Arc<System>, clock: Arc<VirtualClock>) -> Self {
        Self::Turned {
            system,
            clock,
            slower: None,
        }
    }

    /// So many times as fast as real time; no wait is longer than [`LONGEST_WAIT`].
    pub fn running(system: Arc<System>, clock: Arc<VirtualClock>, times: u32) -> Self {
        Self::Turned {
            system,
            clock,
            slower: Some(times.max(1)),
        }
    }

    /// Lets time pass; whatever falls due in it happens.
    ///
    /// # Errors
    /// If the system does not come to rest.
    pub async fn pass(&self, time: SignedDuration) -> anyhow::Result<()> {
        let Self::Turned {
            system,
            clock,
            slower,
        } = self
        else {
            return Ok(());
        };
        if let Some(times) = slower {
            tokio::time::sleep(wait(time, *times)).await;
        }
        let to = clock.now() + time;
        Ok(system.advance(clock, to, EFFECT_WITHIN).await?)
    }

    fn clock(&self) -> &dyn Clock {
        match self {
            Self::Turned { clock, .. } => clock.as_ref(),
            Self::Real => &SystemClock,
        }
    }
}

/// How long to wait for `time` to pass.
fn wait(time: SignedDuration, times: u32) -> Duration {
    (time.unsigned_abs() / times).min(LONGEST_WAIT)
}

/// Where a story is played.
pub struct Stage {
    pub cast: Arc<ReferenceData>,
    pace: Pace,
    channels: BTreeMap<Region, Channel>,
    seen: watch::Receiver<Vec<Entry>>,
    watching: JoinHandle<()>,
}

impl Stage {
    /// Connects to every region and begins to watch; `each` is told of every entry as it comes.
    ///
    /// # Errors
    /// If a region does not answer.
    pub async fn set(
        system: &System,
        cast: Arc<ReferenceData>,
        pace: Pace,
        each: impl Fn(&Entry) + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let urls = system.regions().map(|region| (region, system.url(region)));
        Self::at(urls, cast, pace, each).await
    }

    /// As [`Self::set`], with regions that run wherever they run.
    ///
    /// # Errors
    /// If a region does not answer.
    pub async fn at(
        urls: impl IntoIterator<Item = (Region, String)>,
        cast: Arc<ReferenceData>,
        pace: Pace,
        each: impl Fn(&Entry) + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let mut channels = BTreeMap::new();
        for (region, url) in urls {
            let channel = Channel::from_shared(url)?.connect().await?;
            channels.insert(region, channel);
        }
        let watcher = known(
            cast.caller("central-auditor", Role::Auditor),
            "central-auditor",
        )?;
        let central = channels
            .get(&Region::CENTRAL)
            .context("a stage needs Central")?;
        let mut timeline = TimelineServiceClient::new(central.clone());
        let request = watcher.request(WatchTimelineRequest::default());
        let mut messages = timeline.watch_timeline(request).await?.into_inner();
        let (see, seen) = watch::channel(Vec::new());
        let watching = tokio::spawn(async move {
            while let Ok(Some(message)) = messages.message().await {
                if let Some(Payload::Entry(entry)) = message.payload {
                    each(&entry);
                    see.send_modify(|entries| entries.push(entry));
                }
            }
        });
        Ok(Self {
            cast,
            pace,
            channels,
            seen,
            watching,
        })
    }

    pub fn channel(&self, region: Region) -> Channel {
        self.channels[&region].clone()
    }

    /// Somebody of the reference data, acting in one of their roles.
    ///
    /// # Errors
    /// If the reference data do not have them.
    pub fn actor(&self, code: &str, role: Role) -> anyhow::Result<Acts<'_>> {
        let caller = known(self.cast.caller(code, role), code)?;
        let region = self
            .cast
            .worker(code)
            .context("checked above")?
            .organization
            .region();
        Ok(Acts {
            stage: self,
            caller,
            region,
        })
    }

    /// # Errors
    /// If the reference data do not have the desk.
    pub fn desk(&self, code: &str) -> anyhow::Result<Party> {
        self.cast
            .desk(code)
            .with_context(|| format!("the reference data have no desk {code}"))
    }

    /// # Errors
    /// If the reference data do not have the organization.
    pub fn organization(&self, code: &str) -> anyhow::Result<OrganizationId> {
        let known = self.cast.organization(code);
        known.with_context(|| format!("the reference data have no organization {code}"))
    }

    /// Lets story time pass.
    ///
    /// # Errors
    /// If the system does not come to rest.
    pub async fn pass(&self, time: SignedDuration) -> anyhow::Result<()> {
        self.pace.pass(time).await
    }

    pub fn now(&self) -> jiff::Timestamp {
        self.pace.clock().now()
    }

    /// Waits until the timeline tells of this event in this region's log.
    ///
    /// # Errors
    /// If it does not in time: the story did not come out as it should.
    pub async fn until(&self, region: Region, event_type: &str) -> anyhow::Result<Entry> {
        let is_it =
            |entry: &&Entry| entry.event_type == event_type && entry.region == region.as_str();
        let mut seen = self.seen.clone();
        let found = seen.wait_for(|entries| entries.iter().any(|entry| is_it(&entry)));
        match tokio::time::timeout(EFFECT_WITHIN, found).await {
            Ok(Ok(entries)) => entries
                .iter()
                .rfind(is_it)
                .cloned()
                .context("it was just there"),
            Ok(Err(_)) => bail!("the timeline ended before {event_type} came in {region}"),
            Err(_) => bail!("{event_type} did not come in {region} within {EFFECT_WITHIN:?}"),
        }
    }

    /// Waits until nothing moves any more and the watch has told all that the timeline holds.
    ///
    /// # Errors
    /// If it does not in time.
    pub async fn come_to_rest(&self) -> anyhow::Result<()> {
        if let Pace::Turned { system, .. } = &self.pace {
            system.settle(EFFECT_WITHIN).await?;
        }
        let everything = self.entries_by_now().await?;
        let mut seen = self.seen.clone();
        let all = seen.wait_for(|entries| entries.len() >= everything);
        match tokio::time::timeout(EFFECT_WITHIN, all).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => bail!("the timeline ended before its last entry came"),
            Err(_) => bail!("the timeline's last entry did not come within {EFFECT_WITHIN:?}"),
        }
    }

    /// How many entries somebody would be told who began to watch now.
    async fn entries_by_now(&self) -> anyhow::Result<usize> {
        let auditor = self.actor("central-auditor", Role::Auditor)?;
        let mut timeline = TimelineServiceClient::new(auditor.channel());
        let request = auditor.ask(WatchTimelineRequest::default());
        let mut messages = timeline.watch_timeline(request).await?.into_inner();
        let mut entries = 0;
        while let Some(message) = messages.message().await? {
            match message.payload {
                Some(Payload::Entry(_)) => entries += 1,
                Some(Payload::CaughtUp(_)) => return Ok(entries),
                Some(Payload::Heartbeat(_)) | None => {}
            }
        }
        bail!("the timeline ended before it had caught up")
    }

    /// Everything the timeline has told so far.
    pub fn told(&self) -> Vec<Entry> {
        self.seen.borrow().clone()
    }

    /// Has the case verified, and fails if anything is missing or changed.
    ///
    /// # Errors
    /// The first problem found.
    pub async fn verify(&self, case: CaseId) -> anyhow::Result<VerifyCaseResponse> {
        let auditor = self.actor("central-auditor", Role::Auditor)?;
        let request = auditor.ask(VerifyCaseRequest {
            case_id: case.to_string(),
        });
        let mut timeline = TimelineServiceClient::new(auditor.channel());
        let verified = timeline.verify_case(request).await?.into_inner();
        if !verified.whole {
            bail!("the case does not verify: {verified:?}");
        }
        Ok(verified)
    }

    /// Ends the watch.
    pub async fn close(self) {
        self.watching.abort();
        // Aborted is what it should be.
        let _ = self.watching.await;
    }
}

/// A person on the stage.
pub struct Acts<'a> {
    stage: &'a Stage,
    caller: Caller,
    region: Region,
}

impl Acts<'_> {
    /// The node of their own region.
    pub fn channel(&self) -> Channel {
        self.stage.channel(self.region)
    }

    /// A new command's meta.
    pub fn meta(&self) -> Option<CommandMeta> {
        Some(new_meta(self.stage.pace.clock()))
    }

    /// A message as a request of theirs.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        self.caller.request(message)
    }
}

fn known<T>(found: Option<T>, code: &str) -> anyhow::Result<T> {
    found.with_context(|| format!("the reference data have no {code} in that role"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_as_long_as_the_speed_says_up_to_the_longest() {
        let minute = SignedDuration::from_mins(1);
        assert_eq!(wait(minute, 60), Duration::from_secs(1));
        assert_eq!(wait(minute, 30), Duration::from_secs(2));
        assert_eq!(wait(minute, 1), LONGEST_WAIT);
        assert_eq!(wait(SignedDuration::from_hours(20), 60), LONGEST_WAIT);
    }
}
