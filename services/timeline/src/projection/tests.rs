//! Telling, by example and over random histories that arrive in random order.

use std::collections::{HashMap, HashSet};

use domain::ids::CaseId;
use eventsourcing::Envelope;
use proptest::prelude::*;

use super::*;
use crate::reading::{cause_of, known_by, missing_causes, sort};
use crate::samples::{
    CENTRAL, LOGS, QINGDAO, SHANGHAI, at, case, chained, empty_rows, event, log, project,
};

const HOUR: u64 = 3_600_000;

/// What a watch of all cases delivers, read in small pages.
fn watched(rows: &Arc<dyn ProjectionStore>, case: Option<&str>) -> Vec<Uuid> {
    let mut ids = Vec::new();
    let mut cursor = None;
    loop {
        let page = after(rows, case, cursor, 3).unwrap();
        let Some((last, _)) = page.last() else {
            return ids;
        };
        cursor = Some(last.parse().unwrap());
        ids.extend(page.iter().map(|(_, event)| event.envelope.id));
    }
}

fn recorded(envelope: &Envelope) -> Recorded {
    chained(&envelope.log(), std::slice::from_ref(envelope)).remove(0)
}

fn summary_of_the_case(rows: &Arc<dyn ProjectionStore>) -> (u64, u64, u64) {
    let row = summary::find(rows, CaseId(case())).unwrap().unwrap();
    (row.entries, row.waiting, row.unknown)
}

fn last_recorded(rows: &Arc<dyn ProjectionStore>) -> Option<Recorded> {
    let row = summary::find(rows, CaseId(case())).unwrap().unwrap();
    row.last_event()
}

#[test]
fn an_effect_waits_for_its_cause_however_far_the_clocks_are_apart() {
    let rows = empty_rows();
    let cause = event(SHANGHAI, 1, 1, 9 * HOUR, None);
    let effect = event(QINGDAO, 1, 1, HOUR, Some(cause.id));
    let second = event(CENTRAL, 1, 1, 2 * HOUR, Some(effect.id));
    let unrelated = event(CENTRAL, 2, 1, 20 * HOUR, None);
    project(&rows, &[&second, &effect, &unrelated].map(recorded));
    assert_eq!(watched(&rows, None), [unrelated.id]);
    assert_eq!(summary_of_the_case(&rows), (1, 2, 1));

    project(&rows, &[recorded(&cause)]);
    let told = [unrelated.id, cause.id, effect.id, second.id];
    assert_eq!(watched(&rows, None), told);
    assert_eq!(watched(&rows, Some(&case().to_string())), told);
    assert_eq!(summary_of_the_case(&rows), (4, 0, 4));
}

#[test]
fn the_next_version_of_a_stream_waits_for_the_one_that_waits() {
    let rows = empty_rows();
    let cause = event(SHANGHAI, 1, 1, HOUR, None);
    let first = event(QINGDAO, 1, 1, 1, Some(cause.id));
    let second = event(QINGDAO, 1, 2, 2, None);
    project(
        &rows,
        &chained(&log(QINGDAO), &[first.clone(), second.clone()]),
    );
    assert!(watched(&rows, None).is_empty());
    project(&rows, &[recorded(&cause)]);
    assert_eq!(watched(&rows, None), [cause.id, first.id, second.id]);
}

#[test]
fn what_belongs_to_no_case_holds_its_effects_only_until_it_is_there() {
    let rows = empty_rows();
    let mut cause = event("310000.directory", 1, 1, HOUR, None);
    cause.caseid = None;
    cause.subject.kind = "policy".to_owned();
    let effect = event(QINGDAO, 1, 1, 1, Some(cause.id));
    project(&rows, &[recorded(&effect)]);
    assert!(watched(&rows, None).is_empty());
    project(&rows, &[recorded(&cause)]);
    assert_eq!(watched(&rows, None), [effect.id]);
}

#[test]
fn an_event_of_a_newer_program_is_counted_and_stops_nothing() {
    let rows = empty_rows();
    let mut newer = event("310000.intake", 1, 1, 1, None);
    newer.subject.kind = "intake".to_owned();
    newer.event_type = "intake.Foreseen".to_owned();
    newer.dataschema = "urn:liandong:intake.Foreseen:1".to_owned();
    let other = event(SHANGHAI, 1, 1, 2, Some(newer.id));
    project(&rows, &[&newer, &other].map(recorded));
    assert_eq!(watched(&rows, None), [newer.id, other.id]);
    assert_eq!(summary_of_the_case(&rows), (2, 0, 2));
}

