//! `buf curl`, which learns the contract from server reflection.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use acceptance::{AT_REST_WITHIN, World};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{CLIENT_WITHIN, configuration, output, tool};

/// Calls one method as somebody; what came out, or what was said about it.
struct Curl {
    config: Value,
}

impl Curl {
    fn command(&self, region: &str, caller: &str, method: &str, message: &Value) -> Command {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut curl = Command::new(tool("LIANDONG_BUF", "buf"));
        curl.args([
            "curl",
            "--protocol",
            "grpc",
            "--http2-prior-knowledge",
            "--reflect",
        ]);
        let ids = &self.config["callers"][caller];
        for (header, field) in [
            ("liandong-person", "person"),
            ("liandong-organization", "organization"),
            ("liandong-role", "role"),
        ] {
            curl.arg("--header")
                .arg(format!("{header}: {}", text(&ids[field])));
        }
        let address = text(&self.config["urls"][region]);
        curl.arg("--data").arg(message.to_string());
        curl.arg(format!("http://{address}/liandong.{method}"));
        curl
    }

    fn call(
        &self,
        region: &str,
        caller: &str,
        method: &str,
        message: &Value,
    ) -> Result<Value, String> {
        let done = output(self.command(region, caller, method, message));
        if done.status.success() {
            return Ok(serde_json::from_slice(&done.stdout).unwrap());
        }
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }

    fn desk(&self, code: &str) -> Value {
        let ids = &self.config["desks"][code];
        json!({ "organizationId": ids["organization_id"], "deskId": ids["desk_id"] })
    }
}

fn meta() -> Value {
    json!({ "requestId": Uuid::now_v7().to_string() })
}

/// A watch that goes on until it is dropped.
struct Watch {
    client: Child,
    lines: mpsc::Receiver<String>,
}

impl Watch {
    fn begin(mut client: Command) -> Self {
        let mut client = client.stdout(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(client.stdout.take().unwrap()).lines();
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || {
            // Whoever listened has heard enough.
            printed
                .map_while(Result::ok)
                .try_for_each(|line| tell.send(line))
        });
        Self { client, lines }
    }

    /// Waits until it prints a line with this in it.
    fn until(&self, part: &str) {
        tokio::task::block_in_place(|| {
            while let Ok(line) = self.lines.recv_timeout(CLIENT_WITHIN) {
                if line.contains(part) {
                    return;
                }
            }
            panic!("the watch told of no {part} within {CLIENT_WITHIN:?}, or ended");
        });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It goes on for ever otherwise.
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

const SHANGHAI: &str = "310000";
const QINGDAO: &str = "370200";
const CENTRAL: &str = "100000";

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_drives_a_referral_and_watches_its_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), Timestamp::now()).await;
    let curl = Curl {
        config: configuration(&world),
    };
    let case = a_case_opens_in_shanghai(&curl);
    world.system.settle(AT_REST_WITHIN).await.unwrap();
    let hop = it_is_referred_to_qingdao(&curl, &case);
    world.system.settle(AT_REST_WITHIN).await.unwrap();

    let watching = "timeline.v1.TimelineService/WatchTimeline";
    let watch = Watch::begin(curl.command(CENTRAL, "central-auditor", watching, &json!({})));
    watch.until("\"referral.Dispatched\"");
    watch.until("\"caughtUp\"");
    qingdao_takes_it_over(&curl, &hop.replace(SHANGHAI, QINGDAO));
    watch.until("\"referral.Accepted\"");
    watch.until("\"referral.CustodyTaken\"");
    drop(watch);

    let read = json!({ "caseId": case, "pageSize": 200 });
    let method = "timeline.v1.TimelineService/GetTimeline";
    let timeline = curl.call(CENTRAL, "central-auditor", method, &read);
    let timeline = timeline.unwrap();
    let mut entries = timeline["entries"].as_array().unwrap().iter();
    assert!(entries.any(|entry| entry["eventType"] == "referral.CustodyTaken"));
    world.stop().await;
}

/// The case, of a call that was assessed.
fn a_case_opens_in_shanghai(curl: &Curl) -> String {
    let intake = |method: &str, message: Value| {
        let method = format!("intake.v1.IntakeService/{method}");
        curl.call(SHANGHAI, "sh-worker", &method, &message).unwrap()
    };
    let contact = json!({
        "meta": meta(), "deskId": curl.config["desks"]["sh-12355"]["desk_id"],
        "channel": "CHANNEL_PHONE", "line": "LINE_YOUTH_HOTLINE", "callerRole": "CALLER_ROLE_SCHOOL",
        "concern": { "subject": { "ageBand": "AGE_BAND_FOURTEEN_TO_SEVENTEEN" }, "narrative": "in danger" },
    });
    let recorded = intake("RecordContact", contact)["result"].take();
    let triage = json!({
        "meta": meta(), "intakeId": recorded["id"],
        "assessment": {
            "caseType": "CASE_TYPE_PROTECTION", "subtype": "SUBTYPE_ABUSE", "risk": "RISK_LEVEL_HIGH",
            "reasons": ["RISK_REASON_ONGOING_ABUSE"], "summary": "in danger",
        },
    });
    intake("TriageIntake", triage);
    intake(
        "OpenCase",
        json!({ "meta": meta(), "intakeId": recorded["id"] }),
    );
    recorded["caseId"].as_str().unwrap().to_owned()
}

/// The hop, dispatched.
fn it_is_referred_to_qingdao(curl: &Curl, case: &str) -> String {
    let referral = |caller: &str, method: &str, message: Value| {
        let method = format!("referral.v1.ReferralService/{method}");
        curl.call(SHANGHAI, caller, &method, &message).unwrap()
    };
    let draft = json!({
        "meta": meta(), "caseId": case,
        "from": curl.desk("sh-12355"), "to": curl.desk("qd-12355"),
        "caseType": "CASE_TYPE_PROTECTION", "risk": "RISK_LEVEL_HIGH", "summary": "in danger",
    });
    let drafted = referral("sh-worker", "DraftReferral", draft);
    let hop = drafted["result"]["id"].as_str().unwrap();
    let submit = json!({
        "meta": meta(), "referralId": hop, "basis": "DISCLOSURE_BASIS_EMERGENCY", "reason": "in danger",
    });
    referral("sh-worker", "SubmitReferral", submit);
    let dispatch = json!({ "meta": meta(), "referralId": hop });
    referral("sh-supervisor", "DispatchReferral", dispatch);
    hop.to_owned()
}

/// Accepting too early is refused with what stands alone; then it is received and accepted.
fn qingdao_takes_it_over(curl: &Curl, assignment: &str) {
    let referral = |caller: &str, method: &str| {
        let method = format!("referral.v1.ReferralService/{method}");
        let message = json!({ "meta": meta(), "assignmentId": assignment });
        curl.call(QINGDAO, caller, &method, &message)
    };
    let too_early = referral("qd-authorised", "AcceptAssignment").unwrap_err();
    assert!(too_early.contains("failed_precondition"), "{too_early}");
    assert!(
        too_early.contains("Accept is not possible"),
        "the message stands alone: {too_early}"
    );
    referral("qd-worker", "ReceiveAssignment").unwrap();
    referral("qd-authorised", "AcceptAssignment").unwrap();
}
