//! What every log does. Each function takes an empty log named [`LOG`].

use std::sync::Arc;

use futures::future::join_all;
use futures::{FutureExt, pin_mut};
use jiff::Timestamp;
use uuid::Uuid;

use crate::actor::Actor;
use crate::chain::{Checkpoint, Hash, chain_hash};
use crate::envelope::{Body, Envelope, Recorded};
use crate::ids::{LogId, Position, StreamId, Version};
use crate::log::{Append, AppendError, EventLog};
use crate::testing::append;

/// The log that the suite is run on.
pub const LOG: &str = "310000.referral";

/// Makes a `#[test]` of every sentence of the contract.
///
/// `$run` runs a future to its end; `$fresh` is an async function that gives an empty log named
/// [`LOG`] (an `Arc<dyn EventLog>`) and whatever has to live as long as it.
#[macro_export]
macro_rules! event_log_contract {
    ($run:path, $fresh:path) => {
        $crate::event_log_contract!(@each $run, $fresh,
            an_empty_log_begins_at_its_genesis
            events_are_read_back_as_they_were_appended
            positions_have_no_holes_and_hashes_continue_the_chain
            a_stream_is_read_from_a_version_on_and_without_the_others
            an_append_with_the_wrong_expectation_says_where_the_stream_is
            an_append_to_several_streams_is_stored_wholly_or_not_at_all
            a_request_is_taken_once_and_found_again
            an_append_that_does_not_fit_its_envelopes_is_refused
            an_append_with_an_incomplete_envelope_is_refused
            pages_are_as_long_as_asked_and_end_at_the_head
            whoever_waits_for_a_position_is_woken_by_it
            of_concurrent_appends_to_one_stream_one_wins
            concurrent_appends_keep_their_order_and_none_is_lost
            a_copy_keeps_positions_hashes_and_bytes
            a_copy_that_does_not_continue_the_chain_is_refused
        );
    };
    (@each $run:path, $fresh:path, $($sentence:ident)+) => {$(
        #[test]
        fn $sentence() {
            $run(async {
                let (log, _alive) = $fresh().await;
                $crate::testing::contract::event_log::$sentence(log).await;
            });
        }
    )+};
}

type Log = Arc<dyn EventLog>;

pub async fn an_empty_log_begins_at_its_genesis(log: Log) {
    let head = log.head();
    assert_eq!(head.position, Position(0));
    assert_eq!(head.hash, Hash::genesis(log.id()));
    assert_eq!(head.recorded_at, None);
    assert_eq!(all(&log).await, []);
    assert_eq!(log.verify().await.unwrap().events, 0);
}

pub async fn events_are_read_back_as_they_were_appended(log: Log) {
    let sent = append(LOG, 1, 0, 3);
    let appended = log.append(sent.clone()).await.unwrap();
    assert_eq!((appended.first, appended.last), (Position(1), Position(3)));
    let read = log.read(&sent.writes[0].stream, Version(1)).await.unwrap();
    let bodies: Vec<Body> = read.iter().map(|event| event.body.clone()).collect();
    assert_eq!(bodies, sent.writes[0].events);
    for event in read {
        let envelope: Envelope = serde_json::from_slice(event.body.bytes()).unwrap();
        assert_eq!(event.envelope, envelope);
    }
}

pub async fn positions_have_no_holes_and_hashes_continue_the_chain(log: Log) {
    for stream in 1..=40 {
        log.append(append(LOG, stream, 0, 2)).await.unwrap();
    }
    let mut at = Checkpoint::start(log.id());
    for event in all(&log).await {
        at.accept(event.position, &event.body.sha256(), &event.hash)
            .unwrap();
    }
    let head = log.head();
    assert_eq!((at.position, at.hash), (head.position, head.hash));
    assert_eq!(head.position, Position(80));
    assert_eq!(head.recorded_at, Some(Timestamp::UNIX_EPOCH));
    let verified = log.verify().await.unwrap();
    assert_eq!((verified.events, verified.head), (80, head.hash));
}

