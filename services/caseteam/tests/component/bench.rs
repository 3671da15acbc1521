//! A caseteam service of Qingdao in a node, and beside it the logs that it follows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use directory::reference::ReferenceData;
use domain::ids::{CaseId, ReferralId};
use domain::referral::{
    Acceptance, Assignment, AssignmentEvent, Custody, CustodyEvent, Tenure, VoidReason,
};
use domain::values::{CaseType, Party, RiskLevel, Role, Term};
use eventsourcing::testing::envelope;
use eventsourcing::{
    Aggregate, Append, Body, CommandHandler, Envelope, EventLog, HybridClock, LogId, Position,
    Recorded, Region, ScopedId, StreamId, Version, VirtualClock, Write, encode,
};
use jiff::{SignedDuration, Timestamp};
use node::client::{Caller, new_meta};
use node::{Hosting, Layout, Parts, Settings, System};
use proto::caseteam::v1 as pb;
use proto::caseteam::v1::case_team_service_client::CaseTeamServiceClient;
use proto::types::v1::CommandMeta;
use segment_log::Options;
use service_runtime::grpc::moment;
use service_runtime::{Service, WithLog};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

const LIMIT: Duration = Duration::from_secs(20);
/// Monday, 09:00 in China.
pub(crate) const START: &str = "2026-01-12T01:00:00Z";

pub(crate) struct Bench {
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) system: System,
    pub(crate) reference: ReferenceData,
    services: Vec<Hosting>,
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

const NEIGHBOURS: [Hosting; 2] = [
    Hosting {
        name: "directory",
        writes: true,
        assemble: |parts| beside("directory", &parts),
    },
    Hosting {
        name: "referral",
        writes: true,
        assemble: |parts| beside("referral", &parts),
    },
];

pub(crate) fn qingdao() -> Region {
    "370200".parse().unwrap()
}

pub(crate) fn shanghai() -> Region {
    "310000".parse().unwrap()
}

/// Case number `n`, begun in Shanghai.
pub(crate) fn case(n: u128) -> CaseId {
    CaseId::new(shanghai(), Uuid::from_u128(n))
}

impl Bench {
    /// Everybody of the reference data is known.
    pub(crate) async fn start() -> Self {
        let bench = Self::start_unknown(caseteam::HOSTING).await;
        for region in [Region::CENTRAL, shanghai(), qingdao()] {
            bench.load(region).await;
        }
        bench
    }

    /// Nobody is known yet.
    pub(crate) async fn start_unknown(caseteam: Hosting) -> Self {
        let root = tempfile::tempdir().unwrap();
        let clock = Arc::new(VirtualClock::new(START.parse().unwrap()));
        let services = [&[caseteam], &NEIGHBOURS[..]].concat();
        let system = run(root.path(), clock.clone(), &services).await;
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/reference/china.toml");
        let reference = ReferenceData::read(&file).unwrap();
        Self {
            clock,
            system,
            reference,
            services,
            root,
        }
    }

