//! The commands about cases: every field arrives, in the language asked for.

use proto::timeline::v1 as pb;
use serde_json::{Value, json};

use crate::fake::{Script, at, run, with_services};

const ONE: &str = "310000-00000000-0000-7000-8000-000000000001";
const TWO: &str = "310000-00000000-0000-7000-8000-000000000002";

fn moment(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

fn triaged() -> pb::CaseSummary {
    pb::CaseSummary {
        case_id: ONE.to_owned(),
        case_type: "PsychologicalSupport".to_owned(),
        case_type_zh: "需要心理支持型".to_owned(),
        risk: "High".to_owned(),
        risk_zh: "一级".to_owned(),
        custodian: "310000-00000000-0000-7000-8000-0000000000aa".to_owned(),
        custodian_zh: "共青团上海市委员会".to_owned(),
        custodian_en: "Shanghai Youth League Committee".to_owned(),
        received_at: Some(moment(60)),
        updated_at: Some(moment(120)),
        entries: 7,
        last_text_zh: "已分诊".to_owned(),
        last_text_en: "triaged".to_owned(),
        opened: true,
        ..pb::CaseSummary::default()
    }
}

fn recorded() -> pb::CaseSummary {
    pb::CaseSummary {
        case_id: TWO.to_owned(),
        received_at: Some(moment(180)),
        updated_at: Some(moment(180)),
        entries: 1,
        ..pb::CaseSummary::default()
    }
}

fn entry(position: u64, bookkeeping: bool) -> pb::Entry {
    pb::Entry {
        event_id: format!("00000000-0000-7000-8000-{position:012}"),
        case_id: ONE.to_owned(),
        event_type: "referral.Accepted".to_owned(),
        region: "370200".to_owned(),
        stream: format!("assignment/{ONE}"),
        version: 3,
        log: "370200.referral".to_owned(),
        position,
        hash: "ab".repeat(32),
        order: "00000000003c0000".to_owned(),
        occurred_at: Some(moment(59)),
        recorded_at: Some(moment(60)),
        actor: Some(pb::Actor {
            person: "p".to_owned(),
            organization: "o".to_owned(),
            organization_zh: "青岛".to_owned(),
            organization_en: "Qingdao".to_owned(),
            role: "Authorised".to_owned(),
            role_zh: "授权负责人".to_owned(),
            ..pb::Actor::default()
        }),
        caused_by: String::new(),
        text_zh: "青岛受理".to_owned(),
        text_en: "Qingdao accepted".to_owned(),
        bookkeeping,
    }
}

fn script() -> Script {
    Script {
        cases: vec![triaged(), recorded()],
        entries: vec![entry(4, false), entry(5, true), entry(6, false)],
        replay: pb::ReplayCaseResponse {
            as_of: Some(moment(90)),
            events: 3,
            aggregates: vec![pb::AggregateState {
                stream: format!("assignment/{ONE}"),
                log: "370200.referral".to_owned(),
                version: 3,
                state_json: r#"{"Accepted":{"by":"p"}}"#.to_owned(),
                last_event_type: "referral.Accepted".to_owned(),
                last_recorded_at: Some(moment(60)),
            }],
        },
        ..Script::default()
    }
}

#[test]
fn all_pages_of_cases_are_listed() {
    with_services(script(), |url, asked| async move {
        let listed = run(at(&url, "sh-worker", &["case", "list", "-o", "json"])).await;
        assert_eq!((listed.code, listed.err.as_str()), (0, ""));
        assert_eq!(
            listed.json(),
            json!([
                {
                    "case_id": ONE, "case_type": "PsychologicalSupport", "case_type_zh": "需要心理支持型",
                    "risk": "High", "risk_zh": "一级",
                    "custodian": "310000-00000000-0000-7000-8000-0000000000aa",
                    "custodian_zh": "共青团上海市委员会",
                    "custodian_en": "Shanghai Youth League Committee",
                    "received_at": "1970-01-01T00:01:00Z", "updated_at": "1970-01-01T00:02:00Z",
                    "entries": 7, "last_text_zh": "已分诊", "last_text_en": "triaged",
                },
                {
                    "case_id": TWO, "case_type": null, "case_type_zh": null, "risk": null,
                    "risk_zh": null, "custodian": null, "custodian_zh": null, "custodian_en": null,
                    "received_at": "1970-01-01T00:03:00Z", "updated_at": "1970-01-01T00:03:00Z",
                    "entries": 1, "last_text_zh": null, "last_text_en": null,
                },
            ])
        );
        assert!(asked.lock().unwrap().asked[0].starts_with("Worker "));
    });
}

#[test]
fn tables_speak_the_language_asked_for() {
    with_services(script(), |url, _| async move {
        let english = run(at(&url, "sh-worker", &["case", "list"])).await;
        assert_eq!(english.code, 0, "{}", english.err);
        let lines: Vec<&str> = english.out.lines().collect();
        assert_eq!(lines.len(), 3, "{}", english.out);
        assert!(lines[0].starts_with("CASE "), "{}", lines[0]);
        for word in [
            ONE,
            "High",
            "Shanghai Youth League Committee",
            "1970-01-01 08:02:00",
            "triaged",
        ] {
            assert!(lines[1].contains(word), "{word} is not in: {}", lines[1]);
        }
        let chinese = run(at(&url, "sh-worker", &["case", "list", "--lang", "zh"])).await;
        for word in ["个案", "一级", "共青团上海市委员会", "已分诊"] {
            assert!(
                chinese.out.contains(word),
                "{word} is not in: {}",
                chinese.out
            );
        }
    });
}

#[test]
fn a_timeline_leaves_out_bookkeeping_unless_asked() {
    with_services(script(), |url, asked| async move {
        let as_of = [
            "case",
            "timeline",
            ONE,
            "--as-of",
            "1970-01-01T08:02:00+08:00",
        ];
        let table = run(at(&url, "sh-worker", &as_of)).await;
        assert_eq!(table.code, 0, "{}", table.err);
        let lines: Vec<&str> = table.out.lines().collect();
        assert_eq!(lines.len(), 3, "{}", table.out);
        assert!(lines[1].contains("370200.referral@4"), "{}", lines[1]);
        assert!(lines[2].contains("370200.referral@6"), "{}", lines[2]);
        assert!(lines[2].ends_with("Qingdao accepted"), "{}", lines[2]);
        assert!(asked.lock().unwrap().asked[0].contains("seconds: 120"));

        let all = run(at(
            &url,
            "sh-worker",
            &["case", "timeline", ONE, "--all", "-o", "json"],
        ))
        .await;
        let entries = all.json();
        let positions: Vec<&Value> = entries
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| &entry["position"])
            .collect();
        assert_eq!(positions, [4, 5, 6]);
        assert_eq!(entries[1]["bookkeeping"], true);
        assert_eq!(entries[0]["recorded_at"], "1970-01-01T00:01:00Z");
        assert_eq!(entries[0]["actor"]["role"], "Authorised");
        assert_eq!(entries[0]["actor"]["rule"], Value::Null);
        assert_eq!(entries[0]["text_zh"], "青岛受理");
    });
}

