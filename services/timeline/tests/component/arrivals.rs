//! Events that arrive out of order, from regions whose clocks disagree.

use std::collections::{HashMap, HashSet};

use eventsourcing::Envelope;
use proto::timeline::v1 as pb;
use uuid::Uuid;

use crate::bench::{Bench, CENTRAL, QINGDAO, SHANGHAI, event, ids, next, shown};

const HOUR: i64 = 3_600_000;

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_arrives_long_before_its_cause_is_told_after_it() {
    let bench = Bench::start().await;
    let cause = event(SHANGHAI, 1, 1, HOUR, None);
    let effect = event(QINGDAO, 1, 1, 0, Some(cause.id));
    let later = event(QINGDAO, 1, 2, 5 * HOUR, None);
    let other = event(CENTRAL, 1, 1, 9 * HOUR, None);
    let mut watch = bench.watch("").await;
    for early in [&effect, &later, &other] {
        bench.append(early).await;
    }
    bench.settle().await;
    assert_eq!(ids(&next(&mut watch, 1).await.0), [other.id]);
    assert_eq!(ids(&bench.timeline(None, 50).await), [other.id]);
    let summary = bench.summary().await;
    assert_eq!((summary.entries, summary.waiting), (1, 2));

    bench.append(&cause).await;
    bench.settle().await;
    let (told, _) = next(&mut watch, 3).await;
    assert_eq!(ids(&told), [cause.id, effect.id, later.id]);
    let read = ids(&bench.timeline(None, 50).await);
    assert_eq!(read, [cause.id, effect.id, later.id, other.id]);
    assert_eq!(bench.summary().await.waiting, 0);
    // By its own clock the effect was there first; it was not known without its cause.
    assert!(ids(&bench.timeline(Some(shown(6 * HOUR)), 50).await).len() == 3);
    drop(watch);
    bench.stop().await;
}

/// Numbers that follow from a seed.
struct Dice {
    seed: Uuid,
    thrown: u32,
}

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.thrown += 1;
        let thrown = Uuid::new_v5(&self.seed, &self.thrown.to_be_bytes());
        let number = usize::try_from(thrown.as_u128() % limit as u128);
        number.unwrap()
    }
}

/// Forty events over three regions with clocks up to two hours apart, most of them caused by others.
fn history(dice: &mut Dice) -> Vec<Envelope> {
    let logs = [SHANGHAI, CENTRAL, QINGDAO];
    let mut versions: HashMap<(usize, usize), u64> = HashMap::new();
    let mut events: Vec<Envelope> = Vec::new();
    for _ in 0..40 {
        let (log, stream) = (dice.below(3), dice.below(2));
        let version = versions.entry((log, stream)).or_default();
        *version += 1;
        let millis = i64::try_from(dice.below(7_200_000)).unwrap();
        let caused = !events.is_empty() && dice.below(4) > 0;
        let cause = caused.then(|| dice.below(events.len()));
        let cause = cause.map(|cause| events[cause].id);
        let stream = u128::try_from(stream).unwrap();
        events.push(event(logs[log], stream, *version, millis, cause));
    }
    events
}

/// Each once, after its cause, and after the version before it in its stream.
fn in_order(entries: &[pb::Entry]) {
    let mut told = HashSet::new();
    let mut versions: HashMap<&str, u64> = HashMap::new();
    for entry in entries {
        let version = versions.entry(&entry.stream).or_default();
        *version += 1;
        assert_eq!(*version, entry.version, "{}", entry.stream);
        assert!(entry.caused_by.is_empty() || told.contains(entry.caused_by.as_str()));
        assert!(told.insert(entry.event_id.as_str()), "told twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shuffled_history_is_told_once_in_order_and_read_the_same_after_a_rebuild() {
    let seed = Uuid::now_v7();
    println!("seed {seed}");
    let mut dice = Dice { seed, thrown: 0 };
    let bench = Bench::start().await;
    let events = history(&mut dice);
    let mut watch = bench.watch("").await;
    let mut by_log: Vec<Vec<&Envelope>> = [SHANGHAI, CENTRAL, QINGDAO]
        .map(|log| {
            let of_log = events.iter().rev();
            of_log
                .filter(|event| event.log().to_string() == log)
                .collect()
        })
        .to_vec();
    while by_log.iter().any(|log| !log.is_empty()) {
        let log = dice.below(by_log.len());
        if let Some(event) = by_log[log].pop() {
            bench.append(event).await;
        }
    }
    bench.settle().await;
    let (told, _) = next(&mut watch, events.len()).await;
    in_order(&told);
    let read = bench.timeline(None, 7).await;
    assert_eq!(read.len(), events.len());
    in_order(&read);
    for millis in [0, 1_000_000, 3_600_000, 7_000_000] {
        let as_of = shown(millis);
        let known = bench.timeline_or_nothing(as_of).await;
        in_order(&known);
    }
    drop(watch);

    let bench = bench.restart_without_rows().await;
    assert_eq!(bench.timeline(None, 50).await, read);
    let mut watch = bench.watch("").await;
    in_order(&next(&mut watch, events.len()).await.0);
    drop(watch);
    bench.stop().await;
}
