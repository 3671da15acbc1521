//! Reading page by page, resuming, replaying, and what a newer program wrote.

use eventsourcing::Envelope;
use jiff::Timestamp;
use proto::timeline::v1 as pb;
use serde_json::json;
use tonic::Code;

use crate::bench::{
    Bench, CENTRAL, QINGDAO, SHANGHAI, as_proto, case, event, ids, next, refusal, shown,
};

fn first_page() -> pb::GetTimelineRequest {
    pb::GetTimelineRequest {
        case_id: case(1).to_string(),
        page_size: 2,
        ..pb::GetTimelineRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_cover_the_list_as_it_was_when_the_first_was_read() {
    let bench = Bench::start().await;
    let first = event(SHANGHAI, 1, 1, 10, None);
    let second = event(SHANGHAI, 1, 2, 20, None);
    let third = event(CENTRAL, 1, 1, 30, None);
    for event in [&first, &second, &third] {
        bench.append(event).await;
    }
    bench.settle().await;
    let mut client = bench.client().await;
    let page = client.get_timeline(bench.ask(first_page())).await;
    let page = page.unwrap().into_inner();
    assert_eq!(ids(&page.entries), [first.id, second.id]);

    // A late arrival, by its clock the first of all.
    let late = event(QINGDAO, 1, 1, 1, None);
    bench.append(&late).await;
    bench.settle().await;
    let rest = pb::GetTimelineRequest {
        page_token: page.next_page_token,
        ..first_page()
    };
    let page = client.get_timeline(bench.ask(rest.clone())).await;
    let page = page.unwrap().into_inner();
    assert_eq!(ids(&page.entries), [third.id]);
    assert_eq!(page.next_page_token, "");
    let all = ids(&bench.timeline(None, 1).await);
    assert_eq!(all, [late.id, first.id, second.id, third.id]);

    drop(client);
    let bench = bench.restart_without_rows().await;
    let outdated = bench.client().await.get_timeline(bench.ask(rest)).await;
    let outdated = refusal(&outdated.unwrap_err());
    assert_eq!(
        outdated,
        (Code::FailedPrecondition, "PAGES_OUTDATED".to_owned())
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_resumes_after_its_cursor_and_a_cursor_of_deleted_rows_begins_again() {
    let bench = Bench::start().await;
    let first = event(SHANGHAI, 1, 1, 10, None);
    let second = event(SHANGHAI, 1, 2, 20, None);
    bench.append(&first).await;
    bench.append(&second).await;
    bench.settle().await;
    let (told, cursor) = next(&mut bench.watch("").await, 1).await;
    assert_eq!(ids(&told), [first.id]);
    let (told, _) = next(&mut bench.watch(&cursor).await, 1).await;
    assert_eq!(ids(&told), [second.id]);

    let bench = bench.restart_without_rows().await;
    let (told, _) = next(&mut bench.watch(&cursor).await, 2).await;
    assert_eq!(ids(&told), [first.id, second.id]);
    bench.stop().await;
}

async fn replay(bench: &Bench, as_of: Option<Timestamp>) -> pb::ReplayCaseResponse {
    let request = pb::ReplayCaseRequest {
        case_id: case(1).to_string(),
        as_of: as_of.map(as_proto),
    };
    let replayed = bench.client().await.replay_case(bench.ask(request)).await;
    replayed.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_says_as_of_when_it_gives_the_same_again_whatever_the_clocks_and_the_rows() {
    let bench = Bench::start().await;
    // Shanghai's clock runs an hour ahead of ours.
    let cause = event(SHANGHAI, 1, 1, 3_600_000, None);
    let effect = event(QINGDAO, 1, 1, 10, Some(cause.id));
    bench.append(&cause).await;
    bench.append(&effect).await;
    bench.settle().await;
    let replayed = replay(&bench, None).await;
    assert_eq!(replayed.events, 2);
    assert_eq!(replayed.as_of, Some(as_proto(shown(3_600_000))));
    let far = replay(&bench, Some(shown(99_000_000))).await;
    assert_eq!(far, replayed);

    bench.append(&event(SHANGHAI, 1, 2, 3_700_000, None)).await;
    let as_of = replayed.as_of.as_ref().unwrap();
    let as_of = Timestamp::new(as_of.seconds, as_of.nanos).unwrap();
    let bench = bench.restart_without_rows().await;
    assert_eq!(replay(&bench, Some(as_of)).await, replayed);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_program_wrote_is_shown_by_its_name_and_counted() {
    let bench = Bench::start().await;
    let log = "310000.intake";
    let mut newer = event(log, 1, 1, 10, None);
    newer.subject.kind = "intake".to_owned();
    newer.event_type = "intake.Foreseen".to_owned();
    newer.dataschema = "urn:liandong:intake.Foreseen:1".to_owned();
    newer.data = json!({ "of": "a later version" });
    let after = event(SHANGHAI, 1, 1, 20, Some(newer.id));
    bench.append(&newer).await;
    bench.append(&after).await;
    bench.settle().await;
    let entries = bench.timeline(None, 50).await;
    assert_eq!(ids(&entries), [newer.id, after.id]);
    assert_eq!(entries[0].text_en, "Unknown event intake.Foreseen");
    let summary = bench.summary().await;
    assert_eq!((summary.entries, summary.unknown_entries), (2, 2));

    let request = pb::ReplayCaseRequest {
        case_id: case(1).to_string(),
        as_of: None,
    };
    let replayed = bench.client().await.replay_case(bench.ask(request)).await;
    let refused = refusal(&replayed.unwrap_err());
    assert_eq!(
        refused,
        (Code::FailedPrecondition, "EVENT_UNKNOWN".to_owned())
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_became_no_case_are_listed_only_when_asked_for() {
    let bench = Bench::start().await;
    let contact = Envelope {
        caseid: Some(case(2)),
        ..event(CENTRAL, 2, 1, 10, None)
    };
    let mut custody = event(SHANGHAI, 1, 1, 10, None);
    custody.subject.kind = "custody".to_owned();
    bench.append(&contact).await;
    bench.append(&custody).await;
    bench.settle().await;
    let listed = async |include_contacts| {
        let request = pb::ListCasesRequest {
            include_contacts,
            ..pb::ListCasesRequest::default()
        };
        let cases = bench.client().await.list_cases(bench.ask(request)).await;
        let cases = cases.unwrap().into_inner().cases;
        let listed = cases.into_iter().map(|case| (case.case_id, case.opened));
        listed.collect::<Vec<_>>()
    };
    let (one, other) = (case(1).to_string(), case(2).to_string());
    assert_eq!(listed(false).await, [(one.clone(), true)]);
    assert_eq!(listed(true).await, [(one, true), (other, false)]);
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_verified_with_the_logs_of_the_directory_too() {
    let bench = Bench::start().await;
    let cause = event(SHANGHAI, 1, 1, 10, None);
    bench.append(&cause).await;
    bench.append(&event(QINGDAO, 1, 1, 5, Some(cause.id))).await;
    bench.settle().await;
    let request = pb::VerifyCaseRequest {
        case_id: case(1).to_string(),
    };
    let verified = bench.client().await.verify_case(bench.ask(request)).await;
    let verified = verified.unwrap().into_inner();
    assert!(verified.whole, "{verified:?}");
    assert_eq!((verified.streams.len(), verified.logs.len()), (2, 18));

    let request = pb::VerifyLogRequest {
        log: "310000.directory".to_owned(),
    };
    let verified = bench.client().await.verify_log(bench.ask(request)).await;
    let log = verified.unwrap().into_inner().log.unwrap();
    assert!(log.events > 5 && log.problem.is_empty(), "{log:?}");

    let orphan = event(CENTRAL, 1, 1, 7, Some(uuid::Uuid::from_u128(404)));
    bench.append(&orphan).await;
    let request = pb::VerifyCaseRequest {
        case_id: case(1).to_string(),
    };
    let verified = bench.client().await.verify_case(bench.ask(request)).await;
    let verified = verified.unwrap().into_inner();
    let problems = verified
        .streams
        .iter()
        .map(|stream| stream.problem.as_str());
    let problems: String = problems.collect();
    assert!(
        problems.contains("is in no log that is followed here"),
        "{problems}"
    );
    assert!(!verified.whole);
    bench.stop().await;
}
