//! Verifying a directory: beside a running service, after a crash, and after a restore.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::{LOG, all};
use eventsourcing::{EventLog, Position, ReadError, Verified};
use segment_log::{bytes_to_verify, verify_dir};

use crate::support::{open, run};

fn verify(dir: &Path) -> Result<Verified, ReadError> {
    let mut found = verify_dir(dir, &mut |_| {}).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0).outcome
}

#[test]
fn a_log_is_sound_while_it_is_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    let log = Arc::new(log);
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (log, done) = (Arc::clone(&log), Arc::clone(&done));
        std::thread::spawn(move || {
            run(async {
                let mut n = 0;
                while !done.load(Ordering::SeqCst) || n < 300 {
                    log.append(append(LOG, n, 0, 2)).await.unwrap();
                    n += 1;
                }
            });
        })
    };
    for _ in 0..40 {
        let before = log.head().position.0;
        let verified = verify(dir.path()).unwrap();
        assert!(verified.events >= before);
    }
    done.store(true, Ordering::SeqCst);
    writer.join().unwrap();
}

#[test]
fn every_log_below_a_directory_is_verified_and_each_file_told_of() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        for name in ["b/one", "a/two"] {
            let (log, _) = open(&dir.path().join(name));
            for n in 1..=30 {
                log.append(append(LOG, n, 0, 1)).await.unwrap();
            }
        }
    });
    let mut bytes = 0;
    let found = verify_dir(dir.path(), &mut |progress| bytes += progress.bytes).unwrap();
    assert_eq!(bytes, bytes_to_verify(dir.path()).unwrap());
    let dirs: Vec<_> = found.iter().map(|log| log.dir.clone()).collect();
    assert_eq!(dirs, [dir.path().join("a/two"), dir.path().join("b/one")]);
    for log in found {
        assert_eq!(log.log.unwrap().to_string(), LOG);
        assert_eq!(log.outcome.unwrap().events, 30);
    }
}

#[test]
fn a_frame_still_being_written_is_no_error_and_is_set_aside_if_it_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0000000001.seg");
    run(async {
        let (log, _) = open(dir.path());
        log.append(append(LOG, 1, 0, 1)).await.unwrap();
        let before = fs::read(&path).unwrap();
        log.append(append(LOG, 2, 0, 1)).await.unwrap();
        let whole = fs::read(&path).unwrap();
        drop(log);
        let start = used(&before);
        for written in start + 1..used(&whole) {
            let mut bytes = whole.clone();
            bytes[written..].fill(0);
            fs::write(&path, &bytes).unwrap();
            assert_eq!(verify(dir.path()).unwrap().events, 1, "{written}");
            let found = verify_dir(dir.path(), &mut |_| {}).unwrap().remove(0);
            let unfinished = found.unfinished.unwrap();
            assert_eq!(
                (unfinished.file, unfinished.offset),
                (path.clone(), start as u64)
            );
            assert!(unfinished.bytes <= (written - start) as u64, "{written}");
        }
        let (log, report) = open(dir.path());
        assert_eq!(log.head().position, Position(1));
        assert_eq!(report.torn[0].offset, start as u64);
    });
}

#[test]
fn a_missing_segment_is_named() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (log, _) = open(dir.path());
        for n in 1..=60 {
            log.append(append(LOG, n, 0, 1)).await.unwrap();
        }
    });
    let missing = dir.path().join("0000000002.seg");
    fs::remove_file(&missing).unwrap();
    let Err(ReadError::Damaged(damage)) = verify(dir.path()) else {
        panic!("not missed");
    };
    assert_eq!(damage.file, missing.display().to_string());
}

#[test]
fn a_segment_after_one_that_is_only_reserved_and_a_file_of_another_name_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = open(dir.path());
    run(log.append(append(LOG, 1, 0, 1))).unwrap();
    drop(log);
    let path = |name: &str| dir.path().join(name);
    fs::write(path("0000000002.seg"), vec![0; 16 << 10]).unwrap();
    assert_eq!(verify(dir.path()).unwrap().events, 1);

    fs::copy(path("0000000001.seg"), path("0000000003.seg")).unwrap();
    let Err(ReadError::Damaged(damage)) = verify(dir.path()) else {
        panic!("not found");
    };
    assert!(damage.file.contains("000000000"), "{damage}");

    fs::rename(path("0000000003.seg"), path("1.seg")).unwrap();
    let Err(ReadError::Damaged(damage)) = verify(dir.path()) else {
        panic!("not found");
    };
    assert_eq!(damage.file, path("1.seg").display().to_string());
}

#[test]
fn a_byte_in_reserved_space_is_named() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (log, _) = open(dir.path());
        for n in 1..=30 {
            log.append(append(LOG, n, 0, 1)).await.unwrap();
        }
    });
    let mut reserved = fs::read_dir(dir.path())
        .unwrap()
        .map(|it| it.unwrap().path());
    let reserved = reserved
        .find(|path| {
            let bytes = fs::read(path).unwrap();
            !bytes.is_empty() && bytes.iter().all(|byte| *byte == 0)
        })
        .unwrap();
    let file = fs::OpenOptions::new().write(true).open(&reserved).unwrap();
    file.write_all_at(&[1], 5_000).unwrap();
    let Err(ReadError::Damaged(damage)) = verify(dir.path()) else {
        panic!("not found");
    };
    assert_eq!(
        (damage.file, damage.offset),
        (reserved.display().to_string(), 5_000)
    );
}

#[test]
fn a_restored_log_has_the_same_events_under_a_new_incarnation() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    run(async {
        let original: Arc<dyn EventLog> = Arc::new(open(from.path()).0);
        for n in 1..=60 {
            original.append(append(LOG, n, 0, 2)).await.unwrap();
        }
        let copy: Arc<dyn EventLog> = Arc::new(open(to.path()).0);
        let events = all(&original).await;
        for page in events.chunks(17) {
            copy.import(page.to_vec()).await.unwrap();
        }
        assert_eq!(all(&copy).await, events);
        assert_eq!(copy.head(), original.head());
        assert_eq!(verify(to.path()).unwrap(), verify(from.path()).unwrap());
        copy.append(append(LOG, 61, 0, 1)).await.unwrap();
        drop(copy);
        assert_eq!(open(to.path()).0.head().position, Position(121));
    });
    let incarnation = |dir: &Path| fs::read(dir.join("0000000001.seg")).unwrap()[32..48].to_vec();
    assert_ne!(incarnation(from.path()), incarnation(to.path()));
}

fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}
