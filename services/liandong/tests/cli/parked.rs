//! The commands about parked cases.

use proto::operations::v1 as pb;
use serde_json::json;

use crate::fake::{Script, at, run, with_services};

const CASE: &str = "310000-00000000-0000-7000-8000-000000000001";

fn script(still_parked: &str) -> Script {
    Script {
        parked: vec![pb::ParkedCase {
            region: "370200".to_owned(),
            service: "caseteam".to_owned(),
            policy: "form-team".to_owned(),
            case_id: CASE.to_owned(),
            event: "370200.referral@12".to_owned(),
            event_type: "referral.Accepted".to_owned(),
            recorded_at: Some(prost_types::Timestamp {
                seconds: 60,
                nanos: 0,
            }),
            cause: "the desk is closed".to_owned(),
            waiting: 2,
        }],
        still_parked: still_parked.to_owned(),
        ..Script::default()
    }
}

#[test]
fn parked_cases_are_listed_with_what_a_decision_needs() {
    with_services(script(""), |url, asked| async move {
        let json = run(at(&url, "sh-admin", &["parked", "ls", "-o", "json"])).await;
        assert_eq!(
            json.json(),
            json!([{
                "region": "370200", "policy": "form-team", "case_id": CASE, "service": "caseteam",
                "event": "370200.referral@12", "event_type": "referral.Accepted",
                "recorded_at": "1970-01-01T00:01:00Z", "waiting": 2, "cause": "the desk is closed",
            }])
        );
        assert!(asked.lock().unwrap().asked[0].starts_with("Administrator "));
        let table = run(at(&url, "sh-admin", &["parked", "ls"])).await;
        let row: Vec<&str> = table
            .out
            .lines()
            .nth(1)
            .unwrap()
            .split_whitespace()
            .collect();
        assert_eq!(row[..3], ["370200", "form-team", CASE]);
    });
}

#[test]
fn a_retry_that_works_ends_well_and_one_that_does_not_says_why() {
    let retry = ["parked", "retry", "370200", "form-team", CASE];
    with_services(script(""), |url, _| async move {
        let done = run(at(&url, "sh-admin", &retry)).await;
        assert_eq!((done.code, done.out.as_str()), (0, "events acted on: 2\n"));
    });
    with_services(script("the desk is closed"), |url, _| async move {
        let json = run(at(
            &url,
            "sh-admin",
            &[&retry[..], &["-o", "json"]].concat(),
        ))
        .await;
        assert_eq!(json.code, 1);
        assert_eq!(
            json.json(),
            json!({"done": 2, "still_parked": "the desk is closed"})
        );
        assert!(
            json.err.contains("the desk is closed; mend the cause"),
            "{}",
            json.err
        );
    });
}

#[test]
fn a_skip_carries_its_reason_and_may_be_of_no_case() {
    with_services(script(""), |url, asked| async move {
        let skip = [
            "parked",
            "skip",
            "370200",
            "form-team",
            "-",
            "--reason",
            "RecordedInError",
        ];
        let done = run(at(&url, "sh-admin", &skip)).await;
        assert_eq!(
            (done.code, done.out.as_str()),
            (0, "events acted on: 1\n"),
            "{}",
            done.err
        );
        let asked = &asked.lock().unwrap().asked[0];
        assert!(
            asked.contains("case_id: \"-\"") && asked.contains("RecordedInError"),
            "{asked}"
        );
    });
}
