//! Which request ids are taken, and for how long.

use eventsourcing::{Actor, RequestContext};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::notebook::{Bench, made_at, noon, notebook, reason, request};

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn rule(id: Uuid) -> RequestContext {
    RequestContext {
        actor: Actor::system("a-rule", "1"),
        ..request(id)
    }
}

#[test]
fn a_request_id_is_taken_for_seven_days_and_not_a_second_longer() {
    let bench = Bench::new();
    bench.add(1, &request(made_at(noon() - WEEK))).unwrap();
    let late = bench.add(1, &request(made_at(noon() - WEEK - SECOND)));
    assert_eq!(reason(late), "REQUEST_ID_TOO_OLD");
    assert_eq!(bench.stored(), 1);
}

#[test]
fn a_request_id_from_the_future_is_refused_beyond_what_clocks_differ() {
    let bench = Bench::new();
    let minutes = |n| made_at(noon() + SignedDuration::from_mins(n));
    bench.add(1, &request(minutes(5))).unwrap();
    assert_eq!(
        reason(bench.add(1, &request(minutes(10)))),
        "REQUEST_ID_IN_FUTURE"
    );
}

#[test]
fn a_rule_that_repeats_itself_a_year_later_gets_its_first_answer() {
    let bench = Bench::new();
    let id = Uuid::new_v5(&Uuid::from_u128(9), b"a-rule");
    let first = bench.add(1, &rule(id)).unwrap();
    bench.pass(SignedDuration::from_hours(365 * 24));
    let again = bench.add(1, &rule(id)).unwrap();
    assert!(again.repeated);
    assert_eq!((again.events, again.version), (first.events, first.version));
    assert_eq!(bench.stored(), 1);
}

#[test]
fn a_person_may_not_use_the_id_of_a_rule_nor_any_other_version() {
    let bench = Bench::new();
    for id in [
        Uuid::new_v5(&Uuid::from_u128(9), b"a-rule"),
        Uuid::nil(),
        Uuid::from_u128(0x4000_8000_0000_0000_0000),
    ] {
        assert_eq!(reason(bench.add(1, &request(id))), "REQUEST_ID_INVALID");
    }
}

#[test]
fn what_belongs_to_another_case_is_refused() {
    let bench = Bench::new();
    bench.add_now(1).unwrap();
    let of_another = RequestContext {
        case: Some(notebook(101)),
        ..request(made_at(noon()))
    };
    assert_eq!(reason(bench.add(1, &of_another)), "OTHER_CASE");
    let of_none = RequestContext {
        case: None,
        ..request(made_at(noon()))
    };
    bench.add(1, &of_none).unwrap();
    assert_eq!(bench.history()[1].envelope.caseid, Some(notebook(100)));
}

#[test]
fn what_begins_without_a_case_is_not_stored() {
    let bench = Bench::new();
    let of_none = RequestContext {
        case: None,
        ..request(made_at(noon()))
    };
    assert!(bench.add(1, &of_none).is_err());
    assert_eq!(bench.stored(), 0);
}
