//! What people do in these tests, each thing one call.

use acceptance::World;
use domain::values::Role;
use jiff::Timestamp;
use node::client::Caller;
use proto::intake::v1 as intake;
use proto::intake::v1::intake_service_client::IntakeServiceClient;
use proto::referral::v1 as referral;
use proto::referral::v1::referral_service_client::ReferralServiceClient;
use proto::types::v1 as types;
use proto::types::v1::CommandResult;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt;

pub(crate) const SHANGHAI: &str = "310000";
pub(crate) const CENTRAL: &str = "100000";
pub(crate) const QINGDAO: &str = "370200";

/// A Monday noon in Shanghai.
pub(crate) fn monday() -> Timestamp {
    "2026-03-02T04:00:00Z".parse().unwrap()
}

/// The Shanghai desk, where contacts are recorded.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) intake: IntakeServiceClient<Channel>,
    pub(crate) worker: Caller,
    pub(crate) id: String,
}

impl Desk {
    pub(crate) async fn of(world: &World) -> Self {
        Self {
            intake: IntakeServiceClient::new(world.channel(SHANGHAI).await),
            worker: world.caller("sh-worker", Role::Worker),
            id: world.desk("sh-12355").desk_id,
        }
    }

    /// A call in which nobody spoke.
    pub(crate) fn silent_call(
        &self,
        meta: Option<types::CommandMeta>,
    ) -> intake::RecordContactRequest {
        let nothing = intake::NoMatter {
            kind: intake::NonCase::Silent.into(),
            note: String::new(),
        };
        intake::RecordContactRequest {
            meta,
            desk_id: self.id.clone(),
            channel: intake::Channel::Phone.into(),
            line: intake::Line::YouthHotline.into(),
            caller_role: intake::CallerRole::Anonymous.into(),
            matter: Some(intake::record_contact_request::Matter::NoCase(nothing)),
            ..intake::RecordContactRequest::default()
        }
    }

    pub(crate) async fn record(
        &self,
        request: &intake::RecordContactRequest,
    ) -> Result<CommandResult, Status> {
        let mut intake = self.intake.clone();
        let request = self.worker.request(request.clone());
        let answer = intake.record_contact(request).await?;
        Ok(answer.into_inner().result.unwrap())
    }
}

/// A call that becomes a case of Shanghai's; its case and intake.
pub(crate) async fn open_case(world: &World) -> (String, String) {
    let mut desk = Desk::of(world).await;
    let concern = intake::Concern {
        subject: Some(intake::Subject {
            age_band: intake::AgeBand::FourteenToSeventeen.into(),
            lives_in: QINGDAO.to_owned(),
            identity: "somebody".to_owned(),
        }),
        narrative: "what was said".to_owned(),
    };
    let contact = intake::RecordContactRequest {
        caller_role: intake::CallerRole::Oneself.into(),
        matter: Some(intake::record_contact_request::Matter::Concern(concern)),
        ..desk.silent_call(world.meta())
    };
    let recorded = desk.record(&contact).await.unwrap();
    let intake_id = recorded.id;
    let triage = intake::TriageIntakeRequest {
        meta: world.meta(),
        intake_id: intake_id.clone(),
        assessment: Some(intake::Assessment {
            case_type: types::CaseType::PsychologicalSupport.into(),
            subtype: intake::Subtype::Depression.into(),
            risk: types::RiskLevel::High.into(),
            reasons: vec![intake::RiskReason::PlanOrMeans.into()],
            summary: "what a receiver needs".to_owned(),
            ..intake::Assessment::default()
        }),
    };
    let triaged = desk.intake.triage_intake(desk.worker.request(triage)).await;
    triaged.unwrap();
    let open = intake::OpenCaseRequest {
        meta: world.meta(),
        intake_id: intake_id.clone(),
    };
    let opened = desk.intake.open_case(desk.worker.request(open)).await;
    opened.unwrap();
    (recorded.case_id, intake_id)
}

