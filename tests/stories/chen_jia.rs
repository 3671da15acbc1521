//! chen_jia, from the call to the case team.

use std::collections::{BTreeMap, HashMap, HashSet};

use acceptance::{AT_REST_WITHIN, World, all_bytes, delete_rows};
use domain::ids::CaseId;
use domain::values::Role;
use jiff::Timestamp;
use liandong::story::{Stage, chen_jia};
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use proto::timeline::v1::{
    Entry, GetTimelineRequest, ListCasesRequest, ReplayCaseRequest, ReplayCaseResponse,
};

/// A Monday noon in Shanghai.
fn monday() -> Timestamp {
    "2026-03-02T04:00:00Z".parse().unwrap()
}

async fn timeline(stage: &Stage, case: CaseId) -> Vec<Entry> {
    let auditor = stage.actor("sh-auditor", Role::Auditor).unwrap();
    let mut reading = TimelineServiceClient::new(auditor.channel());
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = GetTimelineRequest {
            case_id: case.to_string(),
            page_size: 20,
            page_token,
            ..GetTimelineRequest::default()
        };
        let page = reading
            .get_timeline(auditor.ask(request))
            .await
            .unwrap()
            .into_inner();
        entries.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return entries;
        }
    }
}

async fn replay(stage: &Stage, case: CaseId, as_of: Timestamp) -> ReplayCaseResponse {
    let auditor = stage.actor("sh-auditor", Role::Auditor).unwrap();
    let mut reading = TimelineServiceClient::new(auditor.channel());
    let request = ReplayCaseRequest {
        case_id: case.to_string(),
        as_of: Some(prost_types::Timestamp {
            seconds: as_of.as_second(),
            nanos: as_of.subsec_nanosecond(),
        }),
    };
    reading
        .replay_case(auditor.ask(request))
        .await
        .unwrap()
        .into_inner()
}

fn first(entries: &[Entry], event_type: &str, region: &str) -> usize {
    entries
        .iter()
        .position(|entry| entry.event_type == event_type && entry.region == region)
        .unwrap_or_else(|| panic!("{event_type} of {region} is not in the timeline"))
}

fn recorded_at(entry: &Entry) -> Timestamp {
    let at = entry.recorded_at.as_ref().unwrap();
    Timestamp::new(at.seconds, at.nanos).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn chen_jia_goes_from_shanghai_to_qingdao_and_nobody_falls_between() {
    let root = tempfile::tempdir().unwrap();
    let world = World::start(root.path(), monday()).await;
    let stage = world.stage().await;
    let case = chen_jia::play(&stage).await.unwrap().case;
    stage.verify(case).await.unwrap();
    world.system.settle(AT_REST_WITHIN).await.unwrap();
    let entries = timeline(&stage, case).await;

    the_story_is_told_in_its_order(&entries);
    no_line_stands_before_its_cause(&entries);
    every_line_speaks_both_languages_and_names_nobody(&entries);
    there_is_one_custodian_at_every_moment(&stage, case, &entries).await;
    five_attempts_were_made_and_the_rule_says_on_what_it_acted(&entries);

    let last = recorded_at(entries.last().unwrap());
    let before = replay(&stage, case, last).await;
    stage.close().await;
    world.stop().await;
    nothing_said_on_the_phone_is_on_disk_in_the_clear(root.path());
    the_same_is_read_after_all_rows_are_deleted(root.path(), case, &entries, &before).await;
}

fn the_story_is_told_in_its_order(entries: &[Entry]) {
    let (shanghai, central, qingdao) = ("310000", "100000", "370200");
    let story = [
        ("intake.ContactRecorded", shanghai),
        ("intake.Triaged", shanghai),
        ("intake.EmergencyServiceTold", shanghai),
        ("intake.CallbackPlanned", shanghai),
        ("intake.CallbackAttempted", shanghai),
        ("intake.CallbacksExhausted", shanghai),
        ("intake.ReferralProposed", shanghai),
        ("referral.Drafted", shanghai),
        ("referral.Submitted", shanghai),
        ("referral.Dispatched", shanghai),
        ("referral.Assigned", central),
        ("referral.Received", central),
        ("referral.ReferredOnward", central),
        ("referral.Dispatched", central),
        ("referral.Assigned", qingdao),
        ("referral.Received", qingdao),
        ("referral.Accepted", qingdao),
        ("referral.CustodyReleased", shanghai),
        ("referral.CustodyTaken", qingdao),
        ("caseteam.CustodyConfirmed", qingdao),
        ("caseteam.MemberSeated", qingdao),
        ("caseteam.TaskAdded", qingdao),
        ("referral.WorkStarted", qingdao),
        ("keys.TextOpened", qingdao),
        ("followup.VisitDone", qingdao),
    ];
    let places: Vec<usize> = story
        .iter()
        .map(|(event_type, region)| first(entries, event_type, region))
        .collect();
    for (pair, names) in places.windows(2).zip(story.windows(2)) {
        assert!(
            pair[0] < pair[1],
            "{:?} stands after {:?}",
            names[0],
            names[1]
        );
    }
    assert!(
        first(entries, "caseteam.TeamFormed", qingdao)
            > first(entries, "referral.Accepted", qingdao)
    );
    assert!(
        first(entries, "intake.HandedOver", shanghai)
            > first(entries, "referral.CustodyReleased", shanghai)
    );
}

fn no_line_stands_before_its_cause(entries: &[Entry]) {
    let place: HashMap<&str, usize> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| (entry.event_id.as_str(), at))
        .collect();
    let mut caused = 0;
    for entry in entries {
        if let Some(cause) = place.get(entry.caused_by.as_str()) {
            assert!(
                cause < &place[entry.event_id.as_str()],
                "{}",
                entry.event_type
            );
            caused += 1;
        }
    }
    assert!(caused > 10, "policies name their causes");
}

