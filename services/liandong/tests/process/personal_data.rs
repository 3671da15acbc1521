//! Marked texts about a person go into every field that the contract redacts, and are found nowhere:
//! in no file, log line, metric, status, answer or output.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use prost::Message;
use proto::caseteam::v1::GetTeamResponse;
use proto::followup::v1::GetPlanResponse;
use proto::intake::v1::RecordContactResponse;
use proto::keys::v1::ListSealedTextsResponse;
use proto::types::v1::CommandResult;
use protox::prost_reflect::{DescriptorPool, MethodDescriptor};
use serde_json::{Value, json};
use tonic::{Code, Request, Status};

use crate::marks::{MARK, around, find};
use crate::messages::{Bytes, contract, is_command, methods, redacted, request};
use crate::program::{CENTRAL, Program, QINGDAO, Regions, SHANGHAI, run, text};

/// How long what was done before may take to arrive elsewhere.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);

/// Where people call, and as whom.
type Who = (&'static str, &'static str, &'static str);
const SH_WORKER: Who = (SHANGHAI, "sh-worker", "Worker");
const SH_SUPERVISOR: Who = (SHANGHAI, "sh-supervisor", "Supervisor");
const QD_WORKER: Who = (QINGDAO, "qd-worker", "Worker");
const QD_AUTHORISED: Who = (QINGDAO, "qd-authorised", "Authorised");
const CENTRAL_WORKER: Who = (CENTRAL, "central-duty", "Worker");
const AUDITORS: [Who; 3] = [
    (SHANGHAI, "sh-auditor", "Auditor"),
    (CENTRAL, "central-auditor", "Auditor"),
    (QINGDAO, "qd-auditor", "Auditor"),
];

/// What was sent and what came back.
struct Traffic {
    contract: DescriptorPool,
    regions: Regions,
    /// The redacted fields of the commands that were recorded.
    marked: BTreeSet<String>,
    /// Commands that were not recorded, and why.
    refused: Vec<String>,
    /// Everything that came back, by what it answered.
    answers: Vec<(String, Vec<u8>)>,
}

impl Traffic {
    fn method(&self, name: &str) -> MethodDescriptor {
        let mut all = methods(&self.contract).into_iter();
        let found = all.find(|method| method.name() == name);
        found.unwrap_or_else(|| panic!("the contract has no {name}"))
    }

    /// Sends a request, with marks in its metadata, too; keeps whatever comes back.
    async fn call(
        &mut self,
        (region, worker, role): Who,
        method: &MethodDescriptor,
        message: Vec<u8>,
    ) -> Result<Vec<u8>, Status> {
        let caller = self.regions.caller(worker, role);
        let mut request: Request<Vec<u8>> = caller.request(message);
        for key in ["traceparent", "tracestate", "x-note", "user-comment"] {
            request.metadata_mut().insert(key, MARK.parse().unwrap());
        }
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let mut client = tonic::client::Grpc::new(self.regions.node(region));
        client.ready().await.unwrap();
        let path = path.parse().unwrap();
        let answer = if method.is_server_streaming() {
            let opened = client.server_streaming(request, path, Bytes).await;
            match opened {
                Ok(opened) => {
                    let message = opened.into_inner().message().await;
                    message.map(Option::unwrap_or_default)
                }
                Err(status) => Err(status),
            }
        } else {
            let answer = client.unary(request, path, Bytes).await;
            answer.map(tonic::Response::into_inner)
        };
        let kept = match &answer {
            Ok(bytes) => bytes.clone(),
            Err(status) => format!(
                "{status:?} {} {:?}",
                String::from_utf8_lossy(status.details()),
                status.metadata()
            )
            .into_bytes(),
        };
        // What the keys service opens for whom it may is the one place where a text comes back.
        if method.name() != "OpenText" || answer.is_err() {
            self.answers
                .push((format!("{region} {}", method.name()), kept));
        }
        answer
    }

    /// A command that is recorded, at the latest when what it needs has arrived.
    async fn command(&mut self, who: Who, name: &str, said: Value) -> CommandResult {
        let method = self.method(name);
        let mut marked = BTreeSet::new();
        let message = request(&method.input(), &said, &mut marked);
        let message = message.encode_to_vec();
        let began = std::time::Instant::now();
        let answer = loop {
            match self.call(who, &method, message.clone()).await {
                Ok(answer) => break answer,
                Err(status) => {
                    let waits = matches!(
                        status.code(),
                        // Who leads a team is known once it stands.
                        Code::NotFound | Code::FailedPrecondition | Code::PermissionDenied
                    );
                    if !waits || began.elapsed() > ARRIVES_WITHIN {
                        self.refused.push(format!("{name}: {status:?}"));
                        return CommandResult::default();
                    }
                    tokio::task::yield_now().await;
                }
            }
        };
        self.marked.append(&mut marked);
        // Every response has its result in the same place.
        let answer = RecordContactResponse::decode(answer.as_slice()).unwrap();
        answer.result.unwrap()
    }

    async fn query(&mut self, who: Who, name: &str, said: Value) -> Vec<u8> {
        let method = self.method(name);
        let message = request(&method.input(), &said, &mut BTreeSet::new());
        let answer = self.call(who, &method, message.encode_to_vec()).await;
        answer.unwrap_or_else(|status| panic!("{name}: {status:?}"))
    }

    fn party(&self, code: &str) -> Value {
        let (organization, desk) = self.regions.desk(code);
        json!({ "organization_id": organization, "desk_id": desk })
    }
}

fn subject() -> Value {
    json!({ "age_band": "AGE_BAND_FOURTEEN_TO_SEVENTEEN", "lives_in": QINGDAO })
}

fn assessment(risk: &str) -> Value {
    json!({
        "case_type": "CASE_TYPE_PSYCHOLOGICAL_SUPPORT",
        "subtype": "SUBTYPE_DEPRESSION",
        "risk": risk,
        "reasons": ["RISK_REASON_PLAN_OR_MEANS"],
    })
}

fn moment(minutes: i64) -> Value {
    json!({ "seconds": jiff::Timestamp::now().as_second() + 60 * minutes })
}

/// A call that was assessed; its case and its intake.
async fn assessed(traffic: &mut Traffic) -> (String, String) {
    let desk = traffic.regions.desk("sh-12355").1;
    let contact = json!({
        "desk_id": desk,
        "channel": "CHANNEL_FORWARDED_CALL",
        "line": "LINE_YOUTH_HOTLINE",
        "caller_role": "CALLER_ROLE_GUARDIAN",
        "concern": { "subject": subject() },
    });
    let recorded = traffic.command(SH_WORKER, "RecordContact", contact).await;
    let intake = recorded.id;
    let triage = json!({ "intake_id": intake, "assessment": assessment("RISK_LEVEL_MEDIUM") });
    traffic.command(SH_WORKER, "TriageIntake", triage).await;
    (recorded.case_id, intake)
}

/// Everything that an intake can be told.
async fn intakes(traffic: &mut Traffic) -> String {
    let desk = traffic.regions.desk("sh-12355").1;
    let nothing = json!({
        "desk_id": desk,
        "channel": "CHANNEL_PHONE",
        "line": "LINE_YOUTH_HOTLINE",
        "caller_role": "CALLER_ROLE_ANONYMOUS",
        "original_number": null,
        "caller_identity": null,
        "no_case": { "kind": "NON_CASE_ABUSIVE" },
    });
    traffic.command(SH_WORKER, "RecordContact", nothing).await;

    let (case, intake) = assessed(traffic).await;
    let of = |more: Value| {
        let mut said = json!({ "intake_id": intake });
        let more = more.as_object().unwrap().clone();
        said.as_object_mut().unwrap().extend(more);
        said
    };
    let steps = [
        ("DescribeSubject", json!({ "subject": subject() })),
        (
            "ReassessIntake",
            json!({ "assessment": assessment("RISK_LEVEL_HIGH") }),
        ),
        (
            "TellEmergencyService",
            json!({ "service": "EMERGENCY_SERVICE_POLICE" }),
        ),
        (
            "MarkSafety",
            json!({ "mark": "SAFETY_MARK_NEVER_TELL_GUARDIAN" }),
        ),
        (
            "LiftSafetyMark",
            json!({ "mark": "SAFETY_MARK_NEVER_TELL_GUARDIAN" }),
        ),
        (
            "RecordConsent",
            json!({
                "state": "CONSENT_STATE_GIVEN",
                "by": "CONSENT_GIVER_SUBJECT",
                "purpose": "CONSENT_PURPOSE_REFERRAL",
                "scope": ["CONSENT_SCOPE_SUMMARY"],
                "receiver_ids": [traffic.regions.desk("qd-12355").0],
                "valid_until": moment(600),
            }),
        ),
        (
            "PlanCallback",
            json!({ "from": moment(0), "until": moment(60) }),
        ),
        (
            "RecordCallbackAttempt",
            json!({ "outcome": "CALLBACK_OUTCOME_NO_ANSWER" }),
        ),
        (
            "RecordLegalBasis",
            json!({ "basis": "DISCLOSURE_BASIS_EMERGENCY" }),
        ),
        ("OpenCase", json!({})),
    ];
    for (name, said) in steps {
        let by = match name {
            "LiftSafetyMark" | "RecordLegalBasis" => SH_SUPERVISOR,
            _ => SH_WORKER,
        };
        traffic.command(by, name, of(said)).await;
    }

    let (_, kept) = assessed(traffic).await;
    let open = json!({ "intake_id": kept });
    traffic.command(SH_WORKER, "OpenCase", open.clone()).await;
    traffic.command(SH_WORKER, "KeepCaseHere", open).await;
    let (_, short) = assessed(traffic).await;
    let end = json!({ "intake_id": short, "outcome": "WITHOUT_CASE_SHORT_SERVICE" });
    traffic.command(SH_WORKER, "EndWithoutCase", end).await;
    let (_, proposed) = assessed(traffic).await;
    let open = json!({ "intake_id": proposed });
    traffic.command(SH_WORKER, "OpenCase", open.clone()).await;
    traffic
        .command(SH_SUPERVISOR, "ProposeReferral", open)
        .await;
    case
}

/// A draft of Shanghai's.
async fn drafted(traffic: &mut Traffic, case: &str, to: &str) -> String {
    let draft = json!({
        "case_id": case,
        "from": traffic.party("sh-12355"),
        "to": traffic.party(to),
        "case_type": "CASE_TYPE_PSYCHOLOGICAL_SUPPORT",
        "risk": "RISK_LEVEL_HIGH",
    });
    traffic.command(SH_WORKER, "DraftReferral", draft).await.id
}

/// A hop of Shanghai's, on its way.
async fn sent(traffic: &mut Traffic, case: &str, to: &str) -> String {
    let hop = drafted(traffic, case, to).await;
    let submit = json!({ "referral_id": hop, "basis": "DISCLOSURE_BASIS_EMERGENCY" });
    traffic.command(SH_WORKER, "SubmitReferral", submit).await;
    let dispatch = json!({ "referral_id": hop });
    traffic
        .command(SH_SUPERVISOR, "DispatchReferral", dispatch)
        .await;
    hop
}

/// Every word that sender and receiver of a hop can say to each other.
async fn hops(traffic: &mut Traffic, case: &str) -> String {
    let submit = |hop: &str| json!({ "referral_id": hop, "basis": "DISCLOSURE_BASIS_EMERGENCY" });
    let here = |hop: &str| json!({ "referral_id": hop });
    let there = |hop: &str| json!({ "assignment_id": hop.replacen(SHANGHAI, QINGDAO, 1) });

    let hop = drafted(traffic, case, "qd-12355").await;
    traffic
        .command(SH_WORKER, "SubmitReferral", submit(&hop))
        .await;
    traffic
        .command(SH_SUPERVISOR, "RefuseSubmission", here(&hop))
        .await;
    traffic
        .command(SH_WORKER, "CancelReferral", here(&hop))
        .await;

    let hop = sent(traffic, case, "qd-12355").await;
    traffic
        .command(QD_WORKER, "ReceiveAssignment", there(&hop))
        .await;
    traffic
        .command(QD_WORKER, "RequestInformation", there(&hop))
        .await;
    traffic
        .command(SH_WORKER, "SupplyInformation", here(&hop))
        .await;
    traffic
        .command(SH_WORKER, "RequestCancellation", here(&hop))
        .await;
    traffic
        .command(QD_AUTHORISED, "DeclineCancellation", there(&hop))
        .await;
    let back = json!({
        "assignment_id": hop.replacen(SHANGHAI, QINGDAO, 1),
        "code": "RETURN_CODE_NOT_OUR_AREA",
    });
    traffic.command(QD_WORKER, "ProposeReturn", back).await;
    traffic
        .command(SH_SUPERVISOR, "UpholdReturn", here(&hop))
        .await;

    let hop = sent(traffic, case, "central-relay").await;
    let assignment = hop.replacen(SHANGHAI, CENTRAL, 1);
    let receive = json!({ "assignment_id": assignment });
    traffic
        .command(CENTRAL_WORKER, "ReceiveAssignment", receive)
        .await;
    let onward = json!({ "assignment_id": assignment, "to": traffic.party("qd-12355") });
    traffic.command(CENTRAL_WORKER, "ReferOnward", onward).await;

    let hop = sent(traffic, case, "qd-12355").await;
    traffic
        .command(QD_WORKER, "ReceiveAssignment", there(&hop))
        .await;
    traffic
        .command(QD_AUTHORISED, "AcceptAssignment", there(&hop))
        .await;
    hop
}

/// What the team does in Qingdao, and what is granted to it.
async fn team(traffic: &mut Traffic, case: &str) {
    let league = traffic.regions.desk("qd-12355").0;
    let seat = json!({
        "case_id": case,
        "seat": { "role": "TEAM_ROLE_COUNSELLOR", "organization_id": league },
    });
    traffic
        .command(QD_AUTHORISED, "SeatMember", seat.clone())
        .await;
    let mut leave = seat;
    leave["reason"] = json!("REMOVAL_REASON_DUTY_ENDED");
    traffic.command(QD_AUTHORISED, "RemoveMember", leave).await;
    for _ in 0..2 {
        let task = json!({
            "case_id": case,
            "kind": "TASK_KIND_CONTACT_FAMILY",
            "owner_organization_id": league,
            "due_at": moment(60),
        });
        traffic.command(QD_AUTHORISED, "AddTask", task).await;
    }
    let auditor = AUDITORS[2];
    let asked = json!({ "case_id": case });
    let answer = traffic.query(auditor, "GetTeam", asked.clone()).await;
    let team = GetTeamResponse::decode(answer.as_slice())
        .unwrap()
        .team
        .unwrap();
    let done = json!({ "case_id": case, "task_id": team.tasks[0].task_id });
    traffic.command(QD_AUTHORISED, "CompleteTask", done).await;
    let cancelled = json!({
        "case_id": case,
        "task_id": team.tasks[1].task_id,
        "reason": "TASK_CANCEL_REASON_DUPLICATE",
    });
    traffic
        .command(QD_AUTHORISED, "CancelTask", cancelled)
        .await;

    let answer = traffic.query(auditor, "GetPlan", asked.clone()).await;
    let plan = GetPlanResponse::decode(answer.as_slice())
        .unwrap()
        .plan
        .unwrap();
    let visit = json!({
        "case_id": case,
        "visit_id": plan.visits[0].visit_id,
        "result": "VISIT_RESULT_DONE",
    });
    traffic.command(QD_WORKER, "RecordVisit", visit).await;

    let grant = json!({
        "case_id": case,
        "to_region": CENTRAL,
        "classes": ["SEALED_CLASS_SUMMARY"],
        "basis": "DISCLOSURE_BASIS_EMERGENCY",
        "purpose": "PURPOSE_EMERGENCY_HELP",
        "expires_at": moment(600),
    });
    traffic.command(SH_SUPERVISOR, "GrantKeys", grant).await;
    let answer = traffic.query(SH_WORKER, "ListSealedTexts", asked).await;
    let texts = ListSealedTextsResponse::decode(answer.as_slice())
        .unwrap()
        .texts;
    let open = json!({
        "case_id": case,
        "event_id": texts[0].event_id,
        "field": texts[0].field,
        "purpose": "PURPOSE_CASE_HANDLING",
    });
    let opened = traffic.method("OpenText");
    let message = request(&opened.input(), &open, &mut BTreeSet::new());
    let opened = traffic
        .call(SH_WORKER, &opened, message.encode_to_vec())
        .await;
    assert!(
        find(&opened.unwrap()).is_some(),
        "the texts were sealed, not lost"
    );
}

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
