//! Three regions that know the reference file, and a client of one of them.

use std::sync::Arc;
use std::time::Duration;

use directory::HOSTING;
use directory::reference::ReferenceData;
use domain::values::Role;
use eventsourcing::{Clock, EventLog, LogId, Position, Region, VirtualClock};
use jiff::Timestamp;
use node::client::{Caller, new_meta};
use node::{Settings, System};
use proto::directory::v1 as pb;
use proto::directory::v1::directory_service_client::DirectoryServiceClient;
use proto::types::v1::{CommandMeta, CommandResult};
use tempfile::TempDir;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

const CHINA: &str = include_str!("../../../../deploy/reference/china.toml");
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) type Client = DirectoryServiceClient<Channel>;

pub(crate) struct Fixture {
    pub(crate) china: ReferenceData,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) system: System,
    root: TempDir,
}

pub(crate) fn region(code: &str) -> Region {
    code.parse().unwrap()
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        let clock = Arc::new(VirtualClock::new(Timestamp::now()));
        let china: ReferenceData = CHINA.parse().unwrap();
        let system = open(&root, &clock).await;
        let on_time: Arc<dyn Clock> = clock.clone();
        let loaded = china.load_all(system.logs(), &on_time).await.unwrap();
        assert_eq!(loaded.len(), 3);
        system.settle(LIMIT).await.unwrap();
        Self {
            china,
            clock,
            system,
            root,
        }
    }

    /// Stops everything and opens it again.
    pub(crate) async fn restart(self) -> Self {
        self.system.stop().await.unwrap();
        let system = open(&self.root, &self.clock).await;
        Self { system, ..self }
    }

    pub(crate) async fn stop(self) {
        self.system.stop().await.unwrap();
    }

    pub(crate) async fn settle(&self) {
        self.system.settle(LIMIT).await.unwrap();
    }

    pub(crate) async fn client(&self, region: Region) -> Client {
        Client::connect(self.system.url(region)).await.unwrap()
    }

    pub(crate) async fn shanghai(&self) -> Client {
        self.client(region("310000")).await
    }

    pub(crate) fn caller(&self, code: &str, role: Role) -> Caller {
        self.china.caller(code, role).unwrap()
    }

    /// Shanghai's administrator.
    pub(crate) fn administrator(&self) -> Caller {
        self.caller("sh-admin", Role::Administrator)
    }

    pub(crate) fn meta(&self) -> Option<CommandMeta> {
        Some(new_meta(self.clock.as_ref()))
    }

    pub(crate) fn shanghai_log(&self) -> Arc<dyn EventLog> {
        let id = LogId::new(region("310000"), "directory");
        self.system.log(&id).unwrap()
    }

    pub(crate) fn shanghai_head(&self) -> Position {
        self.shanghai_log().head().position
    }

    /// A social work agency under the Shanghai committee.
    pub(crate) fn register(&self) -> pb::RegisterOrganizationRequest {
        let parent = self.china.organization("sh-league").unwrap();
        pb::RegisterOrganizationRequest {
            meta: self.meta(),
            name: name(
                "上海市青少年社会工作服务社",
                "Shanghai youth social work agency",
            ),
            level: pb::Level::City.into(),
            kind: pb::OrganizationKind::SocialWork.into(),
            parent_id: parent.to_string(),
        }
    }
}

async fn open(root: &TempDir, clock: &Arc<VirtualClock>) -> System {
    let regions = vec![Region::CENTRAL, region("310000"), region("370200")];
    let settings = Settings {
        root: root.path().to_owned(),
        addresses: vec!["127.0.0.1:0".parse().unwrap(); regions.len()],
        followed: regions.clone(),
        regions,
        clock: clock.clone(),
        log_options: segment_log::Options {
            segment_bytes: 256 * 1024,
            ..segment_log::Options::default()
        },
        metrics: None,
        copies: None,
    };
    System::start(settings, &[HOSTING]).await.unwrap()
}

pub(crate) fn name(zh: &str, en: &str) -> Option<pb::Name> {
    Some(pb::Name {
        zh: zh.to_owned(),
        en: en.to_owned(),
    })
}

/// What a command's response carries.
pub(crate) trait Carries {
    fn result(self) -> CommandResult;
}

macro_rules! carries {
    ($($response:ident),+) => {$(
        impl Carries for tonic::Response<pb::$response> {
            fn result(self) -> CommandResult {
                self.into_inner().result.unwrap()
            }
        }
    )+};
}

carries!(
    RegisterOrganizationResponse,
    OpenDeskResponse,
    CloseDeskResponse,
    EnrolWorkerResponse,
    ChangeRolesResponse,
    EndEnrolmentResponse,
    PublishRuleSetResponse
);

/// The code and the reason of a refusal, which also speaks Chinese.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    let status = answer.expect_err("it is refused");
    let details = status.get_error_details();
    let chinese = details.localized_message().expect("it speaks Chinese");
    assert_eq!(chinese.locale, "zh-CN");
    assert!(!chinese.message.is_ascii(), "{}", chinese.message);
    let reason = details
        .error_info()
        .expect("it has a reason")
        .reason
        .clone();
    (status.code(), reason)
}

/// The field that a refusal names.
#[track_caller]
pub(crate) fn field_at_fault<T: std::fmt::Debug>(answer: Result<T, Status>) -> String {
    let status = answer.expect_err("it is refused");
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let details = status.get_error_details();
    let violations = details.bad_request().expect("it names a field");
    violations.field_violations[0].field.clone()
}
