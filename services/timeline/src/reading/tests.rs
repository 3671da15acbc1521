//! The order of reading, by example and over random histories.

use eventsourcing::testing::envelope;
use eventsourcing::{Body, Envelope, Hash, Order, Position, ScopedId};
use proptest::prelude::*;

use super::*;

/// An event of its own stream.
fn event(millis: u64, cause: Option<Uuid>) -> Recorded {
    in_stream(Uuid::now_v7(), 1, millis, cause)
}

fn in_stream(stream: Uuid, version: u64, millis: u64, cause: Option<Uuid>) -> Recorded {
    let base = envelope("310000.referral", "referral", version);
    let id = ScopedId::new(base.region, stream);
    let envelope = Envelope {
        subject: StreamId::new("referral", id),
        order: Order { millis, counter: 0 },
        recordedtime: Timestamp::from_millisecond(i64::try_from(millis).unwrap()).unwrap(),
        causationid: cause.unwrap_or(base.requestid),
        ..base
    };
    let body = Body::seal(&envelope).unwrap();
    Recorded {
        position: Position(1),
        hash: Hash::of(b""),
        body,
        envelope,
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

#[test]
fn an_effect_from_a_clock_an_hour_behind_still_follows_its_cause() {
    let cause = event(3_600_000, None);
    let effect = event(1, Some(cause.envelope.id));
    let other = event(2, None);
    let mut events = vec![effect.clone(), other.clone(), cause.clone()];
    sort(&mut events);
    assert_eq!(events, [other, cause, effect]);
}

#[test]
fn what_follows_in_a_stream_follows_what_its_effect_came_from() {
    let stream = Uuid::now_v7();
    let cause = event(3_600_000, None);
    let first = in_stream(stream, 1, 1, Some(cause.envelope.id));
    let second = in_stream(stream, 2, 2, None);
    let mut events = vec![second.clone(), first.clone(), cause.clone()];
    sort(&mut events);
    assert_eq!(events, [cause, first, second]);
}

#[test]
fn as_of_leaves_out_what_came_later_and_whatever_that_caused() {
    let cause = event(100, None);
    let effect = event(50, Some(cause.envelope.id));
    let second = event(60, Some(effect.envelope.id));
    let earlier = event(40, None);
    let known = known_by(vec![second, effect, cause, earlier.clone()], at(70));
    assert_eq!(known, [earlier]);
}

#[test]
fn as_of_leaves_out_the_later_versions_of_a_stream_whose_earlier_one_is_left_out() {
    let stream = Uuid::now_v7();
    let cause = event(100, None);
    let first = in_stream(stream, 1, 50, Some(cause.envelope.id));
    let second = in_stream(stream, 2, 60, None);
    assert_eq!(known_by(vec![cause, first, second], at(70)), []);
}

#[test]
fn a_forged_circle_of_causes_is_read_and_not_followed_for_ever() {
    let mut first = event(1, None);
    let second = event(2, Some(first.envelope.id));
    first.envelope.causationid = second.envelope.id;
    let mut events = vec![first, second];
    sort(&mut events);
    assert_eq!(known_by(events, at(5)).len(), 2);
}

#[test]
fn of_what_was_read_later_only_what_came_before_is_taken() {
    let cause = event(10, None);
    let effect = event(20, Some(cause.envelope.id));
    let newer = event(30, Some(effect.envelope.id));
    assert_eq!(missing_causes(std::slice::from_ref(&effect)).len(), 1);
    let all = with_predecessors(vec![effect.clone()], vec![cause.clone(), newer]);
    assert_eq!(all, [effect, cause]);
    assert!(missing_causes(&all).is_empty());
}

/// Clock, cause among the earlier events, and which of three streams.
type Step = (u64, Option<prop::sample::Index>, usize);

fn histories() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0_u64..7_200_000,
        prop::option::of(any::<prop::sample::Index>()),
        0_usize..3,
    );
    prop::collection::vec(step, 1..40)
}

fn history(steps: Vec<Step>) -> Vec<Recorded> {
    let streams = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
    let mut versions = [0; 3];
    let mut events: Vec<Recorded> = Vec::new();
    for (millis, cause, stream) in steps {
        versions[stream] += 1;
        let cause = cause.filter(|_| !events.is_empty());
        let cause = cause.map(|cause| cause.get(&events).envelope.id);
        events.push(in_stream(streams[stream], versions[stream], millis, cause));
    }
    events
}

/// Where each event stands, under both of its names.
fn names(events: &[Recorded]) -> HashMap<Predecessor, usize> {
    let mut places = HashMap::new();
    for (at, event) in events.iter().enumerate() {
        let envelope = &event.envelope;
        let (log, stream) = (envelope.log(), envelope.subject.clone());
        places.insert(Predecessor::Cause(envelope.id), at);
        places.insert(Predecessor::Before(log, stream, envelope.version), at);
    }
    places
}

proptest! {
    #[test]
    fn no_entry_stands_before_its_predecessors_however_wrong_the_clocks_are(steps in histories()) {
        let mut events = history(steps);
        sort(&mut events);
        let places = names(&events);
        for (at, event) in events.iter().enumerate() {
            for before in predecessors(event) {
                prop_assert!(places[&before] < at);
            }
        }
    }

    #[test]
    fn what_was_known_at_any_moment_has_all_of_its_predecessors(
        steps in histories(), as_of in 0_i64..7_200_000
    ) {
        let known = known_by(history(steps), at(as_of));
        let places = names(&known);
        for event in &known {
            prop_assert!(event.envelope.recordedtime <= at(as_of));
            prop_assert!(predecessors(event).all(|before| places.contains_key(&before)));
        }
    }
}