#[test]
fn a_replay_shows_the_state_of_every_aggregate() {
    with_services(script(), |url, _| async move {
        let replay = ["case", "replay", ONE, "--as-of", "1970-01-01T00:01:30Z"];
        let json = run(at(
            &url,
            "sh-worker",
            &[&replay[..], &["-o", "json"]].concat(),
        ))
        .await;
        assert_eq!(
            json.json(),
            json!({
                "case_id": ONE, "as_of": "1970-01-01T00:01:30Z", "events": 3,
                "aggregates": [{
                    "stream": format!("assignment/{ONE}"), "log": "370200.referral", "version": 3,
                    "last_event_type": "referral.Accepted",
                    "last_recorded_at": "1970-01-01T00:01:00Z",
                    "state": {"Accepted": {"by": "p"}},
                }],
            })
        );
        let table = run(at(&url, "sh-worker", &replay)).await;
        assert!(
            table
                .out
                .starts_with(&format!("{ONE}  as of 1970-01-01 08:01:30"))
        );
        assert!(table.out.contains("\"by\": \"p\""), "{}", table.out);
    });
}

#[test]
fn a_case_is_shown_with_its_histories() {
    with_services(script(), |url, _| async move {
        let table = run(at(&url, "sh-worker", &["case", "show", ONE])).await;
        assert_eq!(table.code, 0, "{}", table.err);
        assert!(table.out.contains("RISK: High\n"), "{}", table.out);
        assert!(
            table.out.contains(&format!("assignment/{ONE}")),
            "{}",
            table.out
        );
        let json = run(at(&url, "sh-worker", &["case", "show", ONE, "-o", "json"]))
            .await
            .json();
        assert_eq!(json["case"]["risk"], "High");
        assert_eq!(json["replay"]["aggregates"][0]["version"], 3);
    });
}

#[test]
fn a_refusal_is_one_line_in_the_language_asked_for_and_says_what_to_do() {
    with_services(Script::default(), |url, _| async move {
        let english = run(at(&url, "sh-worker", &["case", "show", ONE])).await;
        english.fails(1, &["no event of this case is known here", "case list"]);
        let chinese = run(at(
            &url,
            "sh-worker",
            &["case", "show", ONE, "--lang", "zh"],
        ))
        .await;
        chinese.fails(1, &["此处没有该个案的任何记录", "case list"]);
    });
}

#[test]
fn no_cases_are_an_empty_array() {
    with_services(Script::default(), |url, _| async move {
        let listed = run(at(&url, "sh-worker", &["case", "list", "-o", "json"])).await;
        assert_eq!((listed.code, listed.out.as_str()), (0, "[]\n"));
    });
}
