//! kill -9 of the real program, in a loop, under load: no acknowledged command is lost or doubled.
//!
//! A ledger on the client's side keeps every request that was sent and every answer that came. After
//! each kill, what had no answer is sent again with the same request id. In the end the logs
//! themselves are read and compared with the ledger.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::time::Duration;

use eventsourcing::Recorded;
use proto::keys::v1 as keys;
use proto::keys::v1::keys_service_client::KeysServiceClient;
use proto::referral::v1::GetCustodyRequest;
use proto::referral::v1::referral_service_client::ReferralServiceClient;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::watch;

use crate::ledger::{Ledger, compare};
use crate::program::{CENTRAL, Program, QINGDAO, Regions, SHANGHAI, events, run};
use crate::requests::Case;

const ROUNDS: usize = 6;
/// A round's kill comes after so many acknowledgements at most.
const ACKNOWLEDGED: usize = 120;
const SETTLES_WITHIN: Duration = Duration::from_mins(1);
/// The logs in which people's commands of this test are recorded.
const LOGS: [&str; 3] = ["310000.intake", "310000.referral", "370200.referral"];

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_command_is_lost_or_doubled_over_kill_nine() {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let (data, said) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let start = || Program::start(data.path(), said.path(), "warn");
    let mut ledgers = vec![
        Ledger::of_calls(),
        Ledger::of_calls(),
        Ledger::of_cases(1),
        Ledger::of_cases(2),
    ];
    for round in 0..ROUNDS {
        if random.random_bool(0.5) {
            let services = random.random_range(1..=21);
            let program = start();
            until_there_are(data.path(), services);
            program.kill();
            println!("round {round}: killed when {services} services had begun");
        }
        let mut program = start();
        let regions = program.ready().await;
        let (acknowledged, mut count) = watch::channel(0);
        let clients: Vec<_> = ledgers
            .drain(..)
            .map(|ledger| tokio::spawn(ledger.work(regions.clone(), acknowledged.clone())))
            .collect();
        let after = random.random_range(1..ACKNOWLEDGED);
        count.wait_for(|count| *count >= after).await.unwrap();
        program.kill();
        for client in clients {
            ledgers.push(client.await.unwrap());
        }
        println!(
            "round {round}: killed after {after}, {} acknowledged",
            *count.borrow()
        );
    }

    let mut program = start();
    let regions = program.ready().await;
    for ledger in &mut ledgers {
        ledger.finish(&regions).await;
    }
    let cases: Vec<&Case> = ledgers.iter().flat_map(Ledger::cases).collect();
    assert!(cases.len() > 2, "only {} cases were begun", cases.len());
    for case in &cases {
        until_it_is_with_qingdao_alone(&regions, case).await;
        opens_to_what_was_said(&regions, case).await;
    }
    program.kill();

    let mut logs = HashMap::new();
    for log in LOGS {
        logs.insert(log, events(data.path(), log).await);
    }
    compare(&ledgers, &logs);
    every_case_has_one_token(&logs, cases.len());
    let (status, printed) = run(&["log", "verify", "--data", data.path().to_str().unwrap()]);
    assert!(status.success(), "{printed}");
    let said = fs::read_to_string(said.path().join("stderr")).unwrap();
    assert!(!said.contains("panicked"), "{said}");
}

/// The seed of a random test: `LIANDONG_TEST_SEED`, or a new one; printed, so that it can be set.
fn seed() -> u64 {
    let set = std::env::var("LIANDONG_TEST_SEED").ok();
    let set = set.and_then(|seed| seed.parse().ok());
    let seed = set.unwrap_or_else(rand::random);
    println!("seed {seed}: set LIANDONG_TEST_SEED to run the same again");
    seed
}

/// Waits until so many services of all regions have a directory.
fn until_there_are(data: &Path, services: usize) {
    let entries = |dir: &Path| -> Vec<_> {
        let read = fs::read_dir(dir).into_iter().flatten();
        read.map(|entry| entry.unwrap().path()).collect()
    };
    let regions = data.join("data");
    while entries(&regions)
        .iter()
        .map(|region| entries(region).len())
        .sum::<usize>()
        < services
    {
        std::thread::yield_now();
    }
}

/// Waits until custody has come to Qingdao; then no other region has it.
async fn until_it_is_with_qingdao_alone(regions: &Regions, case: &Case) {
    let holds = async |region: &str| {
        let auditor = match region {
            SHANGHAI => "sh-auditor",
            QINGDAO => "qd-auditor",
            _ => "central-auditor",
        };
        let request = GetCustodyRequest {
            case_id: case.id.clone(),
            consistency_token: String::new(),
        };
        let caller = regions.caller(auditor, "Auditor");
        let mut referrals = ReferralServiceClient::new(regions.node(region));
        let found = referrals.get_custody(caller.request(request)).await;
        found.is_ok_and(|found| {
            let custody = found.into_inner().custody.unwrap();
            custody.passed_to.is_none()
        })
    };
    let arrives = async {
        while !holds(QINGDAO).await {
            tokio::task::yield_now().await;
        }
    };
    let arrived = tokio::time::timeout(SETTLES_WITHIN, arrives).await;
    arrived.unwrap_or_else(|_| panic!("custody of {} does not arrive", case.id));
    for region in [SHANGHAI, CENTRAL] {
        assert!(
            !holds(region).await,
            "{region} has custody of {}, too",
            case.id
        );
    }
}

/// Keys are durable before they are used: what was sealed opens after every kill.
async fn opens_to_what_was_said(regions: &Regions, case: &Case) {
    let worker = regions.caller("sh-worker", "Worker");
    let mut texts = KeysServiceClient::new(regions.node(SHANGHAI));
    let list = keys::ListSealedTextsRequest {
        case_id: case.id.clone(),
        page_size: 100,
        ..keys::ListSealedTextsRequest::default()
    };
    let listed = texts.list_sealed_texts(worker.request(list)).await.unwrap();
    let narrative = listed.into_inner().texts.into_iter().find(|text| {
        let narrative = i32::from(keys::SealedClass::Narrative);
        text.event_type == "intake.ContactRecorded" && text.class == narrative
    });
    let narrative = narrative.unwrap();
    let open = keys::OpenTextRequest {
        meta: Some(node::client::new_meta(&service_runtime::SystemClock)),
        case_id: case.id.clone(),
        event_id: narrative.event_id,
        field: narrative.field,
        purpose: keys::Purpose::CaseHandling.into(),
    };
    let opened = texts.open_text(worker.request(open)).await.unwrap();
    assert_eq!(opened.into_inner().text, case.narrative);
}

/// Each case that was opened has one token, and no other case has any.
fn every_case_has_one_token(logs: &HashMap<&'static str, Vec<Recorded>>, cases: usize) {
    let count = |log: &str, event_type: &str| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for event in &logs[log] {
            if event.envelope.event_type == event_type {
                let case = event.envelope.caseid.unwrap().to_string();
                *counts.entry(case).or_default() += 1;
            }
        }
        counts
    };
    let opened = count("310000.intake", "intake.CaseOpened");
    assert_eq!(opened.len(), cases);
    assert!(opened.values().all(|times| *times == 1), "{opened:?}");
    assert_eq!(count("310000.referral", "referral.CustodyOpened"), opened);
    assert_eq!(count("310000.referral", "referral.CustodyReleased"), opened);
    assert_eq!(count("370200.referral", "referral.CustodyTaken"), opened);
    assert_eq!(count("370200.referral", "referral.Accepted"), opened);
}
