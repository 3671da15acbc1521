//! The referral services of four regions in one process, and beside them the logs that they follow.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use directory::reference::ReferenceData;
use domain::caseteam::{CaseTeam, TaskKind, TaskOrder, TeamEvent};
use domain::ids::{CaseId, ReferralId, TaskId};
use domain::intake::{Intake, IntakeEvent};
use domain::sealed::{Sealed, Text};
use domain::values::{CaseType, Party, RiskLevel, Role};
use eventsourcing::testing::envelope;
use eventsourcing::{
    Aggregate, Append, Body, CommandHandler, Envelope, EventLog, HybridClock, LogId, Position,
    Recorded, Region, StreamId, Version, VirtualClock, Write, encode,
};
use jiff::{SignedDuration, Timestamp};
use node::client::{Caller, new_meta};
use node::{Hosting, Layout, Parts, Settings, System};
use proto::referral::v1 as pb;
use proto::referral::v1::referral_service_client::ReferralServiceClient;
use proto::types::v1 as types;
use segment_log::Options;
use service_runtime::{Service, WithLog};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(30);
/// Monday, 09:00 in China.
const START: &str = "2026-01-12T01:00:00Z";

pub(crate) const SHANGHAI: &str = "310000";
pub(crate) const CENTRAL: &str = "100000";
pub(crate) const QINGDAO: &str = "370200";
pub(crate) const NANJING: &str = "320100";
const REGIONS: [&str; 4] = [SHANGHAI, CENTRAL, QINGDAO, NANJING];

pub(crate) struct Bench {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) system: System,
    pub(crate) reference: ReferenceData,
    /// Holds what is on disk until the end.
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

const SERVICES: [Hosting; 4] = [
    referral::HOSTING,
    Hosting {
        name: "directory",
        writes: true,
        assemble: |parts| beside("directory", &parts),
    },
    Hosting {
        name: "intake",
        writes: true,
        assemble: |parts| beside("intake", &parts),
    },
    Hosting {
        name: "caseteam",
        writes: true,
        assemble: |parts| beside("caseteam", &parts),
    },
];

pub(crate) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

/// Case number `n`, begun in Shanghai.
pub(crate) fn case(n: u128) -> CaseId {
    CaseId::new(region(SHANGHAI), Uuid::from_u128(n))
}

async fn run(root: &TempDir, clock: Arc<VirtualClock>) -> System {
    let regions: Vec<Region> = REGIONS.iter().map(|code| region(code)).collect();
    let settings = Settings {
        root: root.path().to_owned(),
        followed: regions.clone(),
        addresses: vec!["127.0.0.1:0".parse().unwrap(); regions.len()],
        regions,
        clock,
        log_options: Options {
            segment_bytes: 1 << 20,
            ..Options::default()
        },
        metrics: None,
        copies: None,
    };
    System::start(settings, &SERVICES).await.unwrap()
}

