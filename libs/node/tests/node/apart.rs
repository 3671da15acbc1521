//! Services of one region as processes of their own: one has the key store, the others lease keys.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use domain::ids::CaseId;
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};
use eventsourcing::{Actor, Region, ScopedId, StreamId, VirtualClock};
use node::client::new_meta;
use node::{Hosting, KeySettings, Layout, Settings, System};
use proto::intake::v1::RecordContactRequest;
use segment_log::Options;
use service_runtime::Service;
use service_runtime::grpc::Gate;
use tonic::Request;
use uuid::Uuid;
use vault::{KeyStore, RegionKey, Sealer, SealerError, SealingPlace};

use crate::bench::{noon, shanghai};

/// Where the process that has the keys is told its root.
const ROOT: &str = "LIANDONG_TEST_KEYS_ROOT";

/// What the services of the tests were given last; they run one at a time.
static GIVEN: Mutex<Option<(Sealer, Gate)>> = Mutex::new(None);
static STORE: Mutex<Option<Arc<KeyStore>>> = Mutex::new(None);
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const KEYS: Hosting = Hosting {
    name: "keys",
    writes: true,
    assemble: |parts| {
        *STORE.lock().unwrap() = Some(parts.key_store());
        silent("keys")
    },
};

const INTAKE: Hosting = Hosting {
    name: "intake",
    writes: true,
    assemble: |parts| {
        *GIVEN.lock().unwrap() = Some((parts.sealer.clone(), parts.ports.gate.clone()));
        silent("intake")
    },
};

fn silent(name: &'static str) -> Service {
    Service {
        name,
        routes: Box::new(|routes| routes),
        projections: Vec::new(),
        writes: None,
    }
}

fn region() -> Region {
    shanghai().region
}

async fn start(root: &Path, service: Hosting) -> System {
    let settings = Settings {
        root: root.to_owned(),
        regions: vec![region()],
        followed: vec![region()],
        addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        clock: Arc::new(VirtualClock::new(noon())),
        log_options: Options::default(),
        metrics: None,
        copies: None,
    };
    let keys = KeySettings::default();
    System::start_apart(settings, service, &keys).await.unwrap()
}

async fn start_intake(root: &Path) -> (System, Sealer, Gate) {
    let system = start(root, INTAKE).await;
    let (sealer, gate) = GIVEN.lock().unwrap().take().unwrap();
    (system, sealer, gate)
}

fn place(case: u128) -> SealingPlace {
    let case = ScopedId::new(region(), Uuid::from_u128(case));
    SealingPlace {
        case: CaseId(case),
        stream: StreamId::new("intake", case),
        event: "ContactRecorded",
        field: "narrative",
        role: PersonRole::Subject,
        class: SealedClass::Narrative,
    }
}

async fn sealed_at_last(sealer: &Sealer, case: u128, text: &str) -> Sealed<Text> {
    loop {
        if let Ok(sealed) = sealer.seal(&place(case), text).await {
            return sealed;
        }
        tokio::task::yield_now().await;
    }
}

/// The reason why a command is not taken, if it is not.
fn refused(gate: &Gate) -> Option<String> {
    let command = RecordContactRequest {
        meta: Some(new_meta(&VirtualClock::new(noon()))),
        ..RecordContactRequest::default()
    };
    let mut request = Request::new(command);
    request.extensions_mut().insert(Actor::system("test", "1"));
    let status = gate.command(request).err()?;
    let details = tonic_types::StatusExt::get_error_details(&status);
    Some(details.error_info().unwrap().reason.clone())
}

/// Opens the store as the next keys process would, and the text with it.
fn opened(root: &Path, case: u128, sealed: &Sealed<Text>) -> String {
    let layout = Layout::new(root);
    let key = RegionKey::read(&layout.region_key(region()), &layout.data()).unwrap();
    let store = KeyStore::open(&layout.key_store(region()), region(), &key).unwrap();
    let key = store.get(sealed.key).unwrap();
    vault::open(place(case).case, &key, sealed)
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn a_service_leases_its_keys_over_a_socket_for_this_user_only_and_reads_no_region_key() {
    let _one = ONE_AT_A_TIME.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path());
    let keys = start(dir.path(), KEYS).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let socket = layout.keys_socket(region());
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);

    let (region_keys, away) = (dir.path().join("region-keys"), dir.path().join("away"));
    fs::rename(&region_keys, &away).unwrap();
    let (intake, sealer, gate) = start_intake(dir.path()).await;
    let sealed = sealed_at_last(&sealer, 1, "text").await;
    while refused(&gate).is_some() {
        tokio::task::yield_now().await;
    }
    assert!(!region_keys.exists());
    intake.stop().await.unwrap();
    keys.stop().await.unwrap();
    STORE.lock().unwrap().take();
    fs::rename(&away, &region_keys).unwrap();
    assert_eq!(opened(dir.path(), 1, &sealed), "text");
}

