//! chen_jia: a call to Shanghai 12355, from the first minute to a case team in Qingdao.
//!
//! Seventeen, at school in Qingdao; depression, the mother died, the father is irritable, wants to
//! die, hangs up. Shanghai calls back five times in vain; the rule proposes a referral; League Central
//! redirects it; Qingdao accepts, custody moves, a team stands. (From a newspaper; a pseudonym.)

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use domain::ids::CaseId;
use domain::values::Role;
use eventsourcing::{Region, ScopedId, StreamId};
use jiff::SignedDuration;
use proto::caseteam::v1 as team;
use proto::caseteam::v1::case_team_service_client::CaseTeamServiceClient;
use proto::followup::v1 as followup;
use proto::followup::v1::follow_up_service_client::FollowUpServiceClient;
use proto::intake::v1 as intake;
use proto::intake::v1::intake_service_client::IntakeServiceClient;
use proto::keys::v1 as keys;
use proto::keys::v1::keys_service_client::KeysServiceClient;
use proto::referral::v1 as referral;
use proto::referral::v1::referral_service_client::ReferralServiceClient;
use proto::types::v1 as types;

use tonic::Code;

use super::{Acts, Stage};

/// What was said on the phone; sealed before it is stored.
pub const NARRATIVE: &str = "我叫陈佳，今年17岁，在青岛读高中。妈妈去世对我打击很大，爸爸脾气有点暴躁，我真的很想结束自己的生命。";
/// What a receiver needs in order to decide; sealed as well.
pub const SUMMARY: &str =
    "青岛高中生，重度抑郁，表达明确轻生意愿后挂断，多次回拨未通，需立即查找并干预。";
/// The number called from; sealed as well.
pub const NUMBER: &str = "13800000000";

/// How long the keys to Shanghai's texts may take to Qingdao, and how often it is asked whether they
/// have come.
const KEYS_WITHIN: Duration = Duration::from_secs(20);
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What the story led to.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub case: CaseId,
}

/// Plays the story; every step must do what the story says.
///
/// # Errors
/// The step that did not.
pub async fn play(stage: &Stage) -> anyhow::Result<Told> {
    let regions = Regions::new()?;
    let (case, intake) = the_call(stage).await?;
    call_back_in_vain(stage, &intake).await?;
    let first = refer_to_central(stage, &regions).await?;
    let second = central_redirects(stage, &regions, first).await?;
    qingdao_takes_over(stage, &regions, second).await?;
    the_team_begins(stage, &regions, case).await?;
    qingdao_reads_what_was_said(stage, case).await?;
    the_first_follow_up(stage, &regions, case).await?;
    Ok(Told { case })
}

struct Regions {
    shanghai: Region,
    central: Region,
    qingdao: Region,
}

impl Regions {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            shanghai: "310000".parse()?,
            central: Region::CENTRAL,
            qingdao: "370200".parse()?,
        })
    }
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

async fn the_call(stage: &Stage) -> anyhow::Result<(CaseId, String)> {
    let worker = stage.actor("sh-worker", Role::Worker)?;
    let mut desk = IntakeServiceClient::new(worker.channel());
    let contact = intake::RecordContactRequest {
        meta: worker.meta(),
        desk_id: stage.desk("sh-12355")?.desk.to_string(),
        channel: intake::Channel::Phone.into(),
        line: intake::Line::YouthHotline.into(),
        number: NUMBER.to_owned(),
        caller_role: intake::CallerRole::Oneself.into(),
        matter: Some(intake::record_contact_request::Matter::Concern(
            intake::Concern {
                subject: Some(intake::Subject {
                    age_band: intake::AgeBand::FourteenToSeventeen.into(),
                    lives_in: "370200".to_owned(),
                    identity: "陈佳，青岛某高中学生".to_owned(),
                }),
                narrative: NARRATIVE.to_owned(),
            },
        )),
        ..intake::RecordContactRequest::default()
    };
    let recorded = desk.record_contact(worker.ask(contact)).await?.into_inner();
    let recorded = recorded
        .result
        .context("a contact is answered with a result")?;
    let intake_id = recorded.id;

    stage.pass(minutes(1)).await?;
    let triage = intake::TriageIntakeRequest {
        meta: worker.meta(),
        intake_id: intake_id.clone(),
        assessment: Some(intake::Assessment {
            case_type: types::CaseType::PsychologicalSupport.into(),
            subtype: intake::Subtype::SuicidePlan.into(),
            flags: Vec::new(),
            risk: types::RiskLevel::Immediate.into(),
            reasons: vec![
                intake::RiskReason::DangerNow.into(),
                intake::RiskReason::ContactLost.into(),
            ],
            summary: SUMMARY.to_owned(),
            note: String::new(),
        }),
    };
    desk.triage_intake(worker.ask(triage)).await?;
    for service in [
        intake::EmergencyService::Police,
        intake::EmergencyService::Ambulance,
    ] {
        let told = intake::TellEmergencyServiceRequest {
            meta: worker.meta(),
            intake_id: intake_id.clone(),
            service: service.into(),
            note: String::new(),
        };
        desk.tell_emergency_service(worker.ask(told)).await?;
    }
    Ok((recorded.case_id.parse()?, intake_id))
}

