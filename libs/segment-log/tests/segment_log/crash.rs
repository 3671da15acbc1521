//! Power loss at every step of the script, with everything that may become of unsynced bytes.

use eventsourcing::testing::append;
use eventsourcing::testing::contract::event_log::LOG;
use eventsourcing::{Checkpoint, EventLog, Position};

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

/// The frame was written, the sync failed, the process was killed: the bytes are in memory only.
#[test]
fn what_a_log_serves_after_a_kill_survives_the_power_loss_that_follows() {
    support::run(async {
        let disk = Simulated::default();
        let (log, mut committer, _) = script::open(&disk, &[]).unwrap();
        disk.fail_at(disk.steps() + 2, Fault::Broken);
        let answers = script::commit(&log, &mut committer, &[append(LOG, 1, 0, 1)]).await;
        assert!(answers[0].is_err());
        let killed = disk.copy();
        let (log, _, report) = script::open(&killed, &[]).unwrap();
        assert_eq!(log.head().position, Position(1));
        let seen = Checkpoint {
            position: report.head.position,
            hash: report.head.hash,
        };
        let after = killed.after_power_loss(Unsynced::Lost);
        assert!(script::open(&after, &[seen]).is_ok());
    });
}