pub async fn a_stream_is_read_from_a_version_on_and_without_the_others(log: Log) {
    for version in 0..30 {
        log.append(append(LOG, 1, version * 2, 2)).await.unwrap();
        log.append(append(LOG, 2, version, 1)).await.unwrap();
    }
    let stream = append(LOG, 1, 0, 1).writes[0].stream.clone();
    for from in [1, 2, 31, 60, 61] {
        let read = log.read(&stream, Version(from)).await.unwrap();
        let versions: Vec<u64> = read.iter().map(|event| event.envelope.version.0).collect();
        assert_eq!(versions, (from..=60).collect::<Vec<u64>>());
        assert!(read.iter().all(|event| event.envelope.subject == stream));
    }
    let unknown = append(LOG, 3, 0, 1).writes[0].stream.clone();
    assert_eq!(log.read(&unknown, Version(1)).await.unwrap(), []);
}

pub async fn an_append_with_the_wrong_expectation_says_where_the_stream_is(log: Log) {
    for version in 0..20 {
        log.append(append(LOG, 1, version, 1)).await.unwrap();
    }
    for expected in [0, 19, 21] {
        let late = append(LOG, 1, expected, 1);
        let conflict = AppendError::Conflict {
            stream: late.writes[0].stream.clone(),
            expected: Version(expected),
            actual: Version(20),
        };
        assert_eq!(log.append(late).await, Err(conflict));
    }
    assert_eq!(log.head().position, Position(20));
}

pub async fn an_append_to_several_streams_is_stored_wholly_or_not_at_all(log: Log) {
    let both = to_two_streams(1, 2);
    log.append(both.clone()).await.unwrap();
    for write in &both.writes {
        assert_eq!(log.read(&write.stream, Version(1)).await.unwrap().len(), 1);
    }
    let half_wrong = to_two_streams(3, 2);
    let refused = log.append(half_wrong.clone()).await;
    assert!(matches!(refused, Err(AppendError::Conflict { .. })));
    let untouched = log.read(&half_wrong.writes[0].stream, Version(1)).await;
    assert_eq!(untouched.unwrap(), []);
    assert_eq!(log.head().position, Position(2));
}

pub async fn a_request_is_taken_once_and_found_again(log: Log) {
    let mut sent = Vec::new();
    for stream in 1..=30 {
        let one = append(LOG, stream, 0, 2);
        log.append(one.clone()).await.unwrap();
        sent.push(one);
    }
    for one in sent {
        let found = log.find_request(one.request).await.unwrap();
        let bodies: Vec<Body> = found.into_iter().map(|event| event.body).collect();
        assert_eq!(bodies, one.writes[0].events);
        let again = log.append(one.clone()).await;
        assert_eq!(again, Err(AppendError::RequestKnown(one.request)));
    }
    assert_eq!(log.find_request(Uuid::now_v7()).await.unwrap(), []);
    assert_eq!(log.head().position, Position(60));
}

pub async fn an_append_that_does_not_fit_its_envelopes_is_refused(log: Log) {
    let sound = append(LOG, 1, 0, 1);
    let mut empty = sound.clone();
    empty.writes[0].events.clear();
    let mut of_another_request = sound.clone();
    of_another_request.request = Uuid::now_v7();
    let mut of_another_stream = sound.clone();
    of_another_stream.writes[0].stream = append(LOG, 2, 0, 1).writes[0].stream.clone();
    let mut with_a_gap = append(LOG, 1, 0, 3);
    with_a_gap.writes[0].events.remove(1);
    let mut to_one_stream_twice = sound.clone();
    to_one_stream_twice.writes.push(sound.writes[0].clone());
    let of_another_region = append("370200.referral", 1, 0, 1);
    let of_another_context = append("310000.intake", 1, 0, 1);
    let mut of_no_envelope = sound.clone();
    of_no_envelope.writes[0].events = vec![Body::from_bytes("{}".into()).unwrap()];
    for wrong in [
        empty,
        of_another_request,
        of_another_stream,
        with_a_gap,
        to_one_stream_twice,
        of_another_region,
        of_another_context,
        of_no_envelope,
    ] {
        let refused = log.append(wrong.clone()).await;
        assert!(
            matches!(refused, Err(AppendError::Refused(_))),
            "{wrong:?}: {refused:?}"
        );
    }
    assert_eq!(log.head().position, Position(0));
}

