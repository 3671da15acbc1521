//! Shanghai's desk and Central above it, which know the reference file, and a client of Shanghai.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use directory::reference::ReferenceData;
use domain::values::Role;
use eventsourcing::{Clock, EventLog, LogId, Region, VirtualClock};
use jiff::{SignedDuration, Timestamp};
use node::client::{Caller, new_meta};
use node::{Hosting, Settings, System};
use proto::intake::v1 as pb;
use proto::intake::v1::intake_service_client::IntakeServiceClient;
use proto::types::v1::{self as types, CommandMeta, CommandResult};
use service_runtime::{Service, WithLog};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt;

const CHINA: &str = include_str!("../../../../deploy/reference/china.toml");
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) type Client = IntakeServiceClient<Channel>;

/// A referral log without its service: the tests write what the intake follows.
const REFERRAL_LOG: Hosting = Hosting {
    name: domain::referral::CONTEXT,
    writes: true,
    assemble: |parts| Service {
        name: domain::referral::CONTEXT,
        routes: Box::new(|routes| routes),
        projections: vec![],
        writes: Some(WithLog {
            log: parts.log(),
            policies: vec![],
            due_rules: vec![],
        }),
    },
};

pub(crate) struct Fixture {
    pub(crate) china: ReferenceData,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) system: System,
    pub(crate) client: Client,
    root: TempDir,
}

pub(crate) fn shanghai() -> Region {
    "310000".parse().unwrap()
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::start_with(intake::HOSTING).await
    }

    /// With the intake service assembled in another way.
    pub(crate) async fn start_with(intake: Hosting) -> Self {
        let root = tempfile::tempdir().unwrap();
        let clock = Arc::new(VirtualClock::new(Timestamp::now()));
        let regions = vec![Region::CENTRAL, shanghai()];
        let settings = Settings {
            root: root.path().to_owned(),
            addresses: vec!["127.0.0.1:0".parse().unwrap(); regions.len()],
            followed: regions.clone(),
            regions,
            clock: clock.clone(),
            log_options: segment_log::Options {
                segment_bytes: 1 << 20,
                ..segment_log::Options::default()
            },
            metrics: None,
            copies: None,
        };
        let services = [directory::HOSTING, intake, REFERRAL_LOG];
        let system = System::start(settings, &services).await.unwrap();
        let china: ReferenceData = CHINA.parse().unwrap();
        let on_time: Arc<dyn Clock> = clock.clone();
        let directories = system.logs().filter(|log| log.id().context == "directory");
        china.load_all(directories, &on_time).await.unwrap();
        system.settle(LIMIT).await.unwrap();
        let client = Client::connect(system.url(shanghai())).await.unwrap();
        Self {
            china,
            clock,
            system,
            client,
            root,
        }
    }

    /// Stops everything; what is on disk stays until the directory is dropped.
    pub(crate) async fn stop(self) -> TempDir {
        self.system.stop().await.unwrap();
        self.root
    }

    /// Everything that is on disk.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) async fn settle(&self) {
        self.system.settle(LIMIT).await.unwrap();
    }

    /// Turns the clock, stopping at every moment that something waits for.
    pub(crate) async fn later(&self, minutes: i64) {
        let to = self.clock.now() + SignedDuration::from_mins(minutes);
        self.system.advance(&self.clock, to, LIMIT).await.unwrap();
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "a message field of the contract is optional"
    )]
    pub(crate) fn in_minutes(&self, minutes: i64) -> Option<prost_types::Timestamp> {
        let at = self.clock.now() + SignedDuration::from_mins(minutes);
        Some(prost_types::Timestamp {
            seconds: at.as_second(),
            nanos: at.subsec_nanosecond(),
        })
    }

    /// The intake's log in Shanghai.
    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        self.log_of(intake::CONTEXT)
    }

    pub(crate) fn log_of(&self, context: &str) -> Arc<dyn EventLog> {
        self.system.log(&LogId::new(shanghai(), context)).unwrap()
    }

    pub(crate) fn worker(&self) -> Caller {
        self.china.caller("sh-worker", Role::Worker).unwrap()
    }

    pub(crate) fn supervisor(&self) -> Caller {
        self.china
            .caller("sh-supervisor", Role::Supervisor)
            .unwrap()
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "a message field of the contract is optional"
    )]
    pub(crate) fn meta(&self) -> Option<CommandMeta> {
        Some(new_meta(self.clock.as_ref()))
    }

    /// A 17-year-old calls the youth hotline, says that she wants to die, and hangs up.
    pub(crate) fn call(&self) -> pb::RecordContactRequest {
        let subject = pb::Subject {
            age_band: pb::AgeBand::FourteenToSeventeen.into(),
            lives_in: "370200".to_owned(),
            identity: "陈佳，高二学生".to_owned(),
        };
        let concern = pb::Concern {
            subject: Some(subject),
            narrative: "母亲去世，父亲易怒，想结束生命。".to_owned(),
        };
        pb::RecordContactRequest {
            meta: self.meta(),
            desk_id: self.desk(),
            channel: pb::Channel::Phone.into(),
            line: pb::Line::YouthHotline.into(),
            number: "来电号码甲".to_owned(),
            original_number: String::new(),
            caller_role: pb::CallerRole::Oneself.into(),
            caller_identity: String::new(),
            matter: Some(pb::record_contact_request::Matter::Concern(concern)),
        }
    }

    pub(crate) fn desk(&self) -> String {
        self.china.desk("sh-12355").unwrap().desk.to_string()
    }

    pub(crate) fn assessment(risk: types::RiskLevel) -> pb::Assessment {
        pb::Assessment {
            case_type: types::CaseType::PsychologicalSupport.into(),
            subtype: pb::Subtype::SuicideIdeation.into(),
            flags: vec![],
            risk: risk.into(),
            reasons: vec![pb::RiskReason::ContactLost.into()],
            summary: "有轻生念头，通话中断，需尽快联系。".to_owned(),
            note: String::new(),
        }
    }

    /// A call that has been recorded; its intake's id.
    pub(crate) async fn recorded(&mut self) -> String {
        let request = self.worker().request(self.call());
        self.client
            .record_contact(request)
            .await
            .unwrap()
            .result()
            .id
    }

    /// A call that has been recorded and assessed; its intake's id.
    pub(crate) async fn triaged(&mut self, risk: types::RiskLevel) -> String {
        let intake_id = self.recorded().await;
        self.triage(&intake_id, risk).await.unwrap();
        intake_id
    }

    pub(crate) async fn triage(
        &mut self,
        intake_id: &str,
        risk: types::RiskLevel,
    ) -> Result<Response<pb::TriageIntakeResponse>, Status> {
        let request = pb::TriageIntakeRequest {
            meta: self.meta(),
            intake_id: intake_id.to_owned(),
            assessment: Some(Self::assessment(risk)),
        };
        let request = self.worker().request(request);
        self.client.triage_intake(request).await
    }

    pub(crate) async fn open_case(
        &mut self,
        intake_id: &str,
        meta: Option<CommandMeta>,
    ) -> Result<Response<pb::OpenCaseResponse>, Status> {
        let request = pb::OpenCaseRequest {
            meta,
            intake_id: intake_id.to_owned(),
        };
        let request = self.worker().request(request);
        self.client.open_case(request).await
    }

    /// The intake as a worker of the desk sees it, once everything is seen.
    pub(crate) async fn get(&mut self, intake_id: &str) -> pb::Intake {
        self.settle().await;
        let request = pb::GetIntakeRequest {
            intake_id: intake_id.to_owned(),
            consistency_token: String::new(),
        };
        let request = self.worker().request(request);
        let answer = self.client.get_intake(request).await.unwrap();
        answer.into_inner().intake.unwrap()
    }
}

