//! A disk that fails at one step, or is full.

use std::path::Path;

use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::{LOG, chained};
use eventsourcing::{AppendError, EventLog, Position, ReadError};
use futures::future::{join, join_all};
use segment_log::{OpenError, SegmentLog};
use uuid::Uuid;

use crate::script::{self, commit};
use crate::simulated::{Fault, Simulated};
use crate::support;

#[test]
fn after_a_failed_step_nothing_more_is_taken_and_nothing_acknowledged_is_lost() {
    support::run(async {
        let whole = Simulated::default();
        script::run(&whole).await;
        for fault in [Fault::Broken, Fault::Full, Fault::OverQuota] {
            for step in 1..=whole.steps() {
                let disk = Simulated::failing(step, fault);
                let ledger = script::run(&disk).await;
                let failed = ledger.answers.iter().position(Result::is_err);
                for answer in &ledger.answers[failed.unwrap_or(ledger.answers.len())..] {
                    let poisoned = matches!(answer, Err(AppendError::Unavailable(_)));
                    // A full disk may be foreseen: then what does not need the missing one goes on.
                    let foreseen = fault != Fault::Broken
                        && matches!(
                            answer,
                            Ok(_) | Err(AppendError::Full | AppendError::Conflict { .. })
                        );
                    assert!(poisoned || foreseen, "{fault:?} at step {step}: {answer:?}");
                }
                let what = format!("{fault:?} at step {step}");
                ledger.check(&disk.restarted(), &what).await;
            }
        }
    });
}

#[test]
fn a_poisoned_log_refuses_writes_until_it_is_opened_again_and_still_reads() {
    support::run(async {
        let disk = Simulated::default();
        let (log, mut committer, _) = script::open(&disk, &[]).unwrap();
        let first = commit(&log, &mut committer, &[append(LOG, 1, 0, 1)]).await;
        assert!(first[0].is_ok());
        disk.fail_at(disk.steps() + 2, Fault::Broken);
        let group = [append(LOG, 2, 0, 1), append(LOG, 3, 0, 1)];
        for answer in commit(&log, &mut committer, &group).await {
            assert!(matches!(answer, Err(AppendError::Unavailable(_))));
        }
        let later = commit(&log, &mut committer, &[append(LOG, 4, 0, 1)]).await;
        assert!(matches!(later[0], Err(AppendError::Unavailable(_))));
        let failed = log.failed().await;
        assert_eq!(failed.log, *log.id());
        assert!(failed.cause.contains("simulated EIO"), "{failed}");
        assert_eq!(log.head().position, Position(1));
        assert_eq!(log.read_all(Position(0), 10).await.unwrap().len(), 1);

        drop((log, committer));
        let (log, mut committer, _) = script::open(&disk.restarted(), &[]).unwrap();
        let again = commit(&log, &mut committer, &[append(LOG, 5, 0, 1)]).await;
        assert!(again[0].is_ok());
    });
}

#[test]
fn a_full_disk_refuses_writes_while_reads_go_on_and_room_is_enough_to_go_on() {
    support::run(async {
        let disk = Simulated::default();
        let (log, mut committer, _) = script::open(&disk, &[]).unwrap();
        disk.set_room(Some(10_000));
        let mut taken = 0;
        let refused = loop {
            let answers = commit(&log, &mut committer, &[append(LOG, taken, 0, 1)]).await;
            match &answers[0] {
                Ok(_) => taken += 1,
                Err(error) => break error.clone(),
            }
        };
        assert_eq!(refused, AppendError::Full);
        assert!(taken > 10, "there was room for a second segment");
        let events = log.read_all(Position(0), 1_000).await.unwrap();
        assert_eq!(events.len() as u128, taken);
        log.verify().await.unwrap();

        disk.set_room(None);
        let answers = commit(&log, &mut committer, &[append(LOG, taken, 0, 1)]).await;
        assert_eq!(u128::from(answers[0].as_ref().unwrap().last.0), taken + 1);
        log.verify().await.unwrap();
    });
}

#[test]
fn when_the_thread_that_writes_dies_whoever_waits_and_whoever_comes_is_told() {
    support::run(async {
        let disk = Simulated::default();
        let options = script::options(&disk);
        let (log, _) =
            SegmentLog::open(Path::new(script::DIR), support::id(), &[], &options).unwrap();
        log.append(append(LOG, 1, 0, 1)).await.unwrap();
        disk.fail_at(disk.steps() + 1, Fault::Bug);
        let waiting = (2..9).map(|n| log.append(append(LOG, n, 0, 1)));
        for answer in join_all(waiting).await {
            assert!(
                matches!(answer, Err(AppendError::Unavailable(_))),
                "{answer:?}"
            );
        }
        assert!(log.failed().await.cause.contains("panicked"));
        let later = log.append(append(LOG, 9, 0, 1)).await;
        assert!(
            matches!(later, Err(AppendError::Unavailable(cause)) if cause.contains("panicked"))
        );
        assert_eq!(log.read_all(Position(0), 10).await.unwrap().len(), 1);
    });
}

#[test]
fn a_read_that_fails_is_no_damage_and_the_next_one_is_answered() {
    support::run(async {
        let written = Simulated::default();
        script::run(&written).await;
        let mut refused = 0;
        loop {
            let disk = written.copy();
            disk.fail_read(refused + 1);
            match script::open(&disk, &[]).map(|_| ()) {
                Err(OpenError::Storage { .. } | OpenError::Unreadable(_)) => refused += 1,
                Ok(()) => break,
                Err(error) => panic!("read {}: {error}", refused + 1),
            }
        }
        assert!(refused > 5, "opening reads every segment");

        let unavailable = |error: &ReadError| matches!(error, ReadError::Unavailable(_));
        for nth in 1..30 {
            let disk = written.copy();
            let (log, mut committer, _) = script::open(&disk, &[]).unwrap();
            disk.fail_read(nth);
            let read = log.read_all(Position(0), 1_000).await;
            assert!(read.is_ok() || read.is_err_and(|error| unavailable(&error)));
            assert!(log.read_all(Position(0), 1_000).await.is_ok(), "read {nth}");
            disk.fail_read(nth);
            let found = log.find_request(Uuid::now_v7()).await;
            assert!(found.is_ok() || found.is_err_and(|error| unavailable(&error)));
            // What cannot be looked up is not decided; the next one is.
            let next = [append(LOG, 7_777, 0, 1)];
            let answer = commit(&log, &mut committer, &next).await.remove(0);
            let answered = match answer {
                Err(AppendError::Unavailable(_)) => {
                    commit(&log, &mut committer, &next).await.remove(0)
                }
                answer => answer,
            };
            assert!(answered.is_ok(), "read {nth}: {answered:?}");
        }
    });
}

#[test]
fn a_copy_that_finds_the_disk_full_goes_on_after_the_head_when_there_is_room() {
    support::run(async {
        let disk = Simulated::default();
        let (log, mut committer, _) = script::open(&disk, &[]).unwrap();
        disk.set_room(Some(10_000));
        let copy = chained(log.id(), 60);
        let (answer, _) = join(log.import(copy.clone()), async { committer.step() }).await;
        assert_eq!(answer, Err(AppendError::Full));
        let head = usize::try_from(log.head().position.0).unwrap();
        assert!((1..60).contains(&head), "{head}");

        disk.set_room(None);
        let rest = copy[head..].to_vec();
        let (answer, _) = join(log.import(rest), async { committer.step() }).await;
        assert_eq!(answer.unwrap().position, Position(60));
        assert_eq!(log.read_all(Position(0), 99).await.unwrap(), copy);
        log.verify().await.unwrap();
    });
}
