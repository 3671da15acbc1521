//! Who may open a log, what must be there, and what one writer does for many.

use std::process::Command;
use std::sync::Arc;

use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::{LOG, all};
use eventsourcing::{AppendError, Checkpoint, EventLog, Hash, Position};
use segment_log::{OpenError, SegmentLog};

use crate::script::{self, commit};
use crate::simulated::Simulated;
use crate::support::{id, open, run, small};

const CHILD_OF: &str = "SEGMENT_LOG_TEST_CHILD_OPENS";
const REFUSED: i32 = 7;

#[test]
fn a_second_process_is_refused_while_the_first_has_the_log_open() {
    if let Some(dir) = std::env::var_os(CHILD_OF) {
        let refused = SegmentLog::open(dir.as_ref(), id(), &[], &small());
        let locked = matches!(refused, Err(OpenError::Locked { .. }));
        std::process::exit(if locked { REFUSED } else { 0 });
    }
    let dir = tempfile::tempdir().unwrap();
    let second = || {
        let status = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "opening::a_second_process_is_refused_while_the_first_has_the_log_open",
            ])
            .env(CHILD_OF, dir.path())
            .status();
        status.unwrap().code()
    };
    let (log, _) = open(dir.path());
    assert_eq!(second(), Some(REFUSED));
    let here = SegmentLog::open(dir.path(), id(), &[], &small());
    assert!(matches!(here, Err(OpenError::Locked { .. })));
    log.close();
    assert_eq!(second(), Some(0));
}

#[test]
fn a_directory_that_holds_another_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let other = "310000.intake".parse().unwrap();
    let refused = SegmentLog::open(dir.path(), other, &[], &small());
    assert!(matches!(refused, Err(OpenError::OtherLog { found, .. }) if found == id()));
}

#[test]
fn a_log_that_lacks_what_others_have_seen_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (log, _) = open(dir.path());
        for n in 1..=40 {
            log.append(append(LOG, n, 0, 1)).await.unwrap();
        }
        let log: Arc<dyn EventLog> = Arc::new(log);
        let mut seen: Vec<Checkpoint> = all(&log)
            .await
            .iter()
            .map(|event| Checkpoint {
                position: event.position,
                hash: event.hash,
            })
            .collect();
        seen.push(Checkpoint::start(&id()));
        drop(log);
        let (log, report) = SegmentLog::open(dir.path(), id(), &seen, &small()).unwrap();
        assert_eq!(report.head.position, Position(40));
        drop(log);

        let hash = Hash::of(b"of another past");
        for position in [0, 3, 40].map(Position) {
            let differs = Checkpoint { position, hash };
            let refused = SegmentLog::open(dir.path(), id(), &[differs], &small());
            assert!(
                matches!(&refused, Err(OpenError::Differs { position: at, .. }) if *at == position)
            );
        }
        let beyond = Checkpoint {
            position: Position(41),
            hash,
        };
        let refused = SegmentLog::open(dir.path(), id(), &[beyond], &small());
        assert!(matches!(refused, Err(OpenError::Behind { .. })));
    });
}

#[test]
fn everything_queued_goes_to_disk_with_one_sync_and_each_is_checked_against_those_before_it() {
    run(async {
        let disk = Simulated::default();
        let (log, mut committer, _) = script::open(&disk, &[]).unwrap();
        let repeated = append(LOG, 1, 1, 1);
        let group = [
            append(LOG, 1, 0, 1),
            append(LOG, 2, 0, 1),
            append(LOG, 1, 0, 1),
            repeated.clone(),
            repeated.clone(),
        ];
        let steps = disk.steps();
        let answers = commit(&log, &mut committer, &group).await;
        assert_eq!(disk.steps() - steps, 2, "one write, one sync");
        assert_eq!(answers[0].as_ref().unwrap().last, Position(1));
        assert_eq!(answers[1].as_ref().unwrap().last, Position(2));
        assert!(matches!(answers[2], Err(AppendError::Conflict { .. })));
        assert_eq!(answers[3].as_ref().unwrap().last, Position(3));
        assert_eq!(answers[4], Err(AppendError::RequestKnown(repeated.request)));
        let stats = log.stats();
        assert_eq!((stats.appends, stats.events), (3, 3));
        assert_eq!((stats.groups, stats.syncs), (1, 1));
    });
}

#[test]
fn a_closed_log_refuses_appends_and_has_finished_those_it_took() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (log, _) = open(dir.path());
        log.append(append(LOG, 1, 0, 1)).await.unwrap();
        log.close();
        let late = log.append(append(LOG, 2, 0, 1)).await;
        assert!(matches!(late, Err(AppendError::Unavailable(_))));
        assert_eq!(log.read_all(Position(0), 9).await.unwrap().len(), 1);
        let (log, report) = open(dir.path());
        assert_eq!((log.head().position, report.torn), (Position(1), vec![]));
    });
}

#[test]
fn an_append_larger_than_a_segment_gets_a_segment_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    run(async {
        let (log, _) = open(dir.path());
        log.append(append(LOG, 1, 0, 3)).await.unwrap();
        log.append(append(LOG, 2, 0, 60)).await.unwrap();
        log.append(append(LOG, 3, 0, 3)).await.unwrap();
        drop(log);
        let (log, report) = open(dir.path());
        assert_eq!((log.head().position, report.torn), (Position(66), vec![]));
        assert_eq!(log.read_all(Position(0), 99).await.unwrap().len(), 66);
        log.verify().await.unwrap();
    });
}