#[test]
fn a_cursor_of_rows_that_are_gone_begins_again() {
    let rows = empty_rows();
    let only = event(SHANGHAI, 1, 1, 1, None);
    project(&rows, &[recorded(&only)]);
    let foreign = Cursor {
        store: Uuid::new_v4(),
        last: 900,
    };
    assert_eq!(after(&rows, None, Some(foreign), 9).unwrap().len(), 1);
    assert_eq!(foreign.to_string().parse(), Ok(foreign));
    for rubbish in ["", "7", "x-7", "310000-0199", "-"] {
        assert_eq!(rubbish.parse::<Cursor>(), Err(NoCursor), "{rubbish}");
    }
}

/// Which log, which of its two streams, the clock, the cause among the earlier events.
type Step = (usize, u128, u64, Option<prop::sample::Index>);

fn histories() -> impl Strategy<Value = Vec<Step>> {
    let cause = prop::option::weighted(0.7, any::<prop::sample::Index>());
    prop::collection::vec((0..LOGS.len(), 1..3_u128, 0..2 * HOUR, cause), 1..30)
}

fn history(steps: Vec<Step>) -> Vec<Envelope> {
    let mut versions: HashMap<(usize, u128), u64> = HashMap::new();
    let mut events: Vec<Envelope> = Vec::new();
    for (log, stream, millis, cause) in steps {
        let version = versions.entry((log, stream)).or_default();
        *version += 1;
        let cause = cause.filter(|_| !events.is_empty());
        let cause = cause.map(|cause| cause.get(&events).id);
        events.push(event(LOGS[log], stream, *version, millis, cause));
    }
    events
}

/// The events in an order in which they may arrive: each log's in its own order.
fn arriving(events: &[Envelope], choices: &[prop::sample::Index]) -> Vec<Recorded> {
    let mut logs: Vec<_> = LOGS
        .iter()
        .map(|name| chained(&log(name), events).into_iter().peekable())
        .collect();
    let mut arriving = Vec::new();
    for choice in choices.iter().cycle() {
        logs.retain_mut(|log| log.peek().is_some());
        if logs.is_empty() {
            break;
        }
        let log = choice.index(logs.len());
        arriving.extend(logs[log].next());
    }
    arriving
}

fn reading(rows: &Arc<dyn ProjectionStore>) -> Vec<Recorded> {
    let mut events = of_case(rows, &case().to_string(), u64::MAX).unwrap();
    sort(&mut events);
    events
}

/// Each once, after its cause and after the version before it.
fn in_order(told: &[Uuid], events: &[Recorded]) -> bool {
    let by_id: HashMap<Uuid, &Recorded> = events
        .iter()
        .map(|event| (event.envelope.id, event))
        .collect();
    let mut seen = HashSet::new();
    let mut versions: HashMap<String, u64> = HashMap::new();
    told.iter().all(|id| {
        let event = by_id[id];
        let version = versions
            .entry(event.envelope.subject.to_string())
            .or_default();
        *version += 1;
        let caused = cause_of(event).is_none_or(|cause| seen.contains(&cause));
        seen.insert(*id) && caused && *version == event.envelope.version.0
    })
}

proptest! {
    #[test]
    fn however_events_arrive_each_is_told_once_in_order_and_all_read_the_same(
        steps in histories(),
        one in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        other in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        as_of in 0..2 * HOUR,
        pages_from in any::<prop::sample::Index>(),
    ) {
        let events = history(steps);
        let mut readings = Vec::new();
        let mut last = Vec::new();
        for choices in [one, other] {
            let arriving = arriving(&events, &choices);
            let rows = empty_rows();
            let split = pages_from.index(arriving.len());
            project(&rows, &arriving[..split]);
            let told = told_so_far(&rows).unwrap();
            let first_page = reading(&rows);
            prop_assert!(in_order(&watched(&rows, None), &arriving));
            project(&rows, &arriving[split..]);
            // A list that was begun before is the same now.
            if let Some(told) = told {
                let mut again = of_case(&rows, &case().to_string(), told.last).unwrap();
                sort(&mut again);
                prop_assert_eq!(again, first_page);
            }
            let told = watched(&rows, None);
            prop_assert_eq!(told.len(), events.len());
            prop_assert!(in_order(&told, &arriving));
            prop_assert_eq!(watched(&rows, Some(&case().to_string())), told);
            prop_assert_eq!(summary_of_the_case(&rows).1, 0);
            readings.push(reading(&rows));
            last.push(last_recorded(&rows).unwrap().envelope.id);
        }
        prop_assert_eq!(last[0], last[1]);
        let ids: Vec<Uuid> = readings[0].iter().map(|event| event.envelope.id).collect();
        prop_assert!(in_order(&ids, &readings[0]));
        prop_assert_eq!(&readings[0], &readings[1]);
        let known = known_by(readings.remove(0), at(as_of));
        prop_assert!(missing_causes(&known).is_empty());
    }
}