async fn call_back_in_vain(stage: &Stage, intake_id: &str) -> anyhow::Result<()> {
    use intake::CallbackOutcome::{NoAnswer, PoweredOff, Rejected};
    let worker = stage.actor("sh-worker", Role::Worker)?;
    let mut desk = IntakeServiceClient::new(worker.channel());
    let moment = |at: jiff::Timestamp| {
        Some(prost_types::Timestamp {
            seconds: at.as_second(),
            nanos: at.subsec_nanosecond(),
        })
    };
    let plan = intake::PlanCallbackRequest {
        meta: worker.meta(),
        intake_id: intake_id.to_owned(),
        // Empty: to the number that she called from.
        number: String::new(),
        from: moment(stage.now()),
        until: moment(stage.now() + minutes(60)),
    };
    desk.plan_callback(worker.ask(plan)).await?;
    for outcome in [Rejected, NoAnswer, NoAnswer, PoweredOff, PoweredOff] {
        stage.pass(minutes(4)).await?;
        let attempt = intake::RecordCallbackAttemptRequest {
            meta: worker.meta(),
            intake_id: intake_id.to_owned(),
            outcome: outcome.into(),
            note: String::new(),
        };
        desk.record_callback_attempt(worker.ask(attempt)).await?;
    }
    Ok(())
}

/// The rule has drafted the referral; a worker submits it, the supervisor sends it.
async fn refer_to_central(stage: &Stage, regions: &Regions) -> anyhow::Result<ScopedId> {
    let drafted = stage.until(regions.shanghai, "referral.Drafted").await?;
    ensure!(
        drafted
            .actor
            .as_ref()
            .is_some_and(|actor| !actor.rule.is_empty()),
        "the rule drafts the first hop, not a person"
    );
    stage
        .until(regions.shanghai, "referral.CustodyOpened")
        .await?;
    let hop = stream_id(&drafted.stream)?;
    stage.pass(minutes(2)).await?;
    let worker = stage.actor("sh-worker", Role::Worker)?;
    let supervisor = stage.actor("sh-supervisor", Role::Supervisor)?;
    send(stage, &worker, &supervisor, hop).await?;
    Ok(hop)
}

/// Submits and, by another person, dispatches, on the basis of an emergency.
async fn send(
    stage: &Stage,
    submits: &Acts<'_>,
    approves: &Acts<'_>,
    hop: ScopedId,
) -> anyhow::Result<()> {
    let mut referrals = ReferralServiceClient::new(submits.channel());
    let submit = referral::SubmitReferralRequest {
        meta: submits.meta(),
        referral_id: hop.to_string(),
        basis: types::DisclosureBasis::Emergency.into(),
        reason: "有明确轻生意愿，失去联系".to_owned(),
    };
    referrals.submit_referral(submits.ask(submit)).await?;
    stage.pass(minutes(1)).await?;
    let dispatch = referral::DispatchReferralRequest {
        meta: approves.meta(),
        referral_id: hop.to_string(),
    };
    referrals.dispatch_referral(approves.ask(dispatch)).await?;
    Ok(())
}

