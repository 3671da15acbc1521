//! Stopping while many watch: bounded, and nobody misses anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use acceptance::World;
use domain::values::Role;
use node::client::Caller;
use proto::referral::v1 as referral;
use proto::referral::v1::referral_service_client::ReferralServiceClient;
use proto::timeline::v1 as timeline;
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::calls::{CENTRAL, Desk, QINGDAO, SHANGHAI, dispatch, monday, open_case};

const REGIONS: [(&str, &str, &str); 3] = [
    (SHANGHAI, "sh-auditor", "sh-12355"),
    (CENTRAL, "central-auditor", "central-relay"),
    (QINGDAO, "qd-auditor", "qd-12355"),
];
const WATCHES: usize = 20;
const EVENTS: usize = 1_000;
/// Longer than stopping ever takes, shorter than a person waits.
const STOPS_WITHIN: Duration = Duration::from_secs(20);

/// What one watch got: the ids of the events in order, where to resume, how it ended.
struct Watched {
    which: Which,
    ids: Vec<String>,
    cursor: String,
    ended: Option<Status>,
}

/// A watch that can be made again.
#[derive(Clone)]
struct Which {
    region: &'static str,
    caller: Caller,
    /// `None`: the timeline.
    desk: Option<String>,
}

/// One message of either watch.
enum Message {
    Event { id: String, cursor: String },
    CaughtUp { cursor: String },
    Heartbeat,
}

enum Stream {
    Timeline(Streaming<timeline::WatchTimelineResponse>),
    Inbox(Streaming<referral::WatchInboxResponse>),
}

impl Stream {
    async fn next(&mut self) -> Result<Option<Message>, Status> {
        match self {
            Self::Timeline(messages) => {
                use timeline::watch_timeline_response::Payload;
                let Some(message) = messages.message().await? else {
                    return Ok(None);
                };
                let cursor = message.cursor;
                Ok(Some(match message.payload.unwrap() {
                    Payload::Entry(entry) => Message::Event {
                        id: entry.event_id,
                        cursor,
                    },
                    Payload::CaughtUp(_) => Message::CaughtUp { cursor },
                    Payload::Heartbeat(_) => Message::Heartbeat,
                }))
            }
            Self::Inbox(messages) => {
                use referral::watch_inbox_response::Payload;
                let Some(message) = messages.message().await? else {
                    return Ok(None);
                };
                let cursor = message.cursor;
                Ok(Some(match message.payload.unwrap() {
                    Payload::Entry(entry) => Message::Event {
                        id: entry.event_id,
                        cursor,
                    },
                    Payload::CaughtUp(_) => Message::CaughtUp { cursor },
                    Payload::Heartbeat(_) => Message::Heartbeat,
                }))
            }
        }
    }
}

impl Which {
    async fn open(&self, node: Channel, resume_cursor: String) -> Stream {
        if let Some(desk_id) = self.desk.clone() {
            let watch = referral::WatchInboxRequest {
                desk_id,
                resume_cursor,
            };
            let mut inbox = ReferralServiceClient::new(node);
            let messages = inbox.watch_inbox(self.caller.request(watch)).await;
            return Stream::Inbox(messages.unwrap().into_inner());
        }
        let watch = timeline::WatchTimelineRequest {
            resume_cursor,
            ..timeline::WatchTimelineRequest::default()
        };
        let mut client = TimelineServiceClient::new(node);
        let messages = client.watch_timeline(self.caller.request(watch)).await;
        Stream::Timeline(messages.unwrap().into_inner())
    }

    /// What comes after a cursor until the watch has caught up.
    async fn from(&self, world: &World, cursor: String) -> Vec<String> {
        let mut stream = self.open(world.channel(self.region).await, cursor).await;
        let mut ids = Vec::new();
        loop {
            match stream.next().await.unwrap().unwrap() {
                Message::Event { id, .. } => ids.push(id),
                Message::CaughtUp { .. } => return ids,
                Message::Heartbeat => {}
            }
        }
    }
}

/// Reads until the stream ends; `begun` counts those that have caught up once.
async fn read(which: Which, mut stream: Stream, begun: Arc<AtomicUsize>) -> Watched {
    let mut watched = Watched {
        which,
        ids: Vec::new(),
        cursor: String::new(),
        ended: None,
    };
    loop {
        match stream.next().await {
            Ok(Some(Message::Event { id, cursor })) => {
                watched.ids.push(id);
                watched.cursor = cursor;
            }
            Ok(Some(Message::CaughtUp { cursor })) => {
                watched.cursor = cursor;
                begun.fetch_add(1, Ordering::SeqCst);
            }
            Ok(Some(Message::Heartbeat)) => {}
            Ok(None) => return watched,
            Err(status) => {
                watched.ended = Some(status);
                return watched;
            }
        }
    }
}