    /// Stops everything and starts it again; without its rows it has to read all logs again.
    pub(crate) async fn restart(self, keeping_rows: bool) -> Self {
        self.system.stop().await.unwrap();
        if !keeping_rows {
            let rows: PathBuf = Layout::new(self.root.path()).rows(qingdao(), "caseteam");
            std::fs::remove_dir_all(rows).unwrap();
        }
        let system = run(self.root.path(), self.clock.clone(), &self.services).await;
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

    fn log(&self, region: Region, context: &str) -> Arc<dyn EventLog> {
        self.system.log(&LogId::new(region, context)).unwrap()
    }

    fn commands(&self, region: Region, context: &str) -> CommandHandler {
        let clock = HybridClock::new(self.clock.clone());
        CommandHandler::new(self.log(region, context), Arc::new(clock))
    }

    /// Brings the reference data of a region into its directory.
    pub(crate) async fn load(&self, region: Region) {
        let directory = self.commands(region, "directory");
        let loaded = self.reference.load(&directory).await.unwrap();
        assert_eq!(loaded.refused, []);
        self.settle().await;
    }

    /// An event as the referral service of a region would have recorded it.
    pub(crate) async fn happened<A: Aggregate>(
        &self,
        region: Region,
        case: CaseId,
        uuid: Uuid,
        event: &A::Event,
    ) {
        let encoded = encode(event);
        let event_type = format!("{}.{}", A::CONTEXT, encoded.name);
        let envelope = Envelope {
            dataschema: format!("urn:liandong:{event_type}:1"),
            event_type,
            data: encoded.data,
            ..envelope(&format!("{region}.{}", A::CONTEXT), A::KIND, 1)
        };
        let stream = StreamId::new(A::KIND, ScopedId::new(region, uuid));
        self.append(case, stream, envelope).await;
    }

    /// Appends an envelope to a stream, at the version that is next there.
    pub(crate) async fn append(&self, case: CaseId, stream: StreamId, envelope: Envelope) {
        let log = self.log(stream.id.region, &envelope.context);
        let history = log.read(&stream, Version(1)).await.unwrap();
        let expected = Version(history.len() as u64);
        let envelope = Envelope {
            subject: stream.clone(),
            caseid: Some(case.0),
            version: expected.next(),
            ..envelope
        };
        let request = envelope.requestid;
        let events = vec![Body::seal(&envelope).unwrap()];
        let writes = vec![Write {
            stream,
            expected,
            events,
        }];
        log.append(Append { request, writes }).await.unwrap();
    }

    /// This worker accepts the case for their unit, by hop number `hop`.
    pub(crate) async fn accepted(&self, case: CaseId, worker: &str, hop: u128) {
        let accepted = Box::new(self.acceptance(worker, hop));
        let event = AssignmentEvent::Accepted(accepted);
        let uuid = Uuid::from_u128(hop);
        self.happened::<Assignment>(qingdao(), case, uuid, &event)
            .await;
        self.settle().await;
    }

    pub(crate) fn acceptance(&self, worker: &str, hop: u128) -> Acceptance {
        let enrolment = self.reference.worker(worker).unwrap();
        let origin = self.reference.desk("sh-12355").unwrap();
        let relay = self.reference.desk("central-relay").unwrap();
        Acceptance {
            hop: hop_id(hop),
            unit: Party {
                organization: enrolment.organization,
                desk: enrolment.desk,
            },
            by: enrolment.worker,
            from: relay,
            origin,
            relay: Some(relay),
            case_type: CaseType::PsychologicalSupport,
            risk: RiskLevel::High,
            tenure: Tenure {
                custodian: origin,
                by_hop: None,
            },
        }
    }

    /// Shanghai's custody rules against an acceptance by this worker's unit.
    pub(crate) async fn voided(&self, case: CaseId, worker: &str, hop: u128) {
        let event = CustodyEvent::AcceptanceVoided {
            hop: hop_id(hop),
            unit: self.acceptance(worker, hop).unit,
            because: VoidReason::CancelledFirst,
        };
        self.happened::<Custody>(shanghai(), case, case.0.uuid, &event)
            .await;
        self.settle().await;
    }

    /// Qingdao's log takes custody.
    pub(crate) async fn custody_taken(&self, case: CaseId, worker: &str, hop: u128) {
        let acceptance = self.acceptance(worker, hop);
        let event = CustodyEvent::CustodyTaken {
            custodian: acceptance.unit,
            from: acceptance.origin,
            hop: acceptance.hop,
            epoch: 2,
        };
        self.happened::<Custody>(qingdao(), case, case.0.uuid, &event)
            .await;
        self.settle().await;
    }

    pub(crate) async fn client(&self) -> CaseTeamServiceClient<Channel> {
        let url = self.system.url(qingdao());
        CaseTeamServiceClient::connect(url).await.unwrap()
    }

    /// Somebody of the reference data, in one of their roles.
    pub(crate) fn caller(&self, worker: &str, role: Role) -> Caller {
        let enrolment = self.reference.worker(worker).unwrap();
        Caller {
            person: enrolment.worker.to_string(),
            organization: enrolment.organization.to_string(),
            role: role.name().to_owned(),
        }
    }

    pub(crate) fn meta(&self) -> CommandMeta {
        new_meta(self.clock.as_ref())
    }

    /// What the service has recorded, in order.
    pub(crate) async fn recorded(&self) -> Vec<Recorded> {
        let log = self.log(qingdao(), caseteam::CONTEXT);
        log.read_all(Position(0), 1000).await.unwrap()
    }

    pub(crate) async fn recorded_types(&self) -> Vec<String> {
        let events = self.recorded().await;
        let types = events.into_iter().map(|event| event.envelope.event_type);
        types.collect()
    }

    /// The team, as its own auditor sees it.
    pub(crate) async fn team(&self, case: CaseId) -> pb::GetTeamResponse {
        let request = pb::GetTeamRequest {
            case_id: case.to_string(),
            consistency_token: String::new(),
        };
        let auditor = self.caller("qd-auditor", Role::Auditor);
        let team = self.client().await.get_team(auditor.request(request)).await;
        team.unwrap().into_inner()
    }

    /// A seat of this worker's organization.
    pub(crate) fn seat(&self, role: pb::TeamRole, worker: &str) -> pb::Seat {
        pb::Seat {
            role: role.into(),
            organization_id: self.caller(worker, Role::Worker).organization,
            worker_id: String::new(),
        }
    }

    pub(crate) fn seat_request(&self, case: CaseId, seat: pb::Seat) -> pb::SeatMemberRequest {
        pb::SeatMemberRequest {
            meta: Some(self.meta()),
            case_id: case.to_string(),
            seat: Some(seat),
        }
    }

    /// A task for this worker's organization, due in four hours.
    pub(crate) fn task_request(&self, case: CaseId, worker: &str) -> pb::AddTaskRequest {
        pb::AddTaskRequest {
            meta: Some(self.meta()),
            case_id: case.to_string(),
            kind: pb::TaskKind::ContactSchool.into(),
            note: String::new(),
            owner_organization_id: self.caller(worker, Role::Worker).organization,
            owner_worker_id: String::new(),
            due_at: Some(moment(hours_after_start(4))),
        }
    }

    /// The school sits in the team and has a task; the task's id.
    pub(crate) async fn school_has_a_task(&self, case: CaseId) -> String {
        let lead = self.caller("qd-worker", Role::Worker);
        let mut client = self.client().await;
        let seat = self.seat(pb::TeamRole::SchoolContact, "qd-school-worker");
        let seating = self.seat_request(case, seat);
        client.seat_member(lead.request(seating)).await.unwrap();
        let task = self.task_request(case, "qd-school-worker");
        let id = format!("370200-{}", task.meta.as_ref().unwrap().request_id);
        client.add_task(lead.request(task)).await.unwrap();
        self.settle().await;
        id
    }

    pub(crate) fn completion(&self, case: CaseId, task_id: &str) -> pb::CompleteTaskRequest {
        pb::CompleteTaskRequest {
            meta: Some(self.meta()),
            case_id: case.to_string(),
            task_id: task_id.to_owned(),
            evidence: "已与班主任面谈".to_owned(),
        }
    }

    pub(crate) fn cancellation(&self, case: CaseId, task_id: &str) -> pb::CancelTaskRequest {
        pb::CancelTaskRequest {
            meta: Some(self.meta()),
            case_id: case.to_string(),
            task_id: task_id.to_owned(),
            reason: pb::TaskCancelReason::NoLongerNeeded.into(),
            note: String::new(),
        }
    }

    pub(crate) fn removal(&self, case: CaseId, seat: pb::Seat) -> pb::RemoveMemberRequest {
        pb::RemoveMemberRequest {
            meta: Some(self.meta()),
            case_id: case.to_string(),
            seat: Some(seat),
            reason: pb::RemovalReason::DutyEnded.into(),
            note: String::new(),
        }
    }
}

async fn run(root: &Path, clock: Arc<VirtualClock>, services: &[Hosting]) -> System {
    let regions = vec![qingdao(), shanghai(), Region::CENTRAL];
    let settings = Settings {
        root: root.to_owned(),
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
    System::start(settings, services).await.unwrap()
}

pub(crate) fn hours_after_start(hours: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

/// Hop number `n`, sent by Central.
pub(crate) fn hop_id(n: u128) -> ReferralId {
    ReferralId::new(Region::CENTRAL, Uuid::from_u128(n))
}

/// The code of a refusal, and its stable reason.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let info = details.error_info().expect("every refusal has a reason");
    let chinese = details
        .localized_message()
        .expect("and a sentence in Chinese");
    assert!(!chinese.message.is_empty());
    (status.code(), info.reason.clone())
}
