//! A followup service of Qingdao in a node, and beside it the logs that it follows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use directory::reference::ReferenceData;
use domain::caseteam::{CaseTeam, Formation, Lead, TeamCommand};
use domain::ids::{CaseId, ReferralId};
use domain::values::{CaseType, RiskLevel, Role, Term};
use eventsourcing::{
    Actor, Aggregate, CommandHandler, EventLog, Hash, HybridClock, LogId, Position, Recorded,
    Region, RequestContext, VirtualClock,
};
use jiff::{SignedDuration, Timestamp};
use node::client::{Caller, new_meta};
use node::{Hosting, Layout, Parts, Settings, System};
use proto::followup::v1 as pb;
use proto::followup::v1::follow_up_service_client::FollowUpServiceClient;
use proto::types::v1::CommandMeta;
use segment_log::Options;
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
        name: "caseteam",
        writes: true,
        assemble: |parts| beside("caseteam", &parts),
    },
];

pub(crate) fn qingdao() -> Region {
    "370200".parse().unwrap()
}

/// Case number `n`, begun in Shanghai.
pub(crate) fn case(n: u128) -> CaseId {
    CaseId::new("310000".parse().unwrap(), Uuid::from_u128(n))
}

impl Bench {
    /// Everybody of the reference data is known, the rules of Central are in force.
    pub(crate) async fn start() -> Self {
        let bench = Self::start_unknown(followup::HOSTING).await;
        bench.load(Region::CENTRAL).await;
        bench.load(qingdao()).await;
        bench
    }

    /// Nobody is known yet, and no rule set is in force.
    pub(crate) async fn start_unknown(followup: Hosting) -> Self {
        let root = tempfile::tempdir().unwrap();
        let clock = Arc::new(VirtualClock::new(START.parse().unwrap()));
        let services = [&[followup], &NEIGHBOURS[..]].concat();
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
            let rows: PathBuf = Layout::new(self.root.path()).rows(qingdao(), "followup");
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

    /// Turns the clock to this many hours after the start.
    pub(crate) async fn advance(&self, hours: i64) {
        let to = hours_after_start(hours);
        self.system.advance(&self.clock, to, LIMIT).await.unwrap();
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

    /// Has the case's team decide, as the caseteam service's policies would.
    pub(crate) async fn team(&self, case: CaseId, command: TeamCommand) {
        let request = RequestContext {
            id: self.meta().request_id.parse().unwrap(),
            digest: Hash::of(b"test"),
            actor: Actor::system("test", "1"),
            on_behalf_of: None,
            etag: None,
            validate_only: false,
            occurred_at: None,
            case: Some(case.0),
            cause: None,
            traceparent: None,
        };
        let commands = self.commands(qingdao(), CaseTeam::CONTEXT);
        let team = case.team_in(qingdao()).0;
        commands
            .handle::<CaseTeam>(team, command, &request)
            .await
            .unwrap();
    }

    /// A team of the Youth League forms; its plan opens with a call due after 24 hours.
    pub(crate) async fn formed(&self, case: CaseId) {
        self.forming(case).await;
        self.settle().await;
    }

    /// The same, and the plan may still be waiting for something.
    pub(crate) async fn forming(&self, case: CaseId) {
        let formation = self.formation("qd-worker", 1);
        self.team(case, TeamCommand::Form(formation)).await;
    }

    /// An acceptance by this worker for their unit.
    pub(crate) fn formation(&self, worker: &str, hop: u128) -> Formation {
        let lead = self.lead(worker, hop);
        Formation {
            hop: lead.hop,
            lead: lead.lead,
            lead_worker: lead.lead_worker,
            liaison: self.reference.desk("sh-12355").unwrap(),
            observer: self.reference.desk("central-relay").unwrap(),
            case_type: CaseType::PsychologicalSupport,
            risk: RiskLevel::High,
        }
    }

    fn lead(&self, worker: &str, hop: u128) -> Lead {
        let enrolment = self.reference.worker(worker).unwrap();
        Lead {
            hop: ReferralId::new(Region::CENTRAL, Uuid::from_u128(hop)),
            lead: domain::values::Party {
                organization: enrolment.organization,
                desk: enrolment.desk,
            },
            lead_worker: enrolment.worker,
        }
    }

    pub(crate) async fn client(&self) -> FollowUpServiceClient<Channel> {
        let url = self.system.url(qingdao());
        FollowUpServiceClient::connect(url).await.unwrap()
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
        let log = self.log(qingdao(), followup::CONTEXT);
        log.read_all(Position(0), 1000).await.unwrap()
    }

    pub(crate) async fn recorded_types(&self) -> Vec<String> {
        let events = self.recorded().await;
        let types = events.into_iter().map(|event| event.envelope.event_type);
        types.collect()
    }

    /// The plan, as its own auditor sees it.
    pub(crate) async fn plan(&self, case: CaseId) -> pb::GetPlanResponse {
        let request = pb::GetPlanRequest {
            case_id: case.to_string(),
            consistency_token: String::new(),
        };
        let auditor = self.caller("qd-auditor", Role::Auditor);
        let plan = self.client().await.get_plan(auditor.request(request)).await;
        plan.unwrap().into_inner()
    }

    /// The first visit of a case's plan.
    pub(crate) async fn visit(&self, case: CaseId) -> pb::Visit {
        let plan = self.plan(case).await.plan.unwrap();
        plan.visits.into_iter().next().unwrap()
    }

    /// A report that the first visit took place.
    pub(crate) async fn report(&self, case: CaseId) -> pb::RecordVisitRequest {
        pb::RecordVisitRequest {
            meta: Some(self.meta()),
            case_id: case.to_string(),
            visit_id: self.visit(case).await.visit_id,
            report: Some(took_place(pb::VisitResult::Done)),
            note: String::new(),
        }
    }
}

async fn run(root: &Path, clock: Arc<VirtualClock>, services: &[Hosting]) -> System {
    let regions = vec![qingdao(), Region::CENTRAL];
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

pub(crate) fn took_place(result: pb::VisitResult) -> pb::record_visit_request::Report {
    pb::record_visit_request::Report::Result(result.into())
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
