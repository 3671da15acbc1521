//! Lost races: begun again, within bounds, unless the caller said which version it saw.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use eventsourcing::{Aggregate, AppendError, CommandError, RequestContext, StreamId, Version};

use crate::notebook::{Bench, Notebook, auditor, made_at, noon, notebook, reason, request};

/// A log where the first so many appends lose a race; how many were tried.
fn losing(times: u32) -> (Bench, Arc<AtomicU32>) {
    let tried = Arc::new(AtomicU32::new(0));
    let counter = tried.clone();
    let bench = Bench::new().altered(move |log| {
        log.refusing(move |append| {
            let earlier = counter.fetch_add(1, Ordering::SeqCst);
            let write = &append.writes[0];
            (earlier < times).then(|| AppendError::Conflict {
                stream: write.stream.clone(),
                expected: write.expected,
                actual: write.expected.next(),
            })
        })
    });
    (bench, tried)
}

#[test]
fn a_lost_race_is_decided_again() {
    let (bench, tried) = losing(3);
    let answer = bench.add_now(1).unwrap();
    assert_eq!((answer.version, answer.repeated), (Version(1), false));
    assert_eq!(tried.load(Ordering::SeqCst), 4);
}

#[test]
fn the_same_request_that_was_faster_is_repeated_whatever_the_rules_say_by_then() {
    let faster = Bench::new();
    let asked = request(made_at(noon()));
    let bench = faster.started_at(noon()).altered(|log| {
        let (asked, faster) = (asked.clone(), Mutex::new(Some(faster)));
        log.meanwhile(move || {
            let faster = faster.lock().unwrap().take();
            let add = |bench: Bench| bench.add(10, &asked).unwrap();
            // In a thread of its own, as another call would be.
            std::thread::scope(|calls| drop(calls.spawn(|| faster.map(add)).join().unwrap()));
        })
    });
    let later = bench.add(10, &asked).unwrap();
    assert_eq!((later.version, later.repeated), (Version(1), true));
}

#[test]
fn a_caller_who_said_what_it_saw_is_told_of_the_race() {
    let (bench, tried) = losing(1);
    let seen = |etag| RequestContext {
        etag: Some(Version(etag)),
        ..request(made_at(noon()))
    };
    let lost = bench.add(1, &seen(0));
    assert!(
        matches!(lost, Err(CommandError::Conflict { .. })),
        "{lost:?}"
    );
    assert_eq!(tried.load(Ordering::SeqCst), 1);

    bench.add(1, &seen(0)).unwrap();
    match bench.add(1, &seen(0)) {
        Err(CommandError::Conflict {
            expected,
            actual,
            stream,
        }) => {
            assert_eq!((expected, actual), (Version(0), Version(1)));
            assert_eq!(stream, StreamId::new(Notebook::KIND, notebook(1)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        tried.load(Ordering::SeqCst),
        2,
        "nothing was tried against an old version"
    );
}

#[test]
fn who_may_not_is_not_told_whether_something_has_changed() {
    let bench = Bench::new();
    bench.add_now(10).unwrap();
    let seen = |etag| RequestContext {
        etag: Some(Version(etag)),
        actor: auditor(),
        ..request(made_at(noon()))
    };
    for etag in [0, 1, 2] {
        assert_eq!(reason(bench.add(1, &seen(etag))), "NOT_PERMITTED");
    }
    // Whoever may is told first that something has changed, whatever the rules say of what is there.
    let saw_it_empty = RequestContext {
        actor: request(made_at(noon())).actor,
        ..seen(0)
    };
    let lost = bench.add(1, &saw_it_empty);
    assert!(
        matches!(lost, Err(CommandError::Conflict { .. })),
        "{lost:?}"
    );
}

#[test]
fn who_always_loses_is_told_so_in_the_end() {
    let (bench, tried) = losing(u32::MAX);
    let lost = bench.add_now(1);
    assert!(
        matches!(lost, Err(CommandError::Conflict { .. })),
        "{lost:?}"
    );
    assert_eq!(tried.load(Ordering::SeqCst), 16);
}

#[test]
fn a_request_that_is_known_but_never_found_is_given_up() {
    let bench = Bench::new()
        .altered(|log| log.refusing(|append| Some(AppendError::RequestKnown(append.request))));
    let lost = bench.add_now(1);
    let known = matches!(
        &lost,
        Err(CommandError::Append(AppendError::RequestKnown(_)))
    );
    assert!(known, "{lost:?}");
}

#[test]
fn what_the_rules_refuse_is_not_tried() {
    let (bench, tried) = losing(0);
    bench.add_now(10).unwrap();
    assert_eq!(reason(bench.add_now(1)), "NOTEBOOK_FULL");
    assert_eq!(tried.load(Ordering::SeqCst), 1);
}

#[test]
fn what_is_only_validated_is_answered_and_not_stored() {
    let bench = Bench::new();
    let only = RequestContext {
        validate_only: true,
        ..request(made_at(noon()))
    };
    assert_eq!(bench.add(1, &only).unwrap().version, Version(1));
    assert_eq!(reason(bench.add(11, &only)), "NOTEBOOK_FULL");
    assert_eq!(bench.stored(), 0);
}