pub async fn an_append_with_an_incomplete_envelope_is_refused(log: Log) {
    let sound = append(LOG, 1, 0, 1);
    let complete: Envelope = serde_json::from_slice(sound.writes[0].events[0].bytes()).unwrap();
    let with = |alter: fn(&mut Envelope)| {
        let mut envelope = complete.clone();
        alter(&mut envelope);
        let mut append = sound.clone();
        append.request = envelope.requestid;
        let bytes = serde_json::to_vec(&envelope).unwrap();
        append.writes[0].events = vec![Body::from_bytes(bytes.into()).unwrap()];
        append
    };
    for incomplete in [
        with(|event| event.actor = Actor::person("p-1", "", "worker")),
        with(|event| event.actor = Actor::system("", "1")),
        with(|event| event.caseid = None),
        with(|event| event.causationid = Uuid::nil()),
        with(|event| event.requestid = Uuid::nil()),
        with(|event| event.specversion = "0.3".into()),
        with(|event| event.datacontenttype = "text/plain".into()),
        with(|event| event.source = "/310000/intake".into()),
        with(|event| event.event_type = "intake.Noted".into()),
        with(|event| event.event_type = "referral.".into()),
        with(|event| event.dataschema = "urn:liandong:referral.Other:1".into()),
        with(|event| event.dataschema = "urn:liandong:referral.Noted:one".into()),
    ] {
        let refused = log.append(incomplete.clone()).await;
        assert!(
            matches!(refused, Err(AppendError::Refused(_))),
            "{incomplete:?}: {refused:?}"
        );
    }
    assert_eq!(log.head().position, Position(0));
    log.append(with(|_| ())).await.unwrap();
}

pub async fn pages_are_as_long_as_asked_and_end_at_the_head(log: Log) {
    for stream in 1..=20 {
        log.append(append(LOG, stream, 0, 3)).await.unwrap();
    }
    for limit in [1, 2, 7, 60, 100] {
        let mut positions = Vec::new();
        loop {
            let after = Position(positions.last().copied().unwrap_or(0));
            let page = log.read_all(after, limit).await.unwrap();
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            positions.extend(page.iter().map(|event| event.position.0));
        }
        assert_eq!(positions, (1..=60).collect::<Vec<u64>>());
    }
    assert_eq!(log.read_all(Position(99), 10).await.unwrap(), []);
}

pub async fn whoever_waits_for_a_position_is_woken_by_it(log: Log) {
    log.append(append(LOG, 1, 0, 1)).await.unwrap();
    log.wait_past(Position(0)).await;
    let second = log.wait_past(Position(1));
    pin_mut!(second);
    assert!((&mut second).now_or_never().is_none());
    log.append(append(LOG, 2, 0, 1)).await.unwrap();
    second.await;
}

