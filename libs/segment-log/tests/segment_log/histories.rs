//! Random histories: the log on segment files answers as the reference model does.

use std::path::Path;
use std::sync::Arc;

use eventsourcing::testing::contract::event_log::{LOG, all, stream};
use eventsourcing::testing::{MemoryLog, append};
use eventsourcing::{Append, EventLog, Version};
use proptest::prelude::*;
use segment_log::{Options, SegmentLog};

use crate::support::{id, run, small};

#[derive(Debug, Clone)]
enum Action {
    /// Appends to a stream; `off` is how far the expectation is from the truth.
    Append {
        stream: u128,
        off: i64,
        count: u64,
    },
    /// Sends an earlier append again.
    Repeat {
        nth: prop::sample::Index,
    },
    Reopen,
}

fn action() -> impl Strategy<Value = Action> {
    let off = prop_oneof![8 => Just(0), 1 => Just(-1_i64), 1 => Just(1)];
    prop_oneof![
        12 => (1..5_u128, off, 1..4_u64)
            .prop_map(|(stream, off, count)| Action::Append { stream, off, count }),
        2 => any::<prop::sample::Index>().prop_map(|nth| Action::Repeat { nth }),
        1 => Just(Action::Reopen),
    ]
}

fn open(dir: &Path) -> Arc<dyn EventLog> {
    let options = Options {
        segment_bytes: 6 << 10,
        ..small()
    };
    Arc::new(SegmentLog::open(dir, id(), &[], &options).unwrap().0)
}

async fn compare(log: &Arc<dyn EventLog>, model: &Arc<dyn EventLog>, sent: &[Append]) {
    assert_eq!(log.head(), model.head());
    assert_eq!(all(log).await, all(model).await);
    for n in 1..6 {
        let of = stream(n);
        for from in [1, 2, 9].map(Version) {
            let read = log.read(&of, from).await;
            assert_eq!(read, model.read(&of, from).await);
        }
    }
    for append in sent {
        let found = log.find_request(append.request).await;
        assert_eq!(found, model.find_request(append.request).await);
    }
    assert_eq!(log.verify().await, model.verify().await);
}

async fn play(actions: Vec<Action>) {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let model: Arc<dyn EventLog> = Arc::new(MemoryLog::new(id()));
    let mut sent: Vec<Append> = Vec::new();
    for action in actions {
        let next = match action {
            Action::Append {
                stream: n,
                off,
                count,
            } => {
                let events = model.read(&stream(n), Version(1)).await.unwrap();
                let expected = (events.len() as u64).saturating_add_signed(off);
                append(LOG, n, expected, count)
            }
            Action::Repeat { nth } if !sent.is_empty() => nth.get(&sent).clone(),
            Action::Repeat { .. } => continue,
            Action::Reopen => {
                drop(log);
                log = open(dir.path());
                compare(&log, &model, &sent).await;
                continue;
            }
        };
        assert_eq!(
            log.append(next.clone()).await,
            model.append(next.clone()).await
        );
        sent.push(next);
    }
    compare(&log, &model, &sent).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_random_history_is_answered_as_the_model_answers_it(
        actions in prop::collection::vec(action(), 1..80)
    ) {
        run(play(actions));
    }
}
