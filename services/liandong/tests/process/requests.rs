//! What clients ask for: single calls, and cases that go from Shanghai to Qingdao step by step.

use node::client::new_meta;
use proto::intake::v1 as intake;
use proto::intake::v1::intake_service_client::IntakeServiceClient;
use proto::referral::v1 as referral;
use proto::referral::v1::referral_service_client::ReferralServiceClient;
use proto::types::v1 as types;
use proto::types::v1::{CommandMeta, CommandResult};
use service_runtime::SystemClock;
use tonic::Status;

use crate::program::{QINGDAO, Regions, SHANGHAI};

/// One command, with everything to send it again.
#[derive(Clone)]
pub(crate) enum Asked {
    Contact(intake::RecordContactRequest),
    Triage(intake::TriageIntakeRequest),
    Open(intake::OpenCaseRequest),
    Draft(referral::DraftReferralRequest),
    Submit(referral::SubmitReferralRequest),
    Dispatch(referral::DispatchReferralRequest),
    Receive(referral::ReceiveAssignmentRequest),
    Accept(referral::AcceptAssignmentRequest),
}

macro_rules! send {
    ($client:ident, $regions:expr, $region:expr, $who:expr, $role:expr, $method:ident, $request:expr) => {{
        let caller = $regions.caller($who, $role);
        let mut client = $client::new($regions.node($region));
        let answer = client.$method(caller.request($request.clone())).await?;
        Ok(answer.into_inner().result.unwrap())
    }};
}

impl Asked {
    pub(crate) async fn send(&self, regions: &Regions) -> Result<CommandResult, Status> {
        use IntakeServiceClient as Intake;
        use ReferralServiceClient as Referral;
        match self {
            Self::Contact(it) => {
                send!(
                    Intake,
                    regions,
                    SHANGHAI,
                    "sh-worker",
                    "Worker",
                    record_contact,
                    it
                )
            }
            Self::Triage(it) => {
                send!(
                    Intake,
                    regions,
                    SHANGHAI,
                    "sh-worker",
                    "Worker",
                    triage_intake,
                    it
                )
            }
            Self::Open(it) => {
                send!(
                    Intake,
                    regions,
                    SHANGHAI,
                    "sh-worker",
                    "Worker",
                    open_case,
                    it
                )
            }
            Self::Draft(it) => {
                send!(
                    Referral,
                    regions,
                    SHANGHAI,
                    "sh-worker",
                    "Worker",
                    draft_referral,
                    it
                )
            }
            Self::Submit(it) => {
                send!(
                    Referral,
                    regions,
                    SHANGHAI,
                    "sh-worker",
                    "Worker",
                    submit_referral,
                    it
                )
            }
            Self::Dispatch(it) => send!(
                Referral,
                regions,
                SHANGHAI,
                "sh-supervisor",
                "Supervisor",
                dispatch_referral,
                it
            ),
            Self::Receive(it) => {
                send!(
                    Referral,
                    regions,
                    QINGDAO,
                    "qd-worker",
                    "Worker",
                    receive_assignment,
                    it
                )
            }
            Self::Accept(it) => send!(
                Referral,
                regions,
                QINGDAO,
                "qd-authorised",
                "Authorised",
                accept_assignment,
                it
            ),
        }
    }

    /// The log that records it.
    pub(crate) fn log(&self) -> &'static str {
        match self {
            Self::Contact(_) | Self::Triage(_) | Self::Open(_) => "310000.intake",
            Self::Draft(_) | Self::Submit(_) | Self::Dispatch(_) => "310000.referral",
            Self::Receive(_) | Self::Accept(_) => "370200.referral",
        }
    }

    pub(crate) fn request_id(&self) -> &str {
        let meta = match self {
            Self::Contact(it) => &it.meta,
            Self::Triage(it) => &it.meta,
            Self::Open(it) => &it.meta,
            Self::Draft(it) => &it.meta,
            Self::Submit(it) => &it.meta,
            Self::Dispatch(it) => &it.meta,
            Self::Receive(it) => &it.meta,
            Self::Accept(it) => &it.meta,
        };
        &meta.as_ref().unwrap().request_id
    }
}

fn meta() -> CommandMeta {
    new_meta(&SystemClock)
}

