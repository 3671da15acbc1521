//! `buf curl`, which learns the contract from server reflection.

use std::process::{Command, Stdio};

use acceptance::World;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{configuration, tool};

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

    async fn call(
        &self,
        region: &str,
        caller: &str,
        method: &str,
        message: Value,
    ) -> Result<Value, String> {
        let mut curl = self.command(region, caller, method, &message);
        let done = tokio::task::spawn_blocking(move || curl.output().unwrap())
            .await
            .unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn buf_curl_drives_a_referral_and_reads_its_timeline() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), Timestamp::now()).await;
    let curl = Curl {
        config: configuration(&world),
    };
    let (shanghai, qingdao) = ("310000", "370200");

    let contact = json!({
        "meta": meta(), "deskId": curl.config["desks"]["sh-12355"]["desk_id"],
        "channel": "CHANNEL_PHONE", "line": "LINE_YOUTH_HOTLINE", "callerRole": "CALLER_ROLE_SCHOOL",
        "concern": { "subject": { "ageBand": "AGE_BAND_FOURTEEN_TO_SEVENTEEN" }, "narrative": "in danger" },
    });
    let recorded = curl
        .call(
            shanghai,
            "sh-worker",
            "intake.v1.IntakeService/RecordContact",
            contact,
        )
        .await;
    let recorded = recorded.unwrap()["result"].take();
    let triage = json!({
        "meta": meta(), "intakeId": recorded["id"],
        "assessment": {
            "caseType": "CASE_TYPE_PROTECTION", "subtype": "SUBTYPE_ABUSE", "risk": "RISK_LEVEL_HIGH",
            "reasons": ["RISK_REASON_ONGOING_ABUSE"], "summary": "in danger",
        },
    });
    curl.call(
        shanghai,
        "sh-worker",
        "intake.v1.IntakeService/TriageIntake",
        triage,
    )
    .await
    .unwrap();
    let open = json!({ "meta": meta(), "intakeId": recorded["id"] });
    curl.call(
        shanghai,
        "sh-worker",
        "intake.v1.IntakeService/OpenCase",
        open,
    )
    .await
    .unwrap();
    world
        .system
        .settle(acceptance::AT_REST_WITHIN)
        .await
        .unwrap();

    let draft = json!({
        "meta": meta(), "caseId": recorded["caseId"],
        "from": curl.desk("sh-12355"), "to": curl.desk("qd-12355"),
        "caseType": "CASE_TYPE_PROTECTION", "risk": "RISK_LEVEL_HIGH", "summary": "in danger",
    });
    let referral = "referral.v1.ReferralService";
    let drafted = curl
        .call(
            shanghai,
            "sh-worker",
            &format!("{referral}/DraftReferral"),
            draft,
        )
        .await
        .unwrap();
    let hop = drafted["result"]["id"].as_str().unwrap();
    let submit = json!({
        "meta": meta(), "referralId": hop, "basis": "DISCLOSURE_BASIS_EMERGENCY", "reason": "in danger",
    });
    curl.call(
        shanghai,
        "sh-worker",
        &format!("{referral}/SubmitReferral"),
        submit,
    )
    .await
    .unwrap();
    let dispatch = json!({ "meta": meta(), "referralId": hop });
    let method = format!("{referral}/DispatchReferral");
    curl.call(shanghai, "sh-supervisor", &method, dispatch)
        .await
        .unwrap();
    world
        .system
        .settle(acceptance::AT_REST_WITHIN)
        .await
        .unwrap();

    let assignment = hop.replace(shanghai, qingdao);
    let accept = json!({ "meta": meta(), "assignmentId": assignment });
    let method = format!("{referral}/AcceptAssignment");
    let too_early = curl
        .call(qingdao, "qd-authorised", &method, accept)
        .await
        .unwrap_err();
    assert!(too_early.contains("failed_precondition"), "{too_early}");
    assert!(
        too_early.contains("Accept is not possible"),
        "the message stands alone: {too_early}"
    );
    let receive = json!({ "meta": meta(), "assignmentId": assignment });
    let receiving = format!("{referral}/ReceiveAssignment");
    curl.call(qingdao, "qd-worker", &receiving, receive)
        .await
        .unwrap();
    let accept = json!({ "meta": meta(), "assignmentId": assignment });
    curl.call(qingdao, "qd-authorised", &method, accept)
        .await
        .unwrap();
    world
        .system
        .settle(acceptance::AT_REST_WITHIN)
        .await
        .unwrap();

    let read = json!({ "caseId": recorded["caseId"], "pageSize": 200 });
    let method = "timeline.v1.TimelineService/GetTimeline";
    let timeline = curl
        .call("100000", "central-auditor", method, read)
        .await
        .unwrap();
    let events: Vec<&str> = timeline["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["eventType"].as_str().unwrap())
        .collect();
    assert!(events.contains(&"referral.CustodyTaken"), "{events:?}");
    it_watches_until_it_is_stopped(&curl, &events);
    world.stop().await;
}

/// A watch prints what is there and goes on; the process is stopped once it has printed the last.
fn it_watches_until_it_is_stopped(curl: &Curl, events: &[&str]) {
    use std::io::{BufRead, BufReader};
    let method = "timeline.v1.TimelineService/WatchTimeline";
    let mut watching = curl
        .command("100000", "central-auditor", method, &json!({}))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = BufReader::new(watching.stdout.take().unwrap()).lines();
    let seen = printed
        .map_while(Result::ok)
        .filter(|line| line.contains("\"eventType\"") || line.contains("\"caughtUp\""))
        .take_while(|line| !line.contains("\"caughtUp\""));
    assert!(seen.count() >= events.len());
    watching.kill().unwrap();
    watching.wait().unwrap();
}