/// What a command's response carries.
pub(crate) trait Carries {
    fn result(self) -> CommandResult;
}

macro_rules! carries {
    ($($response:ident),+) => {$(
        impl Carries for Response<pb::$response> {
            fn result(self) -> CommandResult {
                self.into_inner().result.unwrap()
            }
        }
    )+};
}

carries!(
    RecordContactResponse,
    TriageIntakeResponse,
    ReassessIntakeResponse,
    RecordCallbackAttemptResponse,
    OpenCaseResponse
);

/// The names of the events of an answer.
pub(crate) fn names(result: &CommandResult) -> Vec<&str> {
    result
        .events
        .iter()
        .map(|event| event.r#type.as_str())
        .collect()
}

/// The code and the reason of a refusal, which also speaks both languages.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("it is refused");
    (status.code(), reason(&status))
}

/// The reason, which programs know; what it says to people is English and Chinese.
#[track_caller]
fn reason(status: &Status) -> String {
    let english = status.message();
    assert!(english.is_ascii() && english.contains(' '), "{english}");
    let details = status.get_error_details();
    let chinese = details.localized_message().expect("it speaks Chinese");
    assert_eq!(chinese.locale, "zh-CN");
    assert!(!chinese.message.is_ascii(), "{}", chinese.message);
    let reason = &details.error_info().expect("it has a reason").reason;
    let upper_snake = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    assert!(
        !reason.is_empty() && reason.chars().all(upper_snake),
        "{reason}"
    );
    reason.clone()
}

/// The field that a refusal names.
#[track_caller]
pub(crate) fn field_at_fault<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    let status = answer.expect_err("it is refused");
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    reason(&status);
    let details = status.get_error_details();
    let violations = details.bad_request().expect("it names a field");
    violations.field_violations[0].field.clone()
}
