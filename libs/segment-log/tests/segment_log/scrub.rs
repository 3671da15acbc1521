//! The background scrub: what it finds, what it does not take for damage, and how old its word is.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use eventsourcing::ReadError;
use segment_log::{Options, SegmentLog, Storage};

use crate::script;
use crate::simulated::Simulated;
use crate::support::{id, run};

/// A log with several closed segments.
fn written() -> Simulated {
    let disk = Simulated::default();
    run(async {
        script::run(&disk).await;
    });
    disk
}

/// The file of the nth closed segment.
fn closed(disk: &Simulated, nth: usize) -> PathBuf {
    let mut names: Vec<String> = disk
        .list(Path::new(script::DIR))
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| Path::new(name).extension().is_some_and(|it| it == "seg"))
        .collect();
    names.sort();
    Path::new(script::DIR).join(&names[nth])
}

/// Flips a bit, and says of which byte.
fn flip(disk: &Simulated, path: &Path) -> u64 {
    let mut bytes = disk.read(path);
    bytes[700] ^= 1;
    disk.replace(path, bytes);
    700
}

#[test]
fn the_scrub_goes_on_by_itself_over_a_read_that_fails_until_it_finds_damage() {
    let disk = written();
    let options = Options {
        scrub_every: Some(Duration::from_millis(1)),
        ..script::options(&disk)
    };
    let (log, _) = SegmentLog::open(Path::new(script::DIR), id(), &[], &options).unwrap();
    disk.fail_read(1);
    while !disk.read_has_failed() {
        std::thread::yield_now();
    }
    assert_eq!(log.scrub().report().damage, None);
    let path = closed(&disk, 1);
    let offset = flip(&disk, &path);
    let damage = loop {
        if let Some(damage) = log.scrub().report().damage {
            break damage;
        }
        std::thread::yield_now();
    };
    assert_eq!(
        (damage.file, damage.offset),
        (path.display().to_string(), offset)
    );
    // The thread ends with the log, or this would not return.
    log.close();
}

#[test]
fn a_read_that_fails_while_a_segment_is_checked_is_no_damage_and_the_next_turn_checks_it() {
    let disk = written();
    let (log, _committer, _) = script::open(&disk, &[]).unwrap();
    let scrub = log.scrub();
    let segments = scrub.report().closed_segments;
    let mut failed = 0;
    loop {
        disk.fail_read(failed + 1);
        match scrub.scrub_next() {
            Ok(_) => break,
            Err(ReadError::Unavailable(_)) => failed += 1,
            Err(damaged) => panic!("{damaged}"),
        }
    }
    assert!(failed > 0, "checking a segment reads it");
    // The read that was still to fail is the first of the next turn.
    scrub.scrub_next().unwrap_err();
    for _ in 0..segments {
        scrub.scrub_next().unwrap();
    }
    assert_eq!(scrub.report().damage, None);
}

#[test]
fn what_could_not_be_found_sound_goes_on_growing_older() {
    for damaged in [true, false] {
        let disk = written();
        let (log, _committer, _) = script::open(&disk, &[]).unwrap();
        let scrub = log.scrub();
        let segments = scrub.report().closed_segments;
        for _ in 0..segments {
            scrub.scrub_next().unwrap();
        }
        let sound = Instant::now();
        if damaged {
            flip(&disk, &closed(&disk, 0));
        } else {
            disk.fail_read(1);
        }
        let checked: Vec<_> = (0..segments).map(|_| scrub.scrub_next()).collect();
        assert_eq!(checked.iter().filter(|it| it.is_err()).count(), 1);
        let since = sound.elapsed();
        assert!(scrub.report().age >= since, "a failed check made it young");
        if !damaged {
            // Once it was found sound, no segment has waited since.
            scrub.scrub_next().unwrap();
            assert!(scrub.report().age < sound.elapsed());
        }
        assert_eq!(scrub.report().damage.is_some(), damaged);
    }
}
