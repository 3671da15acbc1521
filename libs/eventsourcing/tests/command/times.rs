//! Two times: when it occurred, as the caller says; when it was recorded, by our wall clock.

use std::sync::atomic::{AtomicBool, Ordering};

use eventsourcing::{AppendError, RequestContext};
use jiff::{SignedDuration, Timestamp};

use crate::notebook::{Bench, made_at, noon, reason, request};

fn recorded(bench: &Bench) -> Vec<Timestamp> {
    let events = bench.history().into_iter();
    events.map(|event| event.envelope.recordedtime).collect()
}

#[test]
fn what_is_decided_again_is_recorded_when_it_was_decided() {
    let later = noon() + SignedDuration::from_secs(3);
    let bench = Bench::new();
    let (clock, lost) = (bench.clock.clone(), AtomicBool::new(false));
    let bench = bench.altered(move |log| {
        log.refusing(move |append| {
            clock.turn_to(later);
            let write = &append.writes[0];
            (!lost.swap(true, Ordering::SeqCst)).then(|| AppendError::Conflict {
                stream: write.stream.clone(),
                expected: write.expected,
                actual: write.expected.next(),
            })
        })
    });
    bench.add_now(1).unwrap();
    assert_eq!(recorded(&bench), [later]);
}

#[test]
fn while_the_wall_clock_stands_behind_a_stream_its_last_time_is_repeated() {
    let ahead = Bench::new();
    ahead.add_now(1).unwrap();
    let set_back = ahead.started_at(noon() - SignedDuration::from_mins(2));
    set_back.add_now(1).unwrap();
    set_back.pass(SignedDuration::from_secs(1));
    set_back.add_now(1).unwrap();
    let second_later = noon() + SignedDuration::from_secs(1);
    assert_eq!(recorded(&set_back), [noon(), noon(), second_later]);
}

#[test]
fn what_occurred_in_the_future_is_refused_beyond_what_clocks_differ() {
    let bench = Bench::new();
    let occurred = |minutes| RequestContext {
        occurred_at: Some(noon() + SignedDuration::from_mins(minutes)),
        ..request(made_at(noon()))
    };
    bench.add(1, &occurred(-90)).unwrap();
    // A caller's clock that is a little ahead: it occurred now.
    bench.add(1, &occurred(5)).unwrap();
    assert_eq!(reason(bench.add(1, &occurred(6))), "OCCURRED_IN_FUTURE");
    let times: Vec<Timestamp> = bench
        .history()
        .iter()
        .map(|event| event.envelope.time)
        .collect();
    assert_eq!(times, [noon() - SignedDuration::from_mins(90), noon()]);
}