#[tokio::test]
async fn a_service_starts_without_keys_and_seals_as_far_as_the_leased_ones_go() {
    let _one = ONE_AT_A_TIME.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let (intake, sealer, gate) = start_intake(dir.path()).await;
    let no_key = sealer.seal(&place(1), "text").await;
    assert!(matches!(no_key, Err(SealerError::NoKeys(_))), "{no_key:?}");
    assert_eq!(refused(&gate).unwrap(), "NO_KEYS");

    let keys = start(dir.path(), KEYS).await;
    sealed_at_last(&sealer, 1, "text").await;
    while refused(&gate).is_some() {
        tokio::task::yield_now().await;
    }
    keys.stop().await.unwrap();
    STORE.lock().unwrap().take();
    sealer.seal(&place(1), "a case goes on").await.unwrap();
    let mut went_on = 0;
    while sealer.seal(&place(100 + went_on), "text").await.is_ok() {
        went_on += 1;
    }
    assert!((16..200).contains(&went_on), "{went_on}");
    assert_eq!(refused(&gate), None, "commands without texts are taken");

    // The socket of the former process is still there, and nobody listens.
    assert!(Layout::new(dir.path()).keys_socket(region()).exists());
    let keys = start(dir.path(), KEYS).await;
    sealed_at_last(&sealer, 1_000, "text").await;
    intake.stop().await.unwrap();
    keys.stop().await.unwrap();
    STORE.lock().unwrap().take();
}

#[tokio::test]
async fn whoever_leased_a_key_hears_that_it_was_destroyed_also_after_a_restart_of_the_keys() {
    let _one = ONE_AT_A_TIME.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let keys = start(dir.path(), KEYS).await;
    let (intake, sealer, _) = start_intake(dir.path()).await;
    let (one, other) = (
        sealed_at_last(&sealer, 1, "text").await,
        sealed_at_last(&sealer, 2, "text").await,
    );
    let destroy = |sealed: &Sealed<Text>, case| {
        let store = STORE.lock().unwrap().clone().unwrap();
        store.destroy(place(case).case, &[sealed.key]).unwrap();
    };
    destroy(&one, 1);
    while sealed_at_last(&sealer, 1, "again").await.key == one.key {
        tokio::task::yield_now().await;
    }
    assert_eq!(sealed_at_last(&sealer, 2, "again").await.key, other.key);
    keys.stop().await.unwrap();
    STORE.lock().unwrap().take();
    let keys = start(dir.path(), KEYS).await;
    destroy(&other, 2);
    while sealed_at_last(&sealer, 2, "again").await.key == other.key {
        tokio::task::yield_now().await;
    }
    intake.stop().await.unwrap();
    keys.stop().await.unwrap();
    STORE.lock().unwrap().take();
}

/// The keys service in a process that can be killed.
struct KeysProcess(Child);

impl KeysProcess {
    fn start(root: &Path) -> Self {
        let this = std::env::current_exe().unwrap();
        let test = "apart::the_process_that_has_the_keys";
        let mut command = Command::new(this);
        let command = command
            .args(["--exact", test, "--nocapture"])
            .env(ROOT, root);
        Self(command.stdin(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for KeysProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test by itself: what [`KeysProcess`] runs, until it is killed or its parent has ended.
#[test]
fn the_process_that_has_the_keys() {
    let Some(root) = std::env::var_os(ROOT) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _keys = runtime.block_on(start(Path::new(&root), KEYS));
    let _ = std::io::stdin().read(&mut [0; 1]);
}

#[tokio::test]
async fn what_was_sealed_with_a_leased_key_opens_after_the_keys_process_was_killed() {
    let _one = ONE_AT_A_TIME.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let process = KeysProcess::start(dir.path());
    let (intake, sealer, _) = start_intake(dir.path()).await;
    let sealed = sealed_at_last(&sealer, 1, "text").await;
    drop(process);
    assert_eq!(opened(dir.path(), 1, &sealed), "text");

    let _again = KeysProcess::start(dir.path());
    for case in 2..200 {
        sealed_at_last(&sealer, case, "text").await;
    }
    intake.stop().await.unwrap();
}
