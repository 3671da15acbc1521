//! A bit flipped on disk: in a segment, in rows, in the key store. It is named or mended, never served.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acceptance::{World, all_bytes, delete_rows, seed};
use domain::values::Role;
use eventsourcing::{Position, ReadError, Recorded, VirtualClock};
use jiff::Timestamp;
use liandong::services::HOSTINGS;
use liandong::story::chen_jia;
use liandong::three_regions;
use node::System;
use proto::keys::v1 as keys;
use proto::keys::v1::keys_service_client::KeysServiceClient;
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use proto::timeline::v1::{ReplayCaseRequest, VerifyCaseRequest, VerifyLogRequest};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::calls::{Desk, SHANGHAI, monday, open_case};
use crate::snapshot::{assert_same, snapshot};

/// Small, so that there are closed segments.
const SEGMENT_BYTES: u64 = 64 << 10;

async fn start(root: &Path, now: Timestamp) -> World {
    World::start_as(
        root,
        now,
        |settings| settings.log_options.segment_bytes = SEGMENT_BYTES,
        |_, feed| Arc::new(feed),
    )
    .await
}

/// The story, another case, and a few dozen calls; the cases.
async fn a_day(world: &World) -> Vec<String> {
    let stage = world.stage().await;
    let story = chen_jia::play(&stage).await.unwrap().case.to_string();
    stage.close().await;
    let (other, _) = open_case(world).await;
    let desk = Desk::of(world).await;
    for _ in 0..60 {
        desk.record(&desk.silent_call(world.meta())).await.unwrap();
    }
    world.settle().await;
    vec![story, other]
}

fn random() -> StdRng {
    StdRng::seed_from_u64(seed())
}

/// Flips one bit of a file.
fn flip(path: &Path, at: usize, bit: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

fn segments(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    all_bytes(&root.join("data"))
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|end| end == "seg"))
        .collect()
}

/// Puts back every file of a log as it was.
fn put_back(dir: &Path, segments: &BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (path, bytes) in segments.iter().filter(|(path, _)| path.starts_with(dir)) {
        fs::write(path, bytes).unwrap();
    }
}

