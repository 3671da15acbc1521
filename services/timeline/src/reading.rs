//! The order of reading: by the hybrid logical clock, but never an event before its predecessors.

use std::collections::{HashMap, HashSet};

use eventsourcing::{LogId, Recorded, StreamId, Version};
use jiff::Timestamp;
use uuid::Uuid;

/// What an event is never told before, never shown before, and never known without.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Predecessor {
    /// The event that a policy followed.
    Cause(Uuid),
    /// The version before it in its own stream.
    Before(LogId, StreamId, Version),
}

/// The event that caused this one; `None` if a person did.
pub(crate) fn cause_of(event: &Recorded) -> Option<Uuid> {
    let envelope = &event.envelope;
    (envelope.causationid != envelope.requestid).then_some(envelope.causationid)
}

/// The predecessors of an event: its cause, and the version before it in its stream.
pub(crate) fn predecessors(event: &Recorded) -> impl Iterator<Item = Predecessor> {
    let envelope = &event.envelope;
    let cause = cause_of(event).map(Predecessor::Cause);
    let before = envelope.version.0.checked_sub(1).filter(|n| *n > 0);
    let before =
        before.map(|n| Predecessor::Before(envelope.log(), envelope.subject.clone(), Version(n)));
    cause.into_iter().chain(before)
}

/// Leaves out what was recorded after `as_of`, and every event with a predecessor that is left out.
pub(crate) fn known_by(events: Vec<Recorded>, as_of: Timestamp) -> Vec<Recorded> {
    let web = Web::of(&events);
    let mut left_out = vec![false; events.len()];
    for at in web.in_order() {
        let late = events[at].envelope.recordedtime > as_of;
        left_out[at] = late || web.before[at].iter().any(|before| left_out[*before]);
    }
    let known = events.into_iter().zip(left_out);
    known
        .filter_map(|(event, left_out)| (!left_out).then_some(event))
        .collect()
}

/// `events`, and those of `later` that come before any of them.
pub(crate) fn with_predecessors(events: Vec<Recorded>, later: Vec<Recorded>) -> Vec<Recorded> {
    let first = events.len();
    let all: Vec<Recorded> = events.into_iter().chain(later).collect();
    let web = Web::of(&all);
    let mut wanted = vec![false; all.len()];
    let mut open: Vec<usize> = (0..first).collect();
    while let Some(at) = open.pop() {
        if !std::mem::replace(&mut wanted[at], true) {
            open.extend(&web.before[at]);
        }
    }
    let wanted = all.into_iter().zip(wanted);
    wanted
        .filter_map(|(event, wanted)| wanted.then_some(event))
        .collect()
}

/// The causes that are named by `events` and are not among them.
pub(crate) fn missing_causes(events: &[Recorded]) -> HashSet<Uuid> {
    let here: HashSet<Uuid> = events.iter().map(|event| event.envelope.id).collect();
    let causes = events.iter().filter_map(cause_of);
    causes.filter(|cause| !here.contains(cause)).collect()
}

/// Sorts the events of a case as people read them.
///
/// An event stands at its own order or the latest of its predecessors', and deeper than they.
pub(crate) fn sort(events: &mut [Recorded]) {
    let web = Web::of(events);
    let mut places = vec![None; events.len()];
    for at in web.in_order() {
        let before = web.before[at].iter().filter_map(|before| places[*before]);
        let (order, depth) = before
            .fold((events[at].envelope.order, 0), |place, (order, depth)| {
                (place.0.max(order), place.1.max(depth + 1))
            });
        places[at] = Some((order, depth));
    }
    let keys: HashMap<Uuid, _> = events
        .iter()
        .zip(places)
        .map(|(event, place)| (event.envelope.id, place))
        .collect();
    events.sort_by_cached_key(|event| {
        let place = keys[&event.envelope.id];
        (place, event.envelope.log(), event.position)
    });
}

/// Which of some events come before which; what is not among them holds nothing.
struct Web {
    /// The predecessors of each event, by its index.
    before: Vec<Vec<usize>>,
}

impl Web {
    fn of(events: &[Recorded]) -> Self {
        let mut named = HashMap::new();
        for (at, event) in events.iter().enumerate() {
            let envelope = &event.envelope;
            let place = (envelope.log(), envelope.subject.clone(), envelope.version);
            named.insert(Predecessor::Before(place.0, place.1, place.2), at);
            named.insert(Predecessor::Cause(envelope.id), at);
        }
        let before = events.iter().map(|event| {
            let found = predecessors(event).filter_map(|before| named.get(&before).copied());
            found.collect()
        });
        Self {
            before: before.collect(),
        }
    }

    /// Every event after its predecessors. A forged circle has no such order: its events come last,
    /// as they stand.
    fn in_order(&self) -> Vec<usize> {
        let mut after = vec![Vec::new(); self.before.len()];
        let mut waits_for: Vec<usize> = self.before.iter().map(Vec::len).collect();
        for (at, before) in self.before.iter().enumerate() {
            for before in before {
                after[*before].push(at);
            }
        }
        let all = 0..self.before.len();
        let mut free: Vec<usize> = all.clone().filter(|at| waits_for[*at] == 0).collect();
        let mut order = Vec::with_capacity(all.len());
        while let Some(at) = free.pop() {
            order.push(at);
            for next in &after[at] {
                waits_for[*next] -= 1;
                if waits_for[*next] == 0 {
                    free.push(*next);
                }
            }
        }
        order.extend(all.filter(|at| waits_for[*at] > 0));
        order
    }
}

#[cfg(test)]
mod tests;
