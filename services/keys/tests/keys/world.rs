//! A system of three regions with the keys service; the other services' logs are there, and what
//! stands in them the tests write themselves.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use directory::reference::ReferenceData;
use domain::ids::WorkerId;
use domain::sealed::{Sealed, Text};
use domain::values::{Party, Role, Term};
use eventsourcing::{
    Clock, CommandHandler, EventLog, HybridClock, LogId, Position, Recorded, Region, VirtualClock,
};
use jiff::{SignedDuration, Timestamp};
use node::client::{Caller, new_meta};
use node::{Hosting, Settings, System};
use proto::keys::v1 as pb;
use proto::keys::v1::keys_service_client::KeysServiceClient;
use proto::types::v1::CommandMeta;
use service_runtime::{Service, WithLog};
use tempfile::TempDir;
use tonic::Status;
use tonic::transport::Channel as Connection;
use vault::{Sealer, SealingPlace};

use crate::cases::Case;

pub(crate) const SHANGHAI: &str = "310000";
pub(crate) const QINGDAO: &str = "370200";
pub(crate) const BEIJING: &str = "110000";

const REGIONS: [&str; 3] = [SHANGHAI, QINGDAO, BEIJING];
const LIMIT: Duration = Duration::from_secs(30);

/// A service that only has a log.
macro_rules! only_a_log {
    ($name:literal) => {
        Hosting {
            name: $name,
            writes: true,
            assemble: |parts| {
                let region = parts.ports.region;
                SEALERS.with_borrow_mut(|sealers| sealers.push((region, parts.sealer.clone())));
                Service {
                    name: $name,
                    routes: Box::new(|routes| routes),
                    projections: vec![parts.directory.clone()],
                    writes: Some(WithLog {
                        log: parts.log(),
                        policies: vec![],
                        due_rules: vec![],
                    }),
                }
            },
        }
    };
}

const HOSTED: [Hosting; 6] = [
    only_a_log!("directory"),
    only_a_log!("intake"),
    only_a_log!("referral"),
    only_a_log!("caseteam"),
    only_a_log!("followup"),
    keys::HOSTING,
];

thread_local! {
    /// What the services of this test's system seal with; a test runs on one thread.
    static SEALERS: RefCell<Vec<(Region, Sealer)>> = const { RefCell::new(Vec::new()) };
}

pub(crate) struct World {
    pub(crate) system: System,
    pub(crate) clock: Arc<VirtualClock>,
    root: Arc<TempDir>,
    reference: Arc<ReferenceData>,
}

impl World {
    /// Three regions with their people, at rest.
    pub(crate) async fn new() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/reference/china.toml");
        let reference = Arc::new(ReferenceData::read(&path).unwrap());
        let clock = Arc::new(VirtualClock::new(Timestamp::now()));
        let root = Arc::new(tempfile::tempdir().unwrap());
        let world = Self::start(root, clock, reference).await;
        for region in REGIONS {
            let clock = Arc::new(HybridClock::new(world.clock.clone()));
            let handler = CommandHandler::new(world.log(region, "directory"), clock);
            world.reference.load(&handler).await.unwrap();
        }
        world.settle().await;
        world
    }

    async fn start(
        root: Arc<TempDir>,
        clock: Arc<VirtualClock>,
        reference: Arc<ReferenceData>,
    ) -> Self {
        SEALERS.with_borrow_mut(Vec::clear);
        let regions: Vec<Region> = REGIONS.iter().map(|code| code.parse().unwrap()).collect();
        let settings = Settings {
            root: root.path().to_owned(),
            followed: regions.clone(),
            addresses: vec!["127.0.0.1:0".parse().unwrap(); regions.len()],
            regions,
            clock: clock.clone(),
            log_options: segment_log::Options {
                segment_bytes: 1 << 20,
                ..segment_log::Options::default()
            },
            metrics: None,
            copies: None,
        };
        Self {
            system: System::start(settings, &HOSTED).await.unwrap(),
            clock,
            root,
            reference,
        }
    }

    /// Stops, lets something happen to the files, and starts again.
    pub(crate) async fn restart(self, meanwhile: impl FnOnce(&Path)) -> Self {
        let Self {
            system,
            clock,
            root,
            reference,
        } = self;
        SEALERS.with_borrow_mut(Vec::clear);
        system.stop().await.unwrap();
        meanwhile(root.path());
        let world = Self::start(root, clock, reference).await;
        world.settle().await;
        world
    }

    pub(crate) async fn stop(self) {
        self.system.stop().await.unwrap();
    }

    pub(crate) async fn settle(&self) {
        self.system.settle(LIMIT).await.unwrap();
    }

    pub(crate) async fn advance(&self, by: SignedDuration) {
        let to = self.clock.now() + by;
        self.system.advance(&self.clock, to, LIMIT).await.unwrap();
    }

    pub(crate) fn log(&self, region: &str, context: &str) -> Arc<dyn EventLog> {
        let id = LogId::new(region.parse().unwrap(), context);
        self.system.log(&id).unwrap()
    }

    /// The names of the events in a region's keys log.
    pub(crate) async fn keys_events(&self, region: &str) -> Vec<String> {
        let events = self.log(region, "keys").read_all(Position(0), 1000).await;
        let events = events.unwrap().into_iter();
        events
            .map(|event| event.envelope.event_type["keys.".len()..].to_owned())
            .collect()
    }

    pub(crate) fn desk(&self, code: &str) -> Party {
        self.reference.desk(code).unwrap()
    }

    pub(crate) fn worker(&self, code: &str) -> WorkerId {
        self.reference.worker(code).unwrap().worker
    }

    /// A person of the reference data, in their role (the given one, if they have several).
    pub(crate) fn person(&self, code: &str, role: Role) -> Caller {
        let known = self.reference.worker(code).unwrap();
        assert!(known.roles.contains(&role));
        Caller {
            person: known.worker.to_string(),
            organization: known.organization.to_string(),
            role: role.name().to_owned(),
        }
    }

    pub(crate) async fn api(&self, region: &str) -> KeysServiceClient<Connection> {
        let url = self.system.url(region.parse().unwrap());
        KeysServiceClient::connect(url).await.unwrap()
    }

    pub(crate) fn meta(&self) -> CommandMeta {
        new_meta(self.clock.as_ref())
    }

    pub(crate) async fn seal(
        &self,
        region: &str,
        place: &SealingPlace,
        text: &str,
    ) -> Sealed<Text> {
        let region: Region = region.parse().unwrap();
        let sealer = SEALERS.with_borrow(|sealers| {
            let of = sealers.iter().find(|(of, _)| *of == region);
            of.unwrap().1.clone()
        });
        sealer.seal(place, text).await.unwrap()
    }

    /// Opens a text at the keys service of a region.
    pub(crate) async fn open(
        &self,
        region: &str,
        caller: &Caller,
        case: &Case,
        event: &Recorded,
        field: &str,
    ) -> Result<String, Status> {
        let request = pb::OpenTextRequest {
            meta: Some(self.meta()),
            case_id: case.id.to_string(),
            event_id: event.envelope.id.to_string(),
            field: field.to_owned(),
            purpose: pb::Purpose::CaseHandling.into(),
        };
        let mut api = self.api(region).await;
        let answer = api.open_text(caller.request(request)).await?;
        Ok(answer.into_inner().text)
    }
}
