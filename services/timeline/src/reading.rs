//! The order of reading: by the hybrid logical clock, but never an effect before its cause.

use std::collections::{HashMap, HashSet};

use eventsourcing::{Order, Recorded};
use jiff::Timestamp;
use uuid::Uuid;

/// The event that caused this one; `None` if a person did.
pub(crate) fn cause_of(event: &Recorded) -> Option<Uuid> {
    let envelope = &event.envelope;
    (envelope.causationid != envelope.requestid).then_some(envelope.causationid)
}

/// Leaves out what was recorded after `as_of`, and every effect whose cause is left out.
pub(crate) fn known_by(events: Vec<Recorded>, as_of: Timestamp) -> Vec<Recorded> {
    let mut left_out: HashSet<Uuid> = HashSet::new();
    loop {
        let before = left_out.len();
        for event in &events {
            let late = event.envelope.recordedtime > as_of;
            if late || cause_of(event).is_some_and(|cause| left_out.contains(&cause)) {
                left_out.insert(event.envelope.id);
            }
        }
        if left_out.len() == before {
            break;
        }
    }
    events
        .into_iter()
        .filter(|event| !left_out.contains(&event.envelope.id))
        .collect()
}

/// Sorts the events of a case as people read them.
pub(crate) fn sort(events: &mut [Recorded]) {
    let by_id: HashMap<Uuid, (Order, Option<Uuid>)> = events
        .iter()
        .map(|event| (event.envelope.id, (event.envelope.order, cause_of(event))))
        .collect();
    let mut places = HashMap::new();
    for id in by_id.keys() {
        place(*id, &by_id, &mut places);
    }
    events.sort_by_cached_key(|event| {
        let (order, depth) = places[&event.envelope.id];
        (order, depth, event.envelope.log(), event.position)
    });
}

/// An event stands at its own order or its cause's, whichever is later, and deeper than its cause.
fn place(
    id: Uuid,
    by_id: &HashMap<Uuid, (Order, Option<Uuid>)>,
    places: &mut HashMap<Uuid, (Order, u32)>,
) {
    // From the event up to the first cause that has a place, then back down: no recursion, and a
    // forged circle of causes ends at the first event met twice.
    let mut chain = Vec::new();
    let mut at = Some(id);
    while let Some(event) = at.filter(|event| !places.contains_key(event)) {
        let Some((_, cause)) = by_id.get(&event) else {
            break;
        };
        if chain.contains(&event) {
            break;
        }
        chain.push(event);
        at = *cause;
    }
    for event in chain.into_iter().rev() {
        let (own, cause) = by_id[&event];
        let after = cause.and_then(|cause| places.get(&cause).copied());
        let found = after.map_or((own, 0), |(order, depth)| (own.max(order), depth + 1));
        places.insert(event, found);
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::testing::envelope;
    use eventsourcing::{Body, Envelope, Hash, Position};
    use proptest::prelude::*;

    use super::*;

    fn event(millis: u64, cause: Option<Uuid>) -> Recorded {
        let base = envelope("310000.referral", "referral", 1);
        let envelope = Envelope {
            id: Uuid::now_v7(),
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
    fn as_of_leaves_out_what_came_later_and_whatever_that_caused() {
        let cause = event(100, None);
        let effect = event(50, Some(cause.envelope.id));
        let second = event(60, Some(effect.envelope.id));
        let earlier = event(40, None);
        let at = Timestamp::from_millisecond(70).unwrap();
        let known = known_by(vec![second, effect, cause, earlier.clone()], at);
        assert_eq!(known, [earlier]);
    }

    #[test]
    fn a_forged_circle_of_causes_is_read_and_not_followed_for_ever() {
        let mut first = event(1, None);
        let second = event(2, Some(first.envelope.id));
        first.envelope.causationid = second.envelope.id;
        let mut events = vec![first, second];
        sort(&mut events);
        assert_eq!(events.len(), 2);
    }

    proptest! {
        #[test]
        fn no_entry_precedes_its_cause_however_wrong_the_clocks_are(
            history in prop::collection::vec((0_u64..7_200_000, any::<prop::sample::Index>(), any::<bool>()), 1..40)
        ) {
            let mut events: Vec<Recorded> = Vec::new();
            for (millis, cause, caused) in history {
                let cause = (caused && !events.is_empty()).then(|| cause.get(&events).envelope.id);
                events.push(event(millis, cause));
            }
            sort(&mut events);
            let at: HashMap<Uuid, usize> =
                events.iter().enumerate().map(|(at, event)| (event.envelope.id, at)).collect();
            for event in &events {
                if let Some(cause) = cause_of(event) {
                    prop_assert!(at[&cause] < at[&event.envelope.id]);
                }
            }
        }
    }
}