/// Opens all watches of all regions, on one connection a region.
async fn watch_everything(world: &World, begun: &Arc<AtomicUsize>) -> Vec<JoinHandle<Watched>> {
    let mut reading = Vec::new();
    for (region, auditor, desk) in REGIONS {
        let node = world.channel(region).await;
        let caller = world.caller(auditor, Role::Auditor);
        for desk in [None, Some(world.desk(desk).desk_id)] {
            for _ in 0..WATCHES {
                let which = Which {
                    region,
                    caller: caller.clone(),
                    desk: desk.clone(),
                };
                let stream = which.open(node.clone(), String::new()).await;
                reading.push(tokio::spawn(read(which, stream, begun.clone())));
            }
        }
    }
    reading
}

/// Records calls until the system is gone; counts those that were acknowledged.
fn record_calls(
    desk: Desk,
    clock: Arc<eventsourcing::VirtualClock>,
    taken: Arc<AtomicUsize>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let meta = Some(node::client::new_meta(clock.as_ref()));
            if desk.record(&desk.silent_call(meta)).await.is_err() {
                return;
            }
            taken.fetch_add(1, Ordering::SeqCst);
        }
    })
}

/// Waits until a counter has reached a number.
async fn until(counter: &AtomicUsize, number: usize, what: &str) {
    let reached = async {
        while counter.load(Ordering::SeqCst) < number {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(2), reached).await;
    in_time.unwrap_or_else(|_| panic!("{what}: {counter:?} of {number}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_is_bounded_while_many_watch_and_every_watch_resumes_without_loss() {
    let root = tempfile::tempdir().unwrap();
    let world = World::start(root.path(), monday()).await;
    let (case, _) = open_case(&world).await;
    world.settle().await;
    dispatch(&world, &case).await;
    let begun = Arc::new(AtomicUsize::new(0));
    let reading = watch_everything(&world, &begun).await;
    let never_read = Which {
        region: SHANGHAI,
        caller: world.caller("sh-auditor", Role::Auditor),
        desk: None,
    };
    let never_read = never_read
        .open(world.channel(SHANGHAI).await, String::new())
        .await;
    until(&begun, reading.len(), "watches caught up").await;

    let taken = Arc::new(AtomicUsize::new(0));
    let mut recording = Vec::new();
    for _ in 0..8 {
        let desk = Desk::of(&world).await;
        recording.push(record_calls(desk, world.clock.clone(), taken.clone()));
    }
    until(&taken, EVENTS, "calls recorded").await;
    let now = world.now();
    let began = Instant::now();
    world.stop().await;
    let took = began.elapsed();
    assert!(took < STOPS_WITHIN, "stopping took {took:?}");
    for recording in recording {
        recording.await.unwrap();
    }
    drop(never_read);

    let world = World::start(root.path(), now).await;
    world.settle().await;
    let mut all = std::collections::BTreeMap::new();
    for reading in reading {
        let watched = reading.await.unwrap();
        let Which { region, desk, .. } = &watched.which;
        let what = format!("{region} {desk:?}");
        let status = watched.ended.expect("a watch that is cut off is told");
        assert_eq!(status.code(), Code::Unavailable, "{what}: {status:?}");
        assert!(
            status.message().contains(&format!("{:?}", watched.cursor)),
            "{what}: {status:?} does not name {:?}",
            watched.cursor
        );
        let key = (*region, desk.clone());
        if !all.contains_key(&key) {
            let whole = watched.which.from(&world, String::new()).await;
            all.insert(key.clone(), whole);
        }
        let rest = watched.which.from(&world, watched.cursor).await;
        let mut ids = watched.ids;
        ids.extend(rest);
        assert_eq!(ids, all[&key], "{what}");
    }
    let timeline = &all[&(SHANGHAI, None)];
    assert!(timeline.len() >= EVENTS, "{} lines", timeline.len());
    let inbox = &all[&(QINGDAO, Some(world.desk("qd-12355").desk_id))];
    assert!(!inbox.is_empty());
    world.stop().await;
}
