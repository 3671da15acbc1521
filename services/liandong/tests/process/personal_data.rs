//! Marked texts about a person go into every field that the contract redacts, and are found nowhere:
//! in no file, log line, metric, status, answer or output.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use prost::Message;
use protox::prost_reflect::MethodDescriptor;
use serde_json::{Value, json};

use crate::marks::{MARK, around, find};
use crate::messages::{contract, is_command, methods, redacted, request};
use crate::program::{Program, SHANGHAI, run, text};
use crate::telling::{hops, intakes, team};
use crate::traffic::{AUDITORS, Traffic};

/// Every query of every region: as it should be asked, and with marks where clients may put them.
async fn queries(traffic: &mut Traffic, known: &BTreeMap<&str, String>) {
    let of_ours = |method: &MethodDescriptor| {
        let ours = method.parent_service().full_name().starts_with("liandong.");
        ours && !is_command(&method.input()) && method.name() != "SkipParked"
    };
    let all: Vec<_> = methods(&traffic.contract)
        .into_iter()
        .filter(of_ours)
        .collect();
    assert!(all.len() > 20, "{}", all.len());
    for who in AUDITORS {
        for method in &all {
            let fields: Vec<String> = method
                .input()
                .fields()
                .map(|field| field.name().to_owned())
                .collect();
            let mut said = serde_json::Map::new();
            for field in &fields {
                if let Some(value) = known.get(field.as_str()) {
                    said.insert(field.clone(), json!(value));
                }
            }
            let mut variants = vec![said.clone()];
            for field in fields {
                let free = ["resume_cursor", "page_token", "consistency_token", "policy"];
                if free.contains(&field.as_str()) {
                    let mut marked = said.clone();
                    marked.insert(field, json!(MARK));
                    variants.push(marked);
                }
            }
            for said in variants {
                let message = request(&method.input(), &Value::Object(said), &mut BTreeSet::new());
                // A refusal is an answer, too.
                let _ = traffic.call(who, method, message.encode_to_vec()).await;
            }
        }
    }
}

/// All bytes of all files below a directory.
fn files(below: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

/// What a region's metrics say.
fn metrics(url: &str) -> Vec<u8> {
    let address = url
        .trim_start_matches("http://")
        .trim_end_matches("/metrics");
    let mut connection = TcpStream::connect(address).unwrap();
    let ask = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(ask.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    assert!(around(&answer, "liandong_commands_total").is_some());
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_said_is_found_in_no_file_log_metric_status_answer_or_output() {
    let (data, said) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut program = Program::start(data.path(), said.path(), "trace");
    let regions = program.ready().await;
    let mut traffic = Traffic {
        contract: contract(),
        regions: regions.clone(),
        marked: BTreeSet::new(),
        refused: Vec::new(),
        answers: Vec::new(),
    };
    let case = intakes(&mut traffic).await;
    let hop = hops(&mut traffic, &case).await;
    team(&mut traffic, &case).await;
    assert!(traffic.refused.is_empty(), "{}", traffic.refused.join("\n"));
    every_redacted_field_was_recorded(&traffic);

    let (organization, desk) = regions.desk("qd-12355");
    let known = BTreeMap::from([
        ("case_id", case.clone()),
        ("hop_id", hop),
        ("intake_id", case.clone()),
        ("desk_id", desk),
        ("organization_id", organization),
        ("region", SHANGHAI.to_owned()),
        ("log", "310000.intake".to_owned()),
    ]);
    queries(&mut traffic, &known).await;

    let mut searched = std::mem::take(&mut traffic.answers);
    let ready = regions.ready();
    let url = text(&ready["regions"][0]["url"]);
    for region in ready["regions"].as_array().unwrap() {
        let url = text(&region["metrics_url"]);
        searched.push((url.clone(), metrics(&url)));
    }
    for output in ["table", "json"] {
        for args in [
            vec!["case", "list"],
            vec!["case", "show", &case],
            vec!["case", "timeline", &case, "--all"],
            vec!["case", "replay", &case],
            vec!["parked", "ls"],
        ] {
            let reader = match args[0] {
                "parked" => "sh-admin",
                _ => "sh-auditor",
            };
            let ask = ["-o", output, "--url", &url, "--as", reader];
            let args = [args, ask.to_vec()].concat();
            let (status, printed) = run(&args);
            assert!(status.success(), "{args:?}: {printed}");
            searched.push((format!("{args:?}"), printed.into_bytes()));
        }
    }
    program.kill();
    files(data.path(), &mut searched);
    files(said.path(), &mut searched);

    // The search finds what is there: the case's id is in files, in answers and in output.
    for place in [
        "/intake/log/",
        "/timeline/rows/",
        "GetTimeline",
        "timeline\"",
    ] {
        let of = searched.iter().filter(|(of, _)| of.contains(place));
        let mut found = of.map(|(_, bytes)| around(bytes, &case));
        assert!(found.any(|found| found.is_some()), "{place} has no {case}");
    }
    let logged = searched.iter().find(|(of, _)| of.ends_with("/stderr"));
    assert!(logged.unwrap().1.len() > 10_000, "trace logs are long");
    let leaks: Vec<String> = searched
        .iter()
        .filter_map(|(of, bytes)| Some(format!("{of}: {}", find(bytes)?)))
        .collect();
    assert!(
        leaks.is_empty(),
        "{} leaks:\n{}",
        leaks.len(),
        leaks.join("\n\n")
    );
}

/// A redacted field of a command that this test does not send makes it fail.
fn every_redacted_field_was_recorded(traffic: &Traffic) {
    let mut all = BTreeSet::new();
    for method in methods(&traffic.contract) {
        if is_command(&method.input()) {
            redacted(&method.input(), &mut all);
        }
    }
    let unsent: Vec<_> = all.difference(&traffic.marked).collect();
    assert!(unsent.is_empty(), "no command with {unsent:?} was recorded");
    assert!(all.len() > 30, "{}", all.len());
}
