//! A disk that fails at one step, or is full.

use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::LOG;
use eventsourcing::{AppendError, EventLog, Position};

use crate::script::{self, commit};
use crate::simulated::{Fault, Simulated};
use crate::support;

#[test]
fn after_a_failed_step_nothing_more_is_taken_and_nothing_acknowledged_is_lost() {
    support::run(async {
        let whole = Simulated::default();
        script::run(&whole).await;
        for fault in [Fault::Broken, Fault::Full] {
            for step in 1..=whole.steps() {
                let disk = Simulated::failing(step, fault);
                let ledger = script::run(&disk).await;
                let failed = ledger.answers.iter().position(Result::is_err);
                for answer in &ledger.answers[failed.unwrap_or(ledger.answers.len())..] {
                    let poisoned = matches!(answer, Err(AppendError::Unavailable(_)));
                    // A full disk may be foreseen: then what does not need the missing one goes on.
                    let foreseen = fault == Fault::Full
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
