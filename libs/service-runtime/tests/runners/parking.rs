//! What a policy cannot act on parks its case; what is no fault of the event only waits.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use eventsourcing::testing::MemoryRows;
use eventsourcing::{Actor, EventLog, Position, Recorded, SkipReason};
use service_runtime::{Operation, ParkedOutcome};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::feed::Faults;
use crate::fixture::{Bench, Counting, ids, record, sources, start};
use crate::own_log::OwnLog;

const CASE: u128 = 1;

fn case() -> String {
    format!("310000-{}", Uuid::from_u128(CASE))
}

async fn ask(
    bench: &Bench,
    operation: impl FnOnce(oneshot::Sender<ParkedOutcome>) -> Operation,
) -> ParkedOutcome {
    let (answer, answered) = oneshot::channel();
    bench.running.operations[0]
        .1
        .send(operation(answer))
        .await
        .unwrap();
    answered.await.unwrap()
}

async fn retry(bench: &Bench) -> ParkedOutcome {
    ask(bench, |answer| Operation::Retry {
        case: case(),
        answer,
    })
    .await
}

async fn skip(bench: &Bench) -> ParkedOutcome {
    ask(bench, |answer| Operation::Skip {
        case: case(),
        by: Actor::person("310000-p", "310000-o", "Administrator"),
        reason: SkipReason::NotUnderstood,
        answer,
    })
    .await
}

async fn notes(own: &OwnLog, name: &str) -> Vec<Recorded> {
    let all = own.log.read_all(Position(0), usize::MAX).await.unwrap();
    all.into_iter()
        .filter(|event| event.envelope.event_type == name)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_event_given_up_is_on_record_once_and_stays_given_up_when_the_rows_are_gone() {
    let sources = sources();
    let strange = record(&sources[0], CASE, "Strange").await;
    let later = record(&sources[0], CASE, "Noted").await;
    let other = record(&sources[0], 2, "Noted").await;
    let (own, rows) = (OwnLog::new(), Arc::default());
    let bench = start(
        &sources,
        Faults::default(),
        &own,
        &rows,
        Counting::default(),
    );
    bench
        .until("both wait", |bench| bench.parked().len() == 2)
        .await;
    bench.until_taken_in().await;
    assert_eq!(bench.counted().await, [other], "other cases go on");

    let again = retry(&bench).await;
    assert_eq!(again.done, 0);
    assert!(again.still_parked.unwrap().contains("intake.Strange"));

    let skipped = skip(&bench).await;
    assert_eq!(
        skipped,
        ParkedOutcome {
            done: 1,
            still_parked: None
        }
    );
    assert!(bench.parked().is_empty());
    assert_eq!(bench.counted().await, [other, later]);
    let on_record = notes(&own, "tally.PolicySkipped").await;
    assert_eq!(on_record.len(), 1);
    let note = &on_record[0].envelope;
    assert_eq!(note.causationid, strange);
    assert_eq!(note.actor, Actor::system("count-each", "1"));
    assert_eq!(note.onbehalfof.as_deref(), Some("310000-o"));
    assert_eq!(
        (&note.data["by"], &note.data["reason"]),
        (&"310000-p".into(), &"NotUnderstood".into())
    );

    let head = own.log.head();
    bench.stop().await;
    let bench = start(
        &sources,
        Faults::default(),
        &own,
        &Arc::default(),
        Counting::default(),
    );
    bench.until_taken_in().await;
    assert!(bench.parked().is_empty());
    assert_eq!(own.log.head(), head, "nothing is decided again");
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_fails_once_acts_and_parks_nothing() {
    let sources = sources();
    record(&sources[0], CASE, "Noted").await;
    let policy = Counting {
        fails: AtomicUsize::new(1),
        ..Counting::default()
    };
    let bench = start(
        &sources,
        Faults::default(),
        &OwnLog::new(),
        &Arc::default(),
        policy,
    );
    bench.until_taken_in().await;
    assert_eq!(bench.counted().await, ids(&sources[0]).await);
    assert_eq!(bench.policy.tried.load(Ordering::SeqCst), 2);
    assert!(bench.parked().is_empty());
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_always_fails_parks_the_case_in_order_and_others_go_on() {
    let sources = sources();
    let (mut of_case, mut of_others) = (Vec::new(), Vec::new());
    for round in 0..4 {
        of_case.push(record(&sources[0], CASE, "Noted").await);
        of_others.push(record(&sources[0], 2 + round, "Noted").await);
    }
    let policy = Counting {
        failing: Mutex::new(BTreeSet::from([CASE])),
        ..Counting::default()
    };
    let bench = start(
        &sources,
        Faults::default(),
        &OwnLog::new(),
        &Arc::default(),
        policy,
    );
    bench.until_taken_in().await;
    assert_eq!(bench.counted().await, of_others);
    let waiting: Vec<_> = bench
        .parked()
        .iter()
        .map(|parked| parked.event_id)
        .collect();
    assert_eq!(waiting, of_case);
    assert!(bench.parked()[0].cause.contains("cursed"));

    // The first is given up; the next then says its own cause, not that it waits behind another.
    let skipped = skip(&bench).await;
    assert_eq!((skipped.done, skipped.still_parked.is_some()), (0, true));
    assert!(
        bench.parked()[0].cause.contains("cursed"),
        "{:?}",
        bench.parked()[0].cause
    );

    bench.policy.failing.lock().unwrap().clear();
    let retried = retry(&bench).await;
    assert_eq!(
        retried,
        ParkedOutcome {
            done: 3,
            still_parked: None
        }
    );
    assert_eq!(bench.counted().await[of_others.len()..], of_case[1..]);
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_or_an_unreadable_log_parks_nothing_and_loses_nothing() {
    let fault: [fn(&OwnLog) -> &AtomicBool; 2] = [|own| &own.full, |own| &own.unreadable];
    for fault in fault {
        let sources = sources();
        for number in 0..5 {
            record(&sources[0], number, "Noted").await;
        }
        let own = OwnLog::new();
        fault(&own).store(true, Ordering::SeqCst);
        let rows: Arc<MemoryRows> = Arc::default();
        let bench = start(
            &sources,
            Faults::default(),
            &own,
            &rows,
            Counting::default(),
        );
        bench
            .until("it has tried often", |_| {
                own.refused.load(Ordering::SeqCst) > 9
            })
            .await;
        assert!(bench.parked().is_empty());
        fault(&own).store(false, Ordering::SeqCst);
        bench.until_taken_in().await;
        assert_eq!(bench.counted().await, ids(&sources[0]).await);
        assert!(bench.parked().is_empty());
        bench.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_waits_for_room_stops_when_it_is_told_and_acts_after_the_restart() {
    let sources = sources();
    for number in 0..500 {
        record(&sources[0], number, "Noted").await;
    }
    let (own, rows) = (OwnLog::new(), Arc::default());
    own.full.store(true, Ordering::SeqCst);
    let bench = start(
        &sources,
        Faults::default(),
        &own,
        &rows,
        Counting::default(),
    );
    bench
        .until("it waits", |_| own.refused.load(Ordering::SeqCst) > 9)
        .await;
    bench.stop().await;
    own.full.store(false, Ordering::SeqCst);
    let bench = start(
        &sources,
        Faults::default(),
        &own,
        &rows,
        Counting::default(),
    );
    bench.until_taken_in().await;
    assert_eq!(bench.counted().await, ids(&sources[0]).await);
    bench.stop().await;
}
