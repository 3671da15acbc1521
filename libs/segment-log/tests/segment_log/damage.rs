//! Single flipped bits, anywhere: each is detected and named, and none is served.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::LOG;
use eventsourcing::{EventLog, Position, ReadError, Recorded};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use segment_log::{SegmentLog, verify_dir};

use crate::support::{id, open, run, small};

const FLIPS: usize = 150;

struct Kept {
    events: Vec<Recorded>,
    /// The file that each event is in.
    homes: Vec<PathBuf>,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// A log of several closed segments, one open, one reserved, cleanly closed.
async fn keep(dir: &Path) -> Kept {
    let (log, _) = open(dir);
    for n in 0..70 {
        log.append(append(LOG, n, 0, 1 + u64::try_from(n % 3).unwrap()))
            .await
            .unwrap();
    }
    let events = log.read_all(Position(0), 1_000).await.unwrap();
    drop(log);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "seg") {
            files.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    files.sort();
    assert!(files.len() > 5);
    let home = |event: &Recorded| {
        let body = event.body.bytes();
        let has_it = |(_, bytes): &&(PathBuf, Vec<u8>)| {
            bytes.windows(body.len()).any(|window| window == body)
        };
        files.iter().find(has_it).unwrap().0.clone()
    };
    let homes = events.iter().map(home).collect();
    Kept {
        events,
        homes,
        files,
    }
}

/// The seed of a random test: `LIANDONG_TEST_SEED`, or a new one; printed, so that it can be set.
fn seed() -> u64 {
    let set = std::env::var("LIANDONG_TEST_SEED").ok();
    let set = set.and_then(|seed| seed.parse().ok());
    let seed = set.unwrap_or_else(rand::random);
    println!("seed {seed}: set LIANDONG_TEST_SEED to run the same again");
    seed
}

/// The event whose body has this byte.
fn event_at<'a>(kept: &'a Kept, bytes: &[u8], at: usize) -> Option<&'a Recorded> {
    let is_there = |event: &&Recorded| {
        let body = event.body.bytes();
        let earliest = at.saturating_sub(body.len() - 1);
        let near = &bytes[earliest..(at + body.len()).min(bytes.len())];
        near.windows(body.len()).any(|window| window == body)
    };
    kept.events.iter().find(is_there)
}

#[test]
fn every_flipped_bit_is_named_by_verification_and_never_served() {
    let seed = seed();
    let mut chance = SmallRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let kept = keep(dir.path()).await;
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        let mut opened = 0;
        for _ in 0..FLIPS {
            let (path, bytes) = &kept.files[chance.random_range(0..kept.files.len())];
            let at = chance.random_range(0..bytes.len());
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << chance.random_range(0..8);
            fs::write(path, flipped).unwrap();
            let what = format!("seed {seed}: {} at {at}", path.display());

            let verified = verify_dir(dir.path(), &mut |_| {}).unwrap();
            let Err(ReadError::Damaged(damage)) = &verified[0].outcome else {
                panic!("{what}: not detected: {verified:?}");
            };
            assert_eq!(damage.file, path.display().to_string(), "{what}");
            assert_eq!(damage.offset, at as u64, "{what}: {damage}");
            if let Some(event) = event_at(&kept, bytes, at) {
                let place = (event.position, event.envelope.subject.to_string());
                assert_eq!(damage.event, Some(place), "{what}");
                *places.entry("event").or_default() += 1;
            } else {
                *places.entry("elsewhere").or_default() += 1;
            }
            opened += usize::from(never_served(dir.path(), &kept, path, &what).await);
            restore(dir.path(), &kept);
        }
        assert!(
            opened > FLIPS / 2,
            "seed {seed}: only {opened} could be opened"
        );
        assert_eq!(places.len(), 2, "seed {seed}: {places:?}");
    });
}

/// Whatever can be read is what was written; what is in other files than the damaged one still can.
///
/// Says whether the log was opened at all.
async fn never_served(dir: &Path, kept: &Kept, damaged: &Path, what: &str) -> bool {
    let Ok((log, _)) = SegmentLog::open(dir, id(), &[], &small()) else {
        return false;
    };
    let head = log.head().position;
    assert_eq!(head.0, kept.events.len() as u64, "{what}: events are gone");
    for (event, home) in kept.events.iter().zip(&kept.homes) {
        let before = Position(event.position.0 - 1);
        match log.read_all(before, 1).await {
            Ok(read) => assert_eq!(read.first(), Some(event), "{what}"),
            Err(error) => assert_eq!(home, damaged, "{what}: {error}"),
        }
        let stream = &event.envelope.subject;
        if let Ok(read) = log.read(stream, event.envelope.version).await {
            assert_eq!(read.first(), Some(event), "{what}");
        }
        let request = event.envelope.requestid;
        if let Ok(read) = log.find_request(request).await {
            assert!(read.contains(event), "{what}");
        }
    }
    true
}

fn restore(dir: &Path, kept: &Kept) {
    for entry in fs::read_dir(dir).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (path, bytes) in &kept.files {
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn the_scrub_finds_damage_in_a_closed_segment_and_reports_its_age() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let kept = keep(dir.path()).await;
        let (log, _) = open(dir.path());
        let log = Arc::new(log);
        let closed = log.scrub().report().closed_segments as u64;
        let checked: Vec<_> = (0..=closed)
            .map(|_| log.scrub().scrub_next().unwrap().unwrap())
            .collect();
        let in_turn: Vec<u64> = (1..=closed).chain([1]).collect();
        assert_eq!(checked, in_turn);
        let before = log.scrub().report();
        assert_eq!(before.damage, None);

        let (path, bytes) = &kept.files[1];
        let mut flipped = bytes.clone();
        flipped[1_000] ^= 4;
        fs::write(path, flipped).unwrap();
        let found = log.scrub().scrub_next();
        let Err(ReadError::Damaged(damage)) = found else {
            panic!("not found: {found:?}");
        };
        assert_eq!(
            (&damage.file, damage.offset),
            (&path.display().to_string(), 1_000)
        );
        assert_eq!(log.scrub().report().damage, Some(damage));
        assert!(log.scrub().report().age >= before.age);
    });
}