pub async fn of_concurrent_appends_to_one_stream_one_wins(log: Log) {
    let rivals = (0..16).map(|_| log.append(append(LOG, 1, 0, 1)));
    let outcomes = join_all(rivals).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for lost in outcomes.into_iter().filter_map(Result::err) {
        assert!(
            matches!(
                lost,
                AppendError::Conflict {
                    actual: Version(1),
                    ..
                }
            ),
            "{lost}"
        );
    }
    let repeated = append(LOG, 2, 0, 1);
    let outcomes = join_all((0..16).map(|_| log.append(repeated.clone()))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(log.head().position, Position(2));
}

pub async fn concurrent_appends_keep_their_order_and_none_is_lost(log: Log) {
    let writers = (1..=64).map(|stream| {
        let log = Arc::clone(&log);
        async move {
            let mut last = Position(0);
            for version in 0..10 {
                let appended = log.append(append(LOG, stream, version, 1)).await.unwrap();
                assert!(appended.last > last);
                last = appended.last;
            }
        }
    });
    join_all(writers).await;
    let events = all(&log).await;
    assert_eq!(events.len(), 640);
    for stream in 1..=64 {
        let stream = append(LOG, stream, 0, 1).writes[0].stream.clone();
        let of_stream = events.iter().map(|event| &event.envelope);
        let versions: Vec<u64> = of_stream
            .filter(|envelope| envelope.subject == stream)
            .map(|envelope| envelope.version.0)
            .collect();
        assert_eq!(versions, (1..=10).collect::<Vec<u64>>());
    }
    log.verify().await.unwrap();
}

pub async fn a_copy_keeps_positions_hashes_and_bytes(log: Log) {
    let copy = chained(log.id(), 50);
    let head = log.import(copy[..20].to_vec()).await.unwrap();
    assert_eq!((head.position, head.hash), (Position(20), copy[19].hash));
    log.import(copy[20..].to_vec()).await.unwrap();
    assert_eq!(all(&log).await, copy);
    log.verify().await.unwrap();
    let known = copy[30].envelope.requestid;
    assert_eq!(log.find_request(known).await.unwrap(), [copy[30].clone()]);
    let next = log.append(append(LOG, 31, 1, 1)).await.unwrap();
    assert_eq!(next.first, Position(51));
}

pub async fn a_copy_that_does_not_continue_the_chain_is_refused(log: Log) {
    let copy = chained(log.id(), 5);
    let with_a_hole = [&copy[..2], &copy[3..]].concat();
    let mut forged = copy.clone();
    forged[3].body = append(LOG, 99, 0, 1).writes[0].events[0].clone();
    let late = copy[1..].to_vec();
    let of_another_log = chained(&"370200.referral".parse().unwrap(), 3);
    for wrong in [with_a_hole, forged, late, of_another_log] {
        let refused = log.import(wrong).await;
        assert!(
            matches!(refused, Err(AppendError::Refused(_))),
            "{refused:?}"
        );
    }
    assert_eq!(log.head().position, Position(0));
    assert_eq!(all(&log).await, []);
}

/// Everything in a log, page by page.
pub async fn all(log: &Log) -> Vec<Recorded> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let after = events.last().map_or(Position(0), |last| last.position);
        let page = log.read_all(after, 16).await.unwrap();
        if page.is_empty() {
            return events;
        }
        events.extend(page);
    }
}

/// What a log holds after one event each in `count` streams.
pub fn chained(log: &LogId, count: u64) -> Vec<Recorded> {
    let mut at = Checkpoint::start(log);
    let event = |n: u64| {
        let one = append(&log.to_string(), n.into(), 0, 1);
        let body = one.writes[0].events[0].clone();
        let hash = chain_hash(&at.hash, Position(n), &body.sha256());
        at = Checkpoint {
            position: Position(n),
            hash,
        };
        Recorded::read(Position(n), hash, body).unwrap()
    };
    (1..=count).map(event).collect()
}

fn to_two_streams(first: u128, second: u128) -> Append {
    let mut both = append(LOG, first, 0, 1);
    let mut other = append(LOG, second, 0, 1);
    let body = &other.writes[0].events[0];
    let envelope: Envelope = serde_json::from_slice(body.bytes()).unwrap();
    let envelope = Envelope {
        requestid: both.request,
        ..envelope
    };
    other.writes[0].events = vec![Body::seal(&envelope).unwrap()];
    both.writes.append(&mut other.writes);
    both
}

/// The stream number `n` of [`append`].
pub fn stream(n: u128) -> StreamId {
    append(LOG, n, 0, 1).writes.remove(0).stream
}