/// A hop of a case of Shanghai's to Qingdao, dispatched; it has arrived when it is in Qingdao's log.
pub(crate) async fn dispatch(world: &World, case: &str) -> String {
    let mut referrals = ReferralServiceClient::new(world.channel(SHANGHAI).await);
    let worker = world.caller("sh-worker", Role::Worker);
    let supervisor = world.caller("sh-supervisor", Role::Supervisor);
    let draft = referral::DraftReferralRequest {
        meta: world.meta(),
        case_id: case.to_owned(),
        from: Some(world.desk("sh-12355")),
        to: Some(world.desk("qd-12355")),
        case_type: types::CaseType::PsychologicalSupport.into(),
        risk: types::RiskLevel::High.into(),
        flags: vec![],
        summary: "what a receiver needs".to_owned(),
    };
    let drafted = referrals.draft_referral(worker.request(draft)).await;
    let hop = drafted.unwrap().into_inner().result.unwrap().id;
    let submit = referral::SubmitReferralRequest {
        meta: world.meta(),
        referral_id: hop.clone(),
        basis: types::DisclosureBasis::Emergency.into(),
        reason: "in danger".to_owned(),
    };
    let submitted = referrals.submit_referral(worker.request(submit)).await;
    submitted.unwrap();
    let send = referral::DispatchReferralRequest {
        meta: world.meta(),
        referral_id: hop.clone(),
    };
    let sent = referrals.dispatch_referral(supervisor.request(send)).await;
    sent.unwrap();
    hop
}

/// Qingdao receives a hop and accepts it.
pub(crate) async fn accept(world: &World, hop: &str) -> Result<(), Status> {
    let mut referrals = ReferralServiceClient::new(world.channel(QINGDAO).await);
    let assignment_id = hop.replacen(SHANGHAI, QINGDAO, 1);
    let receive = referral::ReceiveAssignmentRequest {
        meta: world.meta(),
        assignment_id: assignment_id.clone(),
    };
    let worker = world.caller("qd-worker", Role::Worker);
    referrals
        .receive_assignment(worker.request(receive))
        .await?;
    let accept = referral::AcceptAssignmentRequest {
        meta: world.meta(),
        assignment_id,
    };
    let authorised = world.caller("qd-authorised", Role::Authorised);
    let accepted = referrals.accept_assignment(authorised.request(accept));
    accepted.await.map(drop)
}

/// Shanghai cancels a hop.
pub(crate) async fn cancel(world: &World, hop: &str) -> Result<(), Status> {
    let mut referrals = ReferralServiceClient::new(world.channel(SHANGHAI).await);
    let cancel = referral::CancelReferralRequest {
        meta: world.meta(),
        referral_id: hop.to_owned(),
        reason: "found at home".to_owned(),
    };
    let worker = world.caller("sh-worker", Role::Worker);
    let cancelled = referrals.cancel_referral(worker.request(cancel));
    cancelled.await.map(drop)
}

/// A hop as a region knows it.
pub(crate) async fn hop(world: &World, region: &str, hop: &str) -> referral::Hop {
    let mut referrals = ReferralServiceClient::new(world.channel(region).await);
    let request = referral::GetReferralRequest {
        hop_id: hop.to_owned(),
        consistency_token: String::new(),
    };
    let auditor = world.caller("central-auditor", Role::Auditor);
    let found = referrals.get_referral(auditor.request(request)).await;
    found.unwrap().into_inner().hop.unwrap()
}

/// The regions that say a case is theirs and was not passed on.
pub(crate) async fn custodians(world: &World, case: &str) -> Vec<&'static str> {
    let mut holders = Vec::new();
    for region in [SHANGHAI, CENTRAL, QINGDAO] {
        let mut referrals = ReferralServiceClient::new(world.channel(region).await);
        let request = referral::GetCustodyRequest {
            case_id: case.to_owned(),
            consistency_token: String::new(),
        };
        let auditor = world.caller("central-auditor", Role::Auditor);
        let found = referrals.get_custody(auditor.request(request)).await;
        let held = found.is_ok_and(|found| {
            let custody = found.into_inner().custody.unwrap();
            custody.passed_to.is_none()
        });
        if held {
            holders.push(region);
        }
    }
    holders
}

/// The code of a refusal, and its stable reason; and it speaks Chinese.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let details = status.get_error_details();
    let chinese = details.localized_message().expect("a Chinese sentence");
    assert!(!chinese.message.is_ascii(), "{status:?}");
    let info = details.error_info().expect("every refusal has a reason");
    (status.code(), info.reason.clone())
}
