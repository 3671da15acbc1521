//! Everything that people can tell a service, with a marked text in every redacted field.

use std::collections::BTreeSet;

use prost::Message;
use proto::caseteam::v1::GetTeamResponse;
use proto::followup::v1::GetPlanResponse;
use proto::keys::v1::ListSealedTextsResponse;
use serde_json::{Value, json};

use crate::marks::find;
use crate::messages::request;
use crate::program::{CENTRAL, QINGDAO, SHANGHAI};
use crate::traffic::{
    AUDITORS, CENTRAL_WORKER, QD_AUTHORISED, QD_WORKER, SH_SUPERVISOR, SH_WORKER, Traffic,
};

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
pub(crate) async fn intakes(traffic: &mut Traffic) -> String {
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
pub(crate) async fn hops(traffic: &mut Traffic, case: &str) -> String {
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
pub(crate) async fn team(traffic: &mut Traffic, case: &str) {
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