fn every_line_speaks_both_languages_and_names_nobody(entries: &[Entry]) {
    for entry in entries {
        assert!(!entry.text_zh.is_ascii(), "{entry:?}");
        assert!(
            !entry.text_en.is_empty() && !entry.text_en.contains("Unknown"),
            "{entry:?}"
        );
        for secret in ["陈佳", chen_jia::NUMBER, "妈妈"] {
            assert!(!format!("{entry:?}").contains(secret), "{entry:?}");
        }
        let actor = entry.actor.as_ref().unwrap();
        assert!(!actor.person.is_empty() || !actor.rule.is_empty());
    }
}

async fn there_is_one_custodian_at_every_moment(stage: &Stage, case: CaseId, entries: &[Entry]) {
    let opened = first(entries, "referral.CustodyOpened", "310000");
    let released = recorded_at(&entries[first(entries, "referral.CustodyReleased", "310000")]);
    for entry in &entries[opened..] {
        let at = recorded_at(entry);
        let replayed = replay(stage, case, at).await;
        let custodies: BTreeMap<&str, &str> = replayed
            .aggregates
            .iter()
            .filter(|aggregate| aggregate.stream.starts_with("custody/"))
            .map(|aggregate| (aggregate.log.as_str(), aggregate.last_event_type.as_str()))
            .collect();
        let shanghai_holds = custodies["310000.referral"] != "referral.CustodyReleased";
        assert_eq!(shanghai_holds, at < released, "{at}: {custodies:?}");
    }
}

fn five_attempts_were_made_and_the_rule_says_on_what_it_acted(entries: &[Entry]) {
    let attempts = entries
        .iter()
        .filter(|entry| entry.event_type == "intake.CallbackAttempted");
    assert_eq!(attempts.count(), 5);
    let exhausted = &entries[first(entries, "intake.CallbacksExhausted", "310000")];
    assert!(
        exhausted.text_zh.contains('5') && exhausted.text_en.contains('5'),
        "{exhausted:?}"
    );
    let drafted = &entries[first(entries, "referral.Drafted", "310000")];
    assert!(!drafted.actor.as_ref().unwrap().rule.is_empty());
}

fn nothing_said_on_the_phone_is_on_disk_in_the_clear(root: &std::path::Path) {
    let marks = [
        chen_jia::NARRATIVE,
        chen_jia::SUMMARY,
        chen_jia::NUMBER,
        "陈佳",
        "轻生",
    ];
    let files = all_bytes(root);
    assert!(files.len() > 20);
    for (path, bytes) in files {
        for mark in marks {
            let found = bytes
                .windows(mark.len())
                .any(|window| window == mark.as_bytes());
            assert!(!found, "{mark} stands in {}", path.display());
        }
    }
}

async fn the_same_is_read_after_all_rows_are_deleted(
    root: &std::path::Path,
    case: CaseId,
    entries: &[Entry],
    before: &ReplayCaseResponse,
) {
    assert_eq!(delete_rows(root), 21, "seven services in three regions");
    let last = recorded_at(entries.last().unwrap());
    let world = World::start(root, last).await;
    world.settle().await;
    let stage = world.stage().await;
    let rebuilt = timeline(&stage, case).await;
    let told: HashSet<&str> = entries
        .iter()
        .map(|entry| entry.event_id.as_str())
        .collect();
    let decided_again: Vec<&str> = rebuilt
        .iter()
        .filter(|entry| !told.contains(entry.event_id.as_str()))
        .map(|entry| entry.text_en.as_str())
        .collect();
    assert!(
        decided_again.is_empty(),
        "the past was decided again: {decided_again:?}"
    );
    assert_eq!(rebuilt.len(), entries.len());
    for (again, entry) in rebuilt.iter().zip(entries) {
        assert_eq!(again, entry);
    }
    assert_eq!(&replay(&stage, case, last).await, before);

    let auditor = stage.actor("sh-auditor", Role::Auditor).unwrap();
    let mut reading = TimelineServiceClient::new(auditor.channel());
    let listed = reading
        .list_cases(auditor.ask(ListCasesRequest::default()))
        .await
        .unwrap();
    let cases = listed.into_inner().cases;
    assert_eq!(cases.len(), 1);
    assert!(cases[0].custodian.starts_with("370200-"), "{:?}", cases[0]);
    assert_eq!(cases[0].entries, entries.len() as u64);
    drop(reading);
    stage.close().await;
    world.stop().await;
}