/// `…/data/310000/intake/log` is the log `310000.intake`.
fn log_of(dir: &Path) -> String {
    let names: Vec<&str> = dir.iter().map(|name| name.to_str().unwrap()).collect();
    let [.., region, service, _] = names[..] else {
        panic!("{}", dir.display());
    };
    format!("{region}.{service}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_flipped_in_a_stopped_system_is_named_or_was_never_on_record() {
    let mut random = random();
    let root = tempfile::tempdir().unwrap();
    let world = start(root.path(), monday()).await;
    a_day(&world).await;
    let now = world.now();
    let mut heads = BTreeMap::new();
    for log in world.system.logs() {
        heads.insert(log.id().to_string(), log.head());
    }
    world.stop().await;
    let whole = segments(root.path());
    let files: Vec<&PathBuf> = whole.keys().collect();
    let (mut refused, mut served) = (0, 0);
    for _ in 0..8 {
        let path = files[random.random_range(0..files.len())];
        let at = random.random_range(0..whole[path].len());
        flip(path, at, random.random_range(0..8));
        let what = format!("{} at {at}", path.display());
        let dir = path.parent().unwrap();

        let clock = Arc::new(VirtualClock::new(now));
        let mut settings = three_regions::settings(root.path().to_owned(), clock).unwrap();
        settings.log_options.segment_bytes = SEGMENT_BYTES;
        match System::start(settings, HOSTINGS).await {
            Err(error) => {
                let said = error.to_string();
                let names = said.contains(&path.display().to_string());
                assert!(
                    names && said.contains(&format!("byte {at}")),
                    "{what}: {said}"
                );
                refused += 1;
            }
            Ok(system) => {
                let log = system.log(&log_of(dir).parse().unwrap()).unwrap();
                assert_eq!(log.head(), heads[&log_of(dir)], "{what}");
                match log.verify().await {
                    Err(ReadError::Damaged(damage)) => {
                        let named = (damage.file.clone(), damage.offset);
                        assert_eq!(named, (path.display().to_string(), at as u64), "{damage}");
                    }
                    Err(other) => panic!("{what}: {other}"),
                    Ok(_) => {
                        let aside = fs::read_dir(dir).unwrap().any(|entry| {
                            let name = entry.unwrap().file_name();
                            name.to_string_lossy().contains("torn")
                        });
                        assert!(aside, "{what}: neither named nor moved aside");
                    }
                }
                // A policy may have met the damage, and stopped the system.
                let _ = system.stop().await;
                served += 1;
            }
        }
        put_back(dir, &whole);
    }
    println!("{refused} not opened, {served} opened and named");
}

/// The segment file that holds an event's body, and where it begins there.
fn place_of(root: &Path, event: &Recorded) -> (PathBuf, usize) {
    let body = event.body.bytes();
    let envelope = &event.envelope;
    let log = root
        .join("data")
        .join(envelope.region.to_string())
        .join(&envelope.context);
    let found = all_bytes(&log.join("log"))
        .into_iter()
        .find_map(|(path, bytes)| {
            let at = bytes
                .windows(body.len())
                .position(|window| window == body)?;
            Some((path, at))
        });
    found.expect("an acknowledged event is on disk")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_flipped_under_a_running_system_is_named_with_its_place_and_never_served() {
    let mut random = random();
    let root = tempfile::tempdir().unwrap();
    let world = start(root.path(), monday()).await;
    let cases = a_day(&world).await;
    let before = snapshot(&world, &cases).await;
    let mut of_case: Vec<Recorded> = Vec::new();
    for log in world.system.logs() {
        let events = log.read_all(Position(0), 10_000).await.unwrap();
        let of = |event: &Recorded| {
            event
                .envelope
                .caseid
                .is_some_and(|of| of.to_string() == cases[0])
        };
        of_case.extend(events.into_iter().filter(of));
    }
    let auditor = world.caller("sh-auditor", Role::Auditor);
    let mut timeline = TimelineServiceClient::new(world.channel(SHANGHAI).await);
    for _ in 0..4 {
        let event = &of_case[random.random_range(0..of_case.len())];
        let (path, begins) = place_of(root.path(), event);
        let at = begins + random.random_range(0..event.body.bytes().len());
        let bit = random.random_range(0..8);
        flip(&path, at, bit);
        let place = format!("{} is damaged at byte {at}", path.display());
        let log = event.envelope.log().to_string();

        let verify = VerifyLogRequest { log: log.clone() };
        let verified = timeline.verify_log(auditor.request(verify)).await;
        let problem = verified.unwrap().into_inner().log.unwrap().problem;
        assert!(
            problem.contains(&log) && problem.contains(&place),
            "{problem}"
        );
        let verify = VerifyCaseRequest {
            case_id: cases[0].clone(),
        };
        let verified = timeline.verify_case(auditor.request(verify)).await;
        let verified = verified.unwrap().into_inner();
        assert!(!verified.whole);
        let problems: Vec<_> = verified.logs.iter().map(|log| &log.problem).collect();
        assert!(
            problems.iter().any(|said| said.contains(&place)),
            "{problems:?}"
        );
        let replay = ReplayCaseRequest {
            case_id: cases[0].clone(),
            as_of: None,
        };
        let replayed = timeline.replay_case(auditor.request(replay)).await;
        replayed.expect_err("what was altered is replayed");
        let stored = world.log(&log);
        let read = stored.read(&event.envelope.subject, event.envelope.version);
        assert!(matches!(read.await, Err(ReadError::Damaged(_))), "{place}");
        assert_same(&before, &snapshot(&world, &cases).await, &place);

        flip(&path, at, bit);
        stored.verify().await.unwrap();
    }
    drop(timeline);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_flipped_bits_or_no_rows_at_all_lead_to_the_same_answers() {
    let mut random = random();
    let root = tempfile::tempdir().unwrap();
    let world = start(root.path(), monday()).await;
    let cases = a_day(&world).await;
    let now = world.now();
    let before = snapshot(&world, &cases).await;
    world.stop().await;

    let mut flipped = 0;
    for (path, bytes) in all_bytes(&root.path().join("data")) {
        let in_rows = path.iter().any(|name| name == "rows");
        if !in_rows || bytes.is_empty() {
            continue;
        }
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for _ in 0..used.len().min(3) {
            let at = used[random.random_range(0..used.len())];
            flip(&path, at, random.random_range(0..8));
            flipped += 1;
        }
    }
    assert!(flipped > 20, "{flipped}");
    let world = start(root.path(), now).await;
    assert_same(&before, &snapshot(&world, &cases).await, "flipped");
    world.stop().await;

    assert_eq!(
        delete_rows(root.path()),
        21,
        "seven services in three regions"
    );
    let world = start(root.path(), now).await;
    assert_same(&before, &snapshot(&world, &cases).await, "deleted");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bit_flipped_in_the_key_store_opens_no_wrong_text() {
    let mut random = random();
    let root = tempfile::tempdir().unwrap();
    let world = start(root.path(), monday()).await;
    let cases = a_day(&world).await;
    let (now, texts) = (world.now(), texts(&world, &cases).await);
    assert!(
        texts.values().all(Result::is_ok) && texts.len() > 5,
        "{texts:?}"
    );
    world.stop().await;
    let store = root.path().join("data").join(SHANGHAI).join("keys/store");
    let store = all_bytes(&store)
        .into_iter()
        .max_by_key(|(_, bytes)| bytes.len());
    let (store, whole) = store.unwrap();
    let used: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    for _ in 0..6 {
        let at = used[random.random_range(0..used.len())];
        let bit = random.random_range(0..8);
        flip(&store, at, bit);
        let clock = Arc::new(VirtualClock::new(now));
        let settings = three_regions::settings(root.path().to_owned(), clock.clone()).unwrap();
        match System::start(settings, HOSTINGS).await {
            Err(error) => println!("byte {at}: not opened: {error}"),
            Ok(system) => {
                let world = World {
                    system: Arc::new(system),
                    clock,
                    cast: world_cast(),
                };
                world.settle().await;
                let mut opened = 0;
                for (place, text) in self::texts(&world, &cases).await {
                    match text {
                        Ok(_) => {
                            assert_eq!(text, texts[&place], "byte {at}: {place:?}");
                            opened += 1;
                        }
                        Err(said) => println!("byte {at}: {place:?}: {said}"),
                    }
                }
                assert!(opened > 0, "byte {at}: one key was damaged, no text opens");
                world.stop().await;
            }
        }
        fs::write(&store, &whole).unwrap();
    }
}

fn world_cast() -> Arc<directory::reference::ReferenceData> {
    Arc::new(liandong::reference::CHINA.parse().unwrap())
}

/// Every sealed text of the cases as Shanghai opens it, by event and field.
async fn texts(
    world: &World,
    cases: &[String],
) -> BTreeMap<(String, String), Result<String, String>> {
    let mut service = KeysServiceClient::new(world.channel(SHANGHAI).await);
    let worker = world.caller("sh-worker", Role::Worker);
    let mut texts = BTreeMap::new();
    for case in cases {
        let list = keys::ListSealedTextsRequest {
            case_id: case.clone(),
            page_size: 100,
            ..keys::ListSealedTextsRequest::default()
        };
        let listed = service.list_sealed_texts(worker.request(list)).await;
        let listed = listed.unwrap().into_inner().texts;
        for text in listed
            .into_iter()
            .filter(|text| text.sealed_in.contains(SHANGHAI))
        {
            let open = keys::OpenTextRequest {
                meta: world.meta(),
                case_id: case.clone(),
                event_id: text.event_id.clone(),
                field: text.field.clone(),
                purpose: keys::Purpose::CaseHandling.into(),
            };
            let opened = service.open_text(worker.request(open)).await;
            let opened = opened.map(|opened| opened.into_inner().text);
            let opened = opened.map_err(|status| status.to_string());
            texts.insert((text.event_id, text.field), opened);
        }
    }
    texts
}
