//! A timeline in each of three regions, and beside it the logs that it follows, which the tests write.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use directory::reference::ReferenceData;
use domain::values::{Role, Term};
use eventsourcing::testing::envelope;
use eventsourcing::{
    Append, Body, CommandHandler, Envelope, EventLog, HybridClock, LogId, Order, Region, ScopedId,
    StreamId, Version, VirtualClock, Write,
};
use jiff::Timestamp;
use node::client::Caller;
use node::{Hosting, Layout, Parts, Settings, System};
use proto::timeline::v1 as pb;
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use proto::timeline::v1::watch_timeline_response::Payload;
use segment_log::Options;
use service_runtime::{Service, WithLog};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(20);
/// Monday, 09:00 in China.
pub(crate) const START: &str = "2026-01-12T01:00:00Z";

pub(crate) const SHANGHAI: &str = "310000.referral";
pub(crate) const CENTRAL: &str = "100000.referral";
pub(crate) const QINGDAO: &str = "370200.referral";

pub(crate) struct Bench {
    system: System,
    clock: Arc<VirtualClock>,
    auditor: Caller,
    root: TempDir,
}

/// A log that others write; here the tests do.
fn beside(name: &'static str, parts: &Parts) -> Service {
    Service {
        name,
        routes: Box::new(|routes| routes),
        projections: vec![],
        writes: Some(WithLog {
            log: parts.log(),
            policies: vec![],
            due_rules: vec![],
        }),
    }
}

macro_rules! beside {
    ($($name:literal),+) => {
        [$(Hosting {
            name: $name,
            writes: true,
            assemble: |parts| beside($name, &parts),
        }),+]
    };
}

pub(crate) fn case(n: u128) -> ScopedId {
    ScopedId::new("310000".parse().unwrap(), Uuid::from_u128(n))
}

/// Milliseconds after the start, as a clock of one of the regions shows them.
pub(crate) fn shown(millis: i64) -> Timestamp {
    let start: Timestamp = START.parse().unwrap();
    Timestamp::from_millisecond(start.as_millisecond() + millis).unwrap()
}

pub(crate) fn as_proto(at: Timestamp) -> prost_types::Timestamp {
    service_runtime::grpc::moment(at)
}

