//! Power loss at every step of the script, with everything that may become of unsynced bytes.

use std::sync::Arc;

use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::{LOG, all};
use eventsourcing::{Checkpoint, EventLog, Recorded};

use crate::script;
use crate::simulated::{Fault, Simulated, Unsynced};
use crate::support;

const OUTCOMES: [Unsynced; 6] = [
    Unsynced::Lost,
    Unsynced::Kept,
    Unsynced::Torn(1),
    Unsynced::Torn(2),
    Unsynced::Torn(3),
    Unsynced::Torn(4),
];

#[test]
fn after_power_loss_at_any_step_all_that_was_acknowledged_is_there_and_nothing_else() {
    support::run(async {
        let whole = Simulated::default();
        let ledger = script::run(&whole).await;
        assert!(ledger.answers.iter().all(Result::is_ok));
        for step in 1..=whole.steps() + 1 {
            let disk = Simulated::failing(step, Fault::PowerLoss);
            let ledger = script::run(&disk).await;
            for unsynced in OUTCOMES {
                let what = format!("power loss at step {step}, {unsynced:?}");
                ledger.check(&disk.after_power_loss(unsynced), &what).await;
            }
        }
    });
}

#[test]
fn power_loss_while_the_log_is_mended_leaves_a_log_that_can_be_mended() {
    support::run(async {
        let whole = Simulated::default();
        script::run(&whole).await;
        for step in (1..=whole.steps()).step_by(3) {
            let disk = Simulated::failing(step, Fault::PowerLoss);
            let ledger = script::run(&disk).await;
            for seed in 0..2 {
                let torn = disk.after_power_loss(Unsynced::Torn(seed));
                for again in 1..=6 {
                    let mending = torn.copy();
                    mending.fail_at(again, Fault::PowerLoss);
                    let _ = script::open(&mending, &[]);
                    let mended = mending.after_power_loss(Unsynced::Torn(seed + 7));
                    let what = format!("step {step}, again at {again}, seed {seed}");
                    ledger.check(&mended, &what).await;
                }
            }
        }
    });
}

/// Killed, or stopped by a sync that failed and forgot; opened from what is in memory; then the power
/// is lost.
#[test]
fn what_a_log_serves_after_a_kill_at_any_step_survives_the_power_loss_that_follows() {
    support::run(async {
        let whole = Simulated::default();
        script::run(&whole).await;
        for fault in [Fault::PowerLoss, Fault::Broken] {
            for step in 1..=whole.steps() {
                let disk = Simulated::failing(step, fault);
                script::run(&disk).await;
                for appends in 0..2 {
                    for unsynced in [Unsynced::Lost, Unsynced::Torn(1), Unsynced::Torn(2)] {
                        let what = format!("{fault:?} at {step}, {appends} appended, {unsynced:?}");
                        let killed = disk.copy();
                        let (seen, served) = serve(&killed, appends, &what).await;
                        let after = killed.after_power_loss(unsynced);
                        let (log, _, _) = script::open(&after, &[seen])
                            .unwrap_or_else(|error| panic!("{what}: not opened: {error}"));
                        let log: Arc<dyn EventLog> = Arc::new(log);
                        assert_eq!(all(&log).await, served, "{what}");
                    }
                }
            }
        }
    });
}

/// Opens the log and appends so many events; what it holds then, as anybody may have followed it.
async fn serve(disk: &Simulated, appends: u128, what: &str) -> (Checkpoint, Vec<Recorded>) {
    let (log, mut committer, _) = script::open(disk, &[])
        .unwrap_or_else(|error| panic!("{what}: not opened after the kill: {error}"));
    let log = Arc::new(log);
    for n in 0..appends {
        let next = append(LOG, 7_000 + n, 0, 1);
        let answers = script::commit(&log, &mut committer, &[next]).await;
        assert!(answers[0].is_ok(), "{what}: {answers:?}");
    }
    let head = log.head();
    let seen = Checkpoint {
        position: head.position,
        hash: head.hash,
    };
    (seen, all(&(log as Arc<dyn EventLog>)).await)
}