impl Bench {
    /// Everybody of the reference data is known, the rules of Central are in force.
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let clock = Arc::new(VirtualClock::new(START.parse().unwrap()));
        let system = run(&root, clock.clone()).await;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/reference/china.toml");
        let reference = ReferenceData::read(&file).unwrap();
        let bench = Self {
            clock,
            system,
            reference,
            root,
        };
        for code in REGIONS {
            let clock = Arc::new(HybridClock::new(bench.clock.clone()));
            let directory = CommandHandler::new(bench.log(code, "directory"), clock);
            let loaded = bench.reference.load(&directory).await.unwrap();
            assert_eq!(loaded.refused, []);
        }
        bench.settle().await;
        bench
    }

    /// Stops everything and starts it again without its rows: it has to read all logs again.
    pub(crate) async fn restart_without_rows(self) -> Self {
        self.system.stop().await.unwrap();
        let layout = Layout::new(self.root.path());
        for code in REGIONS {
            let rows = layout.rows(region(code), referral::CONTEXT);
            std::fs::remove_dir_all(rows).unwrap();
        }
        let system = run(&self.root, self.clock.clone()).await;
        let bench = Self { system, ..self };
        bench.settle().await;
        bench
    }

    /// What all referral services have recorded.
    pub(crate) async fn all_recorded(&self) -> Vec<Vec<Recorded>> {
        let mut all = Vec::new();
        for code in REGIONS {
            all.push(self.recorded(code).await);
        }
        all
    }

    pub(crate) async fn stop(self) {
        self.system.stop().await.unwrap();
    }

    pub(crate) async fn settle(&self) {
        self.system.settle(LIMIT).await.unwrap();
    }

    pub(crate) fn now(&self) -> Timestamp {
        eventsourcing::Clock::now(self.clock.as_ref())
    }

    /// Turns the clock on, doing everything that falls due on the way.
    pub(crate) async fn pass(&self, minutes: i64) {
        let to = self.now() + SignedDuration::from_mins(minutes);
        self.system.advance(&self.clock, to, LIMIT).await.unwrap();
    }

    pub(crate) async fn client(&self, code: &str) -> ReferralServiceClient<Channel> {
        let url = self.system.url(region(code));
        ReferralServiceClient::connect(url).await.unwrap()
    }

    /// Somebody of the reference data, in one of their roles.
    pub(crate) fn caller(&self, worker: &str, role: Role) -> Caller {
        self.reference.caller(worker, role).unwrap()
    }

    pub(crate) fn meta(&self) -> types::CommandMeta {
        new_meta(self.clock.as_ref())
    }

    pub(crate) fn desk(&self, code: &str) -> types::Party {
        message(self.reference.desk(code).unwrap())
    }

    pub(crate) fn log(&self, code: &str, context: &str) -> Arc<dyn EventLog> {
        let id = LogId::new(region(code), context);
        self.system.log(&id).unwrap()
    }

    /// What a region's referral service has recorded, in order.
    pub(crate) async fn recorded(&self, code: &str) -> Vec<Recorded> {
        let log = self.log(code, referral::CONTEXT);
        log.read_all(Position(0), 10_000).await.unwrap()
    }

    pub(crate) async fn count(&self, code: &str, event_type: &str) -> usize {
        let events = self.recorded(code).await;
        let of_type = |event: &&Recorded| event.envelope.event_type == event_type;
        events.iter().filter(of_type).count()
    }

    /// Shanghai's desk opens a case; the rest follows by itself.
    pub(crate) async fn open_case(&self, case: CaseId) {
        self.open_case_at(case, RiskLevel::High).await;
    }

    pub(crate) async fn open_case_at(&self, case: CaseId, risk: RiskLevel) {
        let opened = IntakeEvent::CaseOpened {
            custodian: self.reference.desk("sh-12355").unwrap(),
            case_type: CaseType::PsychologicalSupport,
            risk,
            flags: [].into(),
        };
        self.intake(case, &opened).await;
    }

    /// An event of the case's intake, as the intake service would record it.
    pub(crate) async fn intake(&self, case: CaseId, event: &IntakeEvent) {
        let stream = StreamId::new(Intake::KIND, case.0);
        let events = std::slice::from_ref(event);
        self.append::<Intake>(SHANGHAI, stream, case, events).await;
    }

    /// A first task for whoever handles the hop in a region.
    pub(crate) async fn add_task(&self, code: &str, case: CaseId, hop: ReferralId) {
        self.add_tasks(code, case, hop, 1).await;
    }

    /// Several of them in one append.
    pub(crate) async fn add_tasks(&self, code: &str, case: CaseId, hop: ReferralId, count: usize) {
        let order = || TaskOrder {
            task: TaskId::new(region(code), Uuid::now_v7()),
            kind: TaskKind::ContactFamily,
            note: None,
            owner: self.reference.organization("qd-league").unwrap(),
            worker: None,
            due_at: self.now(),
        };
        let stream = StreamId::new(CaseTeam::KIND, case.team_in(region(code)).0);
        let added = || TeamEvent::TaskAdded {
            hop,
            order: order(),
        };
        let events: Vec<_> = (0..count).map(|_| added()).collect();
        self.append::<CaseTeam>(code, stream, case, &events).await;
    }

    pub(crate) async fn append<A: Aggregate>(
        &self,
        code: &str,
        stream: StreamId,
        case: CaseId,
        events: &[A::Event],
    ) {
        let log = self.log(code, A::CONTEXT);
        let history = log.read(&stream, Version(1)).await.unwrap();
        let last = history.last().map(|last| last.envelope.version);
        let expected = last.unwrap_or_default();
        let request = Uuid::now_v7();
        let body = |(number, event): (u64, &A::Event)| {
            let decoded = encode(event);
            let event_type = format!("{}.{}", A::CONTEXT, decoded.name);
            let envelope = Envelope {
                dataschema: format!("urn:liandong:{event_type}:1"),
                event_type,
                subject: stream.clone(),
                caseid: Some(case.0),
                data: decoded.data,
                requestid: request,
                recordedtime: self.now(),
                ..envelope(&log.id().to_string(), A::KIND, number)
            };
            Body::seal(&envelope).unwrap()
        };
        let events = (expected.0 + 1..).zip(events).map(body).collect();
        let write = Write {
            stream,
            expected,
            events,
        };
        let writes = vec![write];
        log.append(Append { request, writes }).await.unwrap();
        self.settle().await;
    }

    /// A hop as a region knows it.
    pub(crate) async fn hop(&self, code: &str, hop: ReferralId) -> pb::Hop {
        let auditor = self.caller("central-auditor", Role::Auditor);
        let request = pb::GetReferralRequest {
            hop_id: hop.to_string(),
            consistency_token: String::new(),
        };
        let mut client = self.client(code).await;
        let found = client.get_referral(auditor.request(request)).await;
        found.unwrap().into_inner().hop.unwrap()
    }

    pub(crate) async fn state(&self, code: &str, hop: ReferralId) -> pb::HopState {
        self.hop(code, hop).await.state()
    }

    /// Who has the custody of a case; nobody, where it is elsewhere or never was here.
    pub(crate) async fn custodian(&self, case: CaseId) -> String {
        let auditor = self.caller("central-auditor", Role::Auditor);
        let mut holders = Vec::new();
        for code in REGIONS {
            let request = pb::GetCustodyRequest {
                case_id: case.to_string(),
                consistency_token: String::new(),
            };
            let mut client = self.client(code).await;
            let Ok(found) = client.get_custody(auditor.request(request)).await else {
                continue;
            };
            let custody = found.into_inner().custody.unwrap();
            let held = custody.custodian.is_some();
            assert_eq!(held, custody.epoch > 0);
            assert!(held || custody.passed_to.is_some());
            if held {
                holders.push(code.to_owned());
            }
        }
        assert_eq!(holders.len(), 1, "custody is in {holders:?}");
        holders.remove(0)
    }
}

fn message(party: Party) -> types::Party {
    types::Party {
        organization_id: party.organization.to_string(),
        desk_id: party.desk.to_string(),
    }
}

/// Ciphertext that nobody opens here.
pub(crate) fn sealed() -> Sealed<Text> {
    let uuid = Uuid::from_u128(1);
    serde_json::from_value(serde_json::json!({
        "suite": 1, "key": format!("{SHANGHAI}-{uuid}"), "role": "Subject", "class": "Summary",
        "stream": format!("intake/{SHANGHAI}-{uuid}"), "event": "Triaged", "field": "summary",
        "commitment": "00", "nonce": "01", "ciphertext": "02",
    }))
    .unwrap()
}

/// The code of a refusal, and its stable reason; and it speaks Chinese.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let info = details.error_info().expect("every refusal has a reason");
    let chinese = details.localized_message().expect("and a Chinese sentence");
    assert!(!chinese.message.is_ascii(), "{}", chinese.message);
    (status.code(), info.reason.clone())
}