async fn central_redirects(
    stage: &Stage,
    regions: &Regions,
    first: ScopedId,
) -> anyhow::Result<ScopedId> {
    let arrived = stage.until(regions.central, "referral.Assigned").await?;
    let assignment = stream_id(&arrived.stream)?;
    ensure!(
        assignment.uuid == first.uuid,
        "the hop that was sent is the one that arrived"
    );
    stage.pass(minutes(1)).await?;

    let duty = stage.actor("central-duty", Role::Worker)?;
    let mut referrals = ReferralServiceClient::new(duty.channel());
    let receive = referral::ReceiveAssignmentRequest {
        meta: duty.meta(),
        assignment_id: assignment.to_string(),
    };
    referrals.receive_assignment(duty.ask(receive)).await?;
    stage.pass(minutes(2)).await?;
    let qingdao = stage.desk("qd-12355")?;
    let onward = referral::ReferOnwardRequest {
        meta: duty.meta(),
        assignment_id: assignment.to_string(),
        to: Some(types::Party {
            organization_id: qingdao.organization.to_string(),
            desk_id: qingdao.desk.to_string(),
        }),
        reason: "当事人在青岛就读，由青岛就地干预".to_owned(),
    };
    referrals.refer_onward(duty.ask(onward)).await?;

    let drafted = stage.until(regions.central, "referral.Drafted").await?;
    let hop = stream_id(&drafted.stream)?;
    let approves = stage.actor("central-duty", Role::Supervisor)?;
    let submits = stage.actor("central-duty", Role::Supervisor)?;
    send(stage, &submits, &approves, hop).await?;
    Ok(hop)
}

async fn qingdao_takes_over(
    stage: &Stage,
    regions: &Regions,
    second: ScopedId,
) -> anyhow::Result<()> {
    let arrived = stage.until(regions.qingdao, "referral.Assigned").await?;
    let assignment = stream_id(&arrived.stream)?;
    ensure!(
        assignment.uuid == second.uuid,
        "the hop that was sent is the one that arrived"
    );
    stage.pass(minutes(3)).await?;

    let worker = stage.actor("qd-worker", Role::Worker)?;
    let mut referrals = ReferralServiceClient::new(worker.channel());
    let receive = referral::ReceiveAssignmentRequest {
        meta: worker.meta(),
        assignment_id: assignment.to_string(),
    };
    referrals.receive_assignment(worker.ask(receive)).await?;
    stage.pass(minutes(4)).await?;
    let authorised = stage.actor("qd-authorised", Role::Authorised)?;
    let accept = referral::AcceptAssignmentRequest {
        meta: authorised.meta(),
        assignment_id: assignment.to_string(),
    };
    referrals.accept_assignment(authorised.ask(accept)).await?;

    // What follows from it, nobody commands: custody moves, a team stands, its follow-up is owed.
    stage
        .until(regions.shanghai, "referral.CustodyReleased")
        .await?;
    stage
        .until(regions.qingdao, "referral.CustodyTaken")
        .await?;
    stage.until(regions.qingdao, "caseteam.TeamFormed").await?;
    stage
        .until(regions.qingdao, "caseteam.CustodyConfirmed")
        .await?;
    stage
        .until(regions.qingdao, "followup.VisitPlanned")
        .await?;
    stage.until(regions.shanghai, "intake.HandedOver").await?;
    Ok(())
}