/// An event of case 1 in stream number `stream` of a log, whose clock shows `millis`.
pub(crate) fn event(
    log: &str,
    stream: u128,
    version: u64,
    millis: i64,
    cause: Option<Uuid>,
) -> Envelope {
    let base = envelope(log, "note", version);
    let at = shown(millis);
    Envelope {
        subject: StreamId::new("note", ScopedId::new(base.region, Uuid::from_u128(stream))),
        caseid: Some(case(1)),
        time: at,
        recordedtime: at,
        order: Order {
            millis: u64::try_from(at.as_millisecond()).unwrap(),
            counter: 0,
        },
        causationid: cause.unwrap_or(base.requestid),
        ..base
    }
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let clock = Arc::new(VirtualClock::new(START.parse().unwrap()));
        let system = run(root.path(), &clock).await;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/reference/china.toml");
        let reference = ReferenceData::read(&file).unwrap();
        for region in regions() {
            let log = system.log(&LogId::new(region, "directory")).unwrap();
            let hybrid = Arc::new(HybridClock::new(clock.clone()));
            let loaded = reference.load(&CommandHandler::new(log, hybrid)).await;
            assert_eq!(loaded.unwrap().refused, []);
        }
        let enrolment = reference.worker("sh-auditor").unwrap();
        let auditor = Caller {
            person: enrolment.worker.to_string(),
            organization: enrolment.organization.to_string(),
            role: Role::Auditor.name().to_owned(),
        };
        let bench = Self {
            system,
            clock,
            auditor,
            root,
        };
        bench.settle().await;
        bench
    }

    /// Stops everything, deletes the timelines' rows, and starts again.
    pub(crate) async fn restart_without_rows(self) -> Self {
        self.system.stop().await.unwrap();
        for region in regions() {
            let rows = Layout::new(self.root.path()).rows(region, "timeline");
            std::fs::remove_dir_all(rows).unwrap();
        }
        let system = run(self.root.path(), &self.clock).await;
        let bench = Self { system, ..self };
        bench.settle().await;
        bench
    }

    pub(crate) async fn stop(self) {
        self.system.stop().await.unwrap();
    }

    pub(crate) async fn settle(&self) {
        self.system.settle(LIMIT).await.unwrap();
    }

    /// Appends an event to its log, as its service would have.
    pub(crate) async fn append(&self, envelope: &Envelope) {
        let log: Arc<dyn EventLog> = self.system.log(&envelope.log()).unwrap();
        let writes = vec![Write {
            stream: envelope.subject.clone(),
            expected: Version(envelope.version.0 - 1),
            events: vec![Body::seal(envelope).unwrap()],
        }];
        let request = envelope.requestid;
        log.append(Append { request, writes }).await.unwrap();
    }

    pub(crate) async fn client(&self) -> TimelineServiceClient<Channel> {
        let url = self.system.url("310000".parse().unwrap());
        TimelineServiceClient::connect(url).await.unwrap()
    }

    pub(crate) fn ask<T>(&self, message: T) -> tonic::Request<T> {
        self.auditor.request(message)
    }

    /// The whole list, in pages of `page_size`.
    pub(crate) async fn timeline(
        &self,
        as_of: Option<Timestamp>,
        page_size: i32,
    ) -> Vec<pb::Entry> {
        let mut entries = Vec::new();
        let mut request = pb::GetTimelineRequest {
            case_id: case(1).to_string(),
            as_of: as_of.map(as_proto),
            page_size,
            ..pb::GetTimelineRequest::default()
        };
        loop {
            let mut client = self.client().await;
            let page = client.get_timeline(self.ask(request.clone()));
            let page = page.await.unwrap().into_inner();
            entries.extend(page.entries);
            if page.next_page_token.is_empty() {
                return entries;
            }
            request.page_token = page.next_page_token;
        }
    }

    /// What was known then, on one page; nothing if nothing was.
    pub(crate) async fn timeline_or_nothing(&self, as_of: Timestamp) -> Vec<pb::Entry> {
        let request = pb::GetTimelineRequest {
            case_id: case(1).to_string(),
            as_of: Some(as_proto(as_of)),
            ..pb::GetTimelineRequest::default()
        };
        let page = self.client().await.get_timeline(self.ask(request)).await;
        page.map(|page| page.into_inner().entries)
            .unwrap_or_default()
    }

    pub(crate) async fn summary(&self) -> pb::CaseSummary {
        let request = pb::GetCaseRequest {
            case_id: case(1).to_string(),
            ..pb::GetCaseRequest::default()
        };
        let found = self.client().await.get_case(self.ask(request)).await;
        found.unwrap().into_inner().case.unwrap()
    }

    pub(crate) async fn watch(&self, resume_cursor: &str) -> Streaming<pb::WatchTimelineResponse> {
        let request = pb::WatchTimelineRequest {
            case_id: String::new(),
            resume_cursor: resume_cursor.to_owned(),
        };
        let watched = self.client().await.watch_timeline(self.ask(request)).await;
        watched.unwrap().into_inner()
    }
}

/// The next `count` entries of a watch, and the cursor after them.
pub(crate) async fn next(
    watch: &mut Streaming<pb::WatchTimelineResponse>,
    count: usize,
) -> (Vec<pb::Entry>, String) {
    let mut entries = Vec::new();
    let mut cursor = String::new();
    while entries.len() < count {
        let message = watch.message().await.unwrap().unwrap();
        cursor = message.cursor;
        if let Some(Payload::Entry(entry)) = message.payload {
            entries.push(entry);
        }
    }
    (entries, cursor)
}

pub(crate) fn ids(entries: &[pb::Entry]) -> Vec<Uuid> {
    let ids = entries.iter().map(|entry| entry.event_id.parse().unwrap());
    ids.collect()
}

/// The code of a refusal, and its stable reason.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let info = details.error_info().expect("every refusal has a reason");
    let chinese = details
        .localized_message()
        .expect("and a sentence in Chinese");
    assert!(!chinese.message.is_ascii());
    (status.code(), info.reason.clone())
}

fn regions() -> [Region; 3] {
    [
        "310000".parse().unwrap(),
        Region::CENTRAL,
        "370200".parse().unwrap(),
    ]
}

async fn run(root: &Path, clock: &Arc<VirtualClock>) -> System {
    let regions = regions().to_vec();
    let settings = Settings {
        root: root.to_owned(),
        followed: regions.clone(),
        addresses: vec!["127.0.0.1:0".parse().unwrap(); regions.len()],
        regions,
        clock: clock.clone(),
        log_options: Options {
            segment_bytes: 1 << 20,
            ..Options::default()
        },
        metrics: None,
        copies: None,
    };
    let logs = beside![
        "directory",
        "intake",
        "referral",
        "caseteam",
        "followup",
        "keys"
    ];
    let services = [&[timeline::HOSTING], &logs[..]].concat();
    System::start(settings, &services).await.unwrap()
}