/// A call in which nobody spoke.
pub(crate) fn silent_call(regions: &Regions) -> Asked {
    let nothing = intake::NoMatter {
        kind: intake::NonCase::Silent.into(),
        note: String::new(),
    };
    contact(
        regions,
        intake::CallerRole::Anonymous,
        intake::record_contact_request::Matter::NoCase(nothing),
    )
}

fn contact(
    regions: &Regions,
    caller_role: intake::CallerRole,
    matter: intake::record_contact_request::Matter,
) -> Asked {
    Asked::Contact(intake::RecordContactRequest {
        meta: Some(meta()),
        desk_id: regions.desk("sh-12355").1,
        channel: intake::Channel::Phone.into(),
        line: intake::Line::YouthHotline.into(),
        caller_role: caller_role.into(),
        matter: Some(matter),
        ..intake::RecordContactRequest::default()
    })
}

/// A case on its way: what the next command needs to know.
#[derive(Clone, Default)]
pub(crate) struct Case {
    pub(crate) narrative: String,
    pub(crate) id: String,
    intake: String,
    hop: String,
    taken: usize,
}

impl Case {
    const STEPS: usize = 8;

    pub(crate) fn new(narrative: String) -> Self {
        Self {
            narrative,
            ..Self::default()
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.taken == Self::STEPS
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.taken > 0
    }

    /// Learns what the step just answered has made.
    pub(crate) fn take(&mut self, answer: &CommandResult) {
        match self.taken {
            0 => {
                self.id.clone_from(&answer.case_id);
                self.intake.clone_from(&answer.id);
            }
            3 => self.hop.clone_from(&answer.id),
            _ => {}
        }
        self.taken += 1;
    }

    /// The next command.
    pub(crate) fn next(&self, regions: &Regions) -> Asked {
        let assignment_id = self.hop.replacen(SHANGHAI, QINGDAO, 1);
        match self.taken {
            0 => self.the_call(regions),
            1 => self.triage(),
            2 => Asked::Open(intake::OpenCaseRequest {
                meta: Some(meta()),
                intake_id: self.intake.clone(),
            }),
            3 => self.draft(regions),
            4 => Asked::Submit(referral::SubmitReferralRequest {
                meta: Some(meta()),
                referral_id: self.hop.clone(),
                basis: types::DisclosureBasis::Emergency.into(),
                reason: "in danger".to_owned(),
            }),
            5 => Asked::Dispatch(referral::DispatchReferralRequest {
                meta: Some(meta()),
                referral_id: self.hop.clone(),
            }),
            6 => Asked::Receive(referral::ReceiveAssignmentRequest {
                meta: Some(meta()),
                assignment_id,
            }),
            _ => Asked::Accept(referral::AcceptAssignmentRequest {
                meta: Some(meta()),
                assignment_id,
            }),
        }
    }

    fn the_call(&self, regions: &Regions) -> Asked {
        let concern = intake::Concern {
            subject: Some(intake::Subject {
                age_band: intake::AgeBand::FourteenToSeventeen.into(),
                lives_in: QINGDAO.to_owned(),
                identity: String::new(),
            }),
            narrative: self.narrative.clone(),
        };
        contact(
            regions,
            intake::CallerRole::Oneself,
            intake::record_contact_request::Matter::Concern(concern),
        )
    }

    fn triage(&self) -> Asked {
        Asked::Triage(intake::TriageIntakeRequest {
            meta: Some(meta()),
            intake_id: self.intake.clone(),
            assessment: Some(intake::Assessment {
                case_type: types::CaseType::PsychologicalSupport.into(),
                subtype: intake::Subtype::Depression.into(),
                risk: types::RiskLevel::High.into(),
                reasons: vec![intake::RiskReason::PlanOrMeans.into()],
                summary: "what a receiver needs".to_owned(),
                ..intake::Assessment::default()
            }),
        })
    }

    fn draft(&self, regions: &Regions) -> Asked {
        let party = |code| {
            let (organization_id, desk_id) = regions.desk(code);
            Some(types::Party {
                organization_id,
                desk_id,
            })
        };
        Asked::Draft(referral::DraftReferralRequest {
            meta: Some(meta()),
            case_id: self.id.clone(),
            from: party("sh-12355"),
            to: party("qd-12355"),
            case_type: types::CaseType::PsychologicalSupport.into(),
            risk: types::RiskLevel::High.into(),
            flags: vec![],
            summary: "what a receiver needs".to_owned(),
        })
    }
}
