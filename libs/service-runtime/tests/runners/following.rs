//! What is followed is taken in once, in order, or not at all and loudly.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use eventsourcing::testing::{MemoryLog, MemoryRows};
use eventsourcing::{Commit, first_due};
use eventsourcing::{Due, EventLog, Position, ProjectionStore, Rows, ScopedId, StreamId};
use futures::{FutureExt, StreamExt};
use jiff::{SignedDuration, Timestamp};
use service_runtime::grpc::Watched;
use uuid::Uuid;

use crate::feed::{BadFeed, Faults};
use crate::fixture::{Bench, Counting, POLICY, ROWS, ids, log, record, sources, start, start_with};
use crate::own_log::OwnLog;

async fn contacts(sources: &[MemoryLog]) {
    for number in 0..40 {
        for source in sources {
            record(source, number % 5, "Noted").await;
        }
    }
}

fn fresh(sources: &[MemoryLog], faults: Faults) -> Bench {
    start(
        sources,
        faults,
        &OwnLog::new(),
        &Arc::default(),
        Counting::default(),
    )
}

async fn assert_all_taken_in_once(bench: &Bench, sources: &[MemoryLog]) {
    let mut all = BTreeSet::new();
    for source in sources {
        let ids = ids(source).await;
        assert_eq!(bench.taken(source.id()), ids);
        all.extend(ids);
    }
    let counted = bench.counted().await;
    assert_eq!(counted.len(), all.len(), "each event is acted on once");
    assert_eq!(counted.into_iter().collect::<BTreeSet<_>>(), all);
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_stutters_and_breaks_off_changes_nothing_of_what_comes_of_it() {
    let sources = sources();
    contacts(&sources).await;
    let faults = Faults {
        stutters: true,
        away_every: Some(7),
        ..Faults::default()
    };
    let bench = fresh(&sources, faults);
    bench.until_taken_in().await;
    assert_all_taken_in_once(&bench, &sources).await;
    contacts(&sources).await;
    bench.until_taken_in().await;
    assert_all_taken_in_once(&bench, &sources).await;
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_just_ends_is_followed_again() {
    let sources = sources();
    contacts(&sources).await;
    let faults = Faults {
        ends_every: Some(9),
        ..Faults::default()
    };
    let bench = fresh(&sources, faults);
    bench.until_taken_in().await;
    assert_all_taken_in_once(&bench, &sources).await;
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_held_back_holds_up_no_other_and_nobody_calls_that_caught_up() {
    let sources = sources();
    contacts(&sources).await;
    let (own, rows) = (OwnLog::new(), Arc::new(MemoryRows::default()));
    let logs = sources.iter().cloned().chain([own.log.clone()]);
    let feed = BadFeed::new(logs, Faults::default());
    let held = sources[1].id().clone();
    feed.held.send_replace(BTreeSet::from([held.clone()]));
    let bench = start_with(feed, &own, &rows, Counting::default());
    let first = sources[0].head().position;
    bench
        .until("the other log is taken in", |bench| {
            let all = bench.running.progress.all();
            let mut of_first = all.iter().filter(|of| of.log == *sources[0].id());
            of_first.all(|of| of.position == first && of.caught_up)
        })
        .await;
    assert!(bench.taken(&held).is_empty());
    let mut watched = bench
        .gate
        .watch(String::new(), |_| Ok(Vec::<(String, u32)>::new()))
        .unwrap();
    assert!(watched.next().now_or_never().is_none(), "not caught up yet");

    bench.feed.held.send_replace(BTreeSet::new());
    let caught_up = watched.next().await.unwrap().unwrap();
    assert!(
        matches!(caught_up, Watched::CaughtUp { .. }),
        "{caught_up:?}"
    );
    assert_all_taken_in_once(&bench, &sources).await;
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_skipped_position_of_the_own_region_stops_the_service() {
    let sources = sources();
    contacts(&sources).await;
    let faults = Faults {
        skips: Some((sources[0].id().clone(), Position(5))),
        ..Faults::default()
    };
    let why = fresh(&sources, faults).died().await;
    assert!(why.contains("310000.intake does not continue"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_skipped_position_or_damage_of_another_region_halts_that_log_only_and_visibly() {
    let foreign = log("370200.intake");
    let skips = Faults {
        skips: Some((foreign.clone(), Position(5))),
        ..Faults::default()
    };
    let damaged = Faults {
        damaged: Some(foreign.clone()),
        ..Faults::default()
    };
    for (faults, expected) in [(skips, "does not continue"), (damaged, "at byte 4711")] {
        let sources = sources();
        contacts(&sources).await;
        let bench = fresh(&sources, faults);
        bench
            .until("it halts", |bench| bench.halted().len() == 2)
            .await;
        for (of, why) in bench.halted() {
            assert_eq!(of.1, foreign);
            assert!(why.contains(expected), "{why}");
        }
        record(&sources[0], 1, "Noted").await;
        bench.until_taken_in().await;
        assert_eq!(bench.taken(sources[0].id()), ids(&sources[0]).await);
        bench.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn damage_of_the_own_region_stops_the_service_and_names_the_place() {
    let sources = sources();
    let faults = Faults {
        damaged: Some(sources[0].id().clone()),
        ..Faults::default()
    };
    let why = fresh(&sources, faults).died().await;
    assert!(why.contains("000001.seg is damaged at byte 4711"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_a_projection_does_not_know_halts_its_log_where_it_stands_and_nothing_else() {
    let sources = sources();
    for name in ["Noted", "Noted", "Strange", "Noted"] {
        record(&sources[0], 1, name).await;
        record(&sources[1], 2, "Noted").await;
    }
    let bench = fresh(&sources, Faults::default());
    let of = (ROWS.to_owned(), sources[0].id().clone());
    bench
        .until("it halts", |bench| bench.halted().contains_key(&of))
        .await;
    bench.until_taken_in().await;
    assert!(bench.halted()[&of].contains("intake.Strange"));
    assert_eq!(bench.halted().len(), 1, "the policy parks and goes on");
    assert_eq!(bench.taken(sources[0].id()), ids(&sources[0]).await[..2]);
    assert_eq!(bench.taken(sources[1].id()), ids(&sources[1]).await);
    let position = |of: &(String, _)| {
        let all = bench.running.progress.all();
        all.into_iter()
            .find(|at| (&at.runner, &at.log) == (&of.0, &of.1))
            .unwrap()
            .position
    };
    assert_eq!(position(&of), Position(2));
    assert_eq!(position(&(POLICY.to_owned(), of.1.clone())), Position(4));
    bench.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_due_rule_that_fails_once_is_asked_again_and_then_no_more() {
    let rows = Arc::new(MemoryRows::default());
    let store: Arc<dyn ProjectionStore> = rows.clone();
    let due_at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60);
    let id = ScopedId::new("310000".parse().unwrap(), Uuid::from_u128(9));
    let due = Due {
        due_at,
        duty: "answer".to_owned(),
        stream: StreamId::new("tally", id),
        cause: Uuid::from_u128(8),
        case: Some(id),
    };
    let mut duty = Rows::new(store.clone());
    duty.start_duty(&due).unwrap();
    let commit = Commit {
        changes: duty.into_changes(),
        checkpoint: None,
    };
    store.commit(commit).unwrap();
    let bench = start(
        &sources(),
        Faults::default(),
        &OwnLog::new(),
        &rows,
        Counting::default(),
    );
    bench
        .until("it sleeps", |bench| bench.clock.next_wake() == Some(due_at))
        .await;
    bench.clock.turn_to(due_at);
    let again = due_at + SignedDuration::from_mins(1);
    bench
        .until("it is put off", |bench| {
            bench.clock.next_wake() == Some(again)
        })
        .await;
    assert_eq!(bench.flaky.asked.load(Ordering::SeqCst), 1);
    assert!(bench.counted().await.is_empty());
    bench.clock.turn_to(again);
    bench
        .until("it is done", |_| first_due(&store).unwrap().is_none())
        .await;
    assert_eq!(bench.counted().await, [due.cause]);
    bench.stop().await;
}