async fn the_team_begins(stage: &Stage, regions: &Regions, case: CaseId) -> anyhow::Result<()> {
    use team::{TaskKind, TeamRole};
    stage.pass(minutes(5)).await?;
    let lead = stage.actor("qd-authorised", Role::Authorised)?;
    let mut teams = CaseTeamServiceClient::new(lead.channel());
    let partners = [
        ("qd-education", TeamRole::Assist, TaskKind::ContactSchool),
        (
            "qd-police",
            TeamRole::PoliceContact,
            TaskKind::ContactPolice,
        ),
        (
            "qd-community",
            TeamRole::SocialWorker,
            TaskKind::ContactFamily,
        ),
        ("qd-school", TeamRole::SchoolContact, TaskKind::SafetyCheck),
    ];
    for (code, role, kind) in partners {
        let organization_id = stage.organization(code)?.to_string();
        let seat = team::SeatMemberRequest {
            meta: lead.meta(),
            case_id: case.to_string(),
            seat: Some(team::Seat {
                role: role.into(),
                organization_id: organization_id.clone(),
                worker_id: String::new(),
            }),
        };
        teams.seat_member(lead.ask(seat)).await?;
        let due = stage.now() + minutes(60);
        let task = team::AddTaskRequest {
            meta: lead.meta(),
            case_id: case.to_string(),
            kind: kind.into(),
            note: String::new(),
            owner_organization_id: organization_id,
            owner_worker_id: String::new(),
            due_at: Some(prost_types::Timestamp {
                seconds: due.as_second(),
                nanos: due.subsec_nanosecond(),
            }),
        };
        teams.add_task(lead.ask(task)).await?;
    }
    stage.until(regions.qingdao, "referral.WorkStarted").await?;
    Ok(())
}

/// Shanghai's narrative, by the keys that Shanghai granted; the opening is on record.
async fn qingdao_reads_what_was_said(stage: &Stage, case: CaseId) -> anyhow::Result<()> {
    let worker = stage.actor("qd-worker", Role::Worker)?;
    let mut texts = KeysServiceClient::new(worker.channel());
    let list = keys::ListSealedTextsRequest {
        case_id: case.to_string(),
        ..keys::ListSealedTextsRequest::default()
    };
    let listed = texts
        .list_sealed_texts(worker.ask(list))
        .await?
        .into_inner();
    let narrative = listed
        .texts
        .into_iter()
        .find(|text| {
            text.event_type == "intake.ContactRecorded"
                && text.class == i32::from(keys::SealedClass::Narrative)
        })
        .context("the narrative of the call is listed")?;
    let asked = Instant::now();
    let opened = loop {
        let open = keys::OpenTextRequest {
            meta: worker.meta(),
            case_id: case.to_string(),
            event_id: narrative.event_id.clone(),
            field: narrative.field.clone(),
            purpose: keys::Purpose::CaseHandling.into(),
        };
        match texts.open_text(worker.ask(open)).await {
            // The keys are granted by what follows from the acceptance: they may be on their way.
            Err(not_yet)
                if not_yet.code() == Code::FailedPrecondition && asked.elapsed() < KEYS_WITHIN =>
            {
                tokio::time::sleep(ASKED_AGAIN_AFTER).await;
            }
            opened => break opened?.into_inner(),
        }
    };
    ensure!(
        opened.text == NARRATIVE,
        "Qingdao reads what was said in Shanghai"
    );
    Ok(())
}

async fn the_first_follow_up(stage: &Stage, regions: &Regions, case: CaseId) -> anyhow::Result<()> {
    stage.pass(SignedDuration::from_hours(20)).await?;
    let worker = stage.actor("qd-worker", Role::Worker)?;
    let mut plans = FollowUpServiceClient::new(worker.channel());
    let plan = followup::GetPlanRequest {
        case_id: case.to_string(),
        ..followup::GetPlanRequest::default()
    };
    let plan = plans
        .get_plan(worker.ask(plan))
        .await?
        .into_inner()
        .plan
        .context("a plan")?;
    let owed = plan.visits.first().context("a first follow-up is owed")?;
    let visit = followup::RecordVisitRequest {
        meta: worker.meta(),
        case_id: case.to_string(),
        visit_id: owed.visit_id.clone(),
        report: Some(followup::record_visit_request::Report::Result(
            followup::VisitResult::Done.into(),
        )),
        note: "已与当事人通话，情绪较前稳定".to_owned(),
    };
    plans.record_visit(worker.ask(visit)).await?;
    stage.until(regions.qingdao, "followup.VisitDone").await?;
    Ok(())
}

fn stream_id(stream: &str) -> anyhow::Result<ScopedId> {
    Ok(stream.parse::<StreamId>()?.id)
}
