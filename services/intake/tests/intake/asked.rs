//! Every command of the intake as a value: how it is asked well, badly, and otherwise.

use domain::intake::transitions::CommandKind;
use node::client::Caller;
use proto::intake::v1 as pb;
use proto::intake::v1::record_contact_request::Matter;
use proto::types::v1::{self as types, CommandMeta, CommandResult, RiskLevel};
use tonic::{Request, Status};

use crate::fixture::{Client, Fixture};

/// Something done to a request.
pub(crate) type Change = fn(&mut Asked);

macro_rules! asked {
    ($($kind:ident($request:ident) by $method:ident,)+) => {
        #[derive(Debug, Clone)]
        pub(crate) enum Asked {
            RecordContact(Box<pb::RecordContactRequest>),
            $($kind(Box<pb::$request>),)+
        }

        impl Asked {
            pub(crate) fn meta_field(&mut self) -> &mut Option<CommandMeta> {
                match self {
                    Self::RecordContact(asked) => &mut asked.meta,
                    $(Self::$kind(asked) => &mut asked.meta,)+
                }
            }

            /// Which intake it is about; none for a new one.
            pub(crate) fn intake_id(&mut self) -> Option<&mut String> {
                match self {
                    Self::RecordContact(_) => None,
                    $(Self::$kind(asked) => Some(&mut asked.intake_id),)+
                }
            }

            pub(crate) async fn send(
                self,
                client: &mut Client,
                who: Option<&Caller>,
            ) -> Result<CommandResult, Status> {
                let result = match self {
                    Self::RecordContact(asked) => {
                        let answer = client.record_contact(request(who, *asked)).await?;
                        answer.into_inner().result
                    }
                    $(Self::$kind(asked) => {
                        client.$method(request(who, *asked)).await?.into_inner().result
                    })+
                };
                Ok(result.expect("every answer says what came of it"))
            }
        }
    };
}

asked! {
    DescribeSubject(DescribeSubjectRequest) by describe_subject,
    TriageIntake(TriageIntakeRequest) by triage_intake,
    ReassessIntake(ReassessIntakeRequest) by reassess_intake,
    TellEmergencyService(TellEmergencyServiceRequest) by tell_emergency_service,
    MarkSafety(MarkSafetyRequest) by mark_safety,
    LiftSafetyMark(LiftSafetyMarkRequest) by lift_safety_mark,
    RecordConsent(RecordConsentRequest) by record_consent,
    RecordLegalBasis(RecordLegalBasisRequest) by record_legal_basis,
    PlanCallback(PlanCallbackRequest) by plan_callback,
    RecordCallbackAttempt(RecordCallbackAttemptRequest) by record_callback_attempt,
    OpenCase(OpenCaseRequest) by open_case,
    ProposeReferral(ProposeReferralRequest) by propose_referral,
    EndWithoutCase(EndWithoutCaseRequest) by end_without_case,
    KeepCaseHere(KeepCaseHereRequest) by keep_case_here,
}

fn request<T>(who: Option<&Caller>, message: T) -> Request<T> {
    match who {
        Some(who) => who.request(message),
        None => Request::new(message),
    }
}

impl Asked {
    pub(crate) fn meta(&mut self) -> &mut CommandMeta {
        self.meta_field().as_mut().unwrap()
    }

    #[must_use]
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// A request that nothing is wrong with; none for what only the system commands.
    #[expect(clippy::too_many_lines, reason = "a table: one request a command")]
    pub(crate) fn good(kind: CommandKind, desk: &Fixture, intake_id: &str) -> Option<Self> {
        let (meta, intake_id) = (desk.meta(), intake_id.to_owned());
        let note = "备注".to_owned();
        let reason = "理由".to_owned();
        let subject = pb::Subject {
            age_band: pb::AgeBand::FourteenToSeventeen.into(),
            lives_in: "370200".to_owned(),
            identity: "陈佳".to_owned(),
        };
        let assessment = Some(Fixture::assessment(RiskLevel::High));
        Some(match kind {
            CommandKind::RecordContact => Self::RecordContact(Box::new(desk.call())),
            CommandKind::DescribeSubject => {
                Self::DescribeSubject(Box::new(pb::DescribeSubjectRequest {
                    meta,
                    intake_id,
                    subject: Some(subject),
                }))
            }
            CommandKind::TriageIntake => Self::TriageIntake(Box::new(pb::TriageIntakeRequest {
                meta,
                intake_id,
                assessment,
            })),
            CommandKind::ReassessIntake => {
                Self::ReassessIntake(Box::new(pb::ReassessIntakeRequest {
                    meta,
                    intake_id,
                    assessment,
                }))
            }
            CommandKind::TellEmergencyService => {
                Self::TellEmergencyService(Box::new(pb::TellEmergencyServiceRequest {
                    meta,
                    intake_id,
                    service: pb::EmergencyService::Police.into(),
                    note,
                }))
            }
            CommandKind::MarkSafety => Self::MarkSafety(Box::new(pb::MarkSafetyRequest {
                meta,
                intake_id,
                mark: pb::SafetyMark::DoNotCallBack.into(),
                note,
            })),
            CommandKind::LiftSafetyMark => {
                Self::LiftSafetyMark(Box::new(pb::LiftSafetyMarkRequest {
                    meta,
                    intake_id,
                    mark: pb::SafetyMark::DoNotCallBack.into(),
                    reason,
                }))
            }
            CommandKind::RecordConsent => {
                let receiver = desk.china.organization("central-league").unwrap();
                Self::RecordConsent(Box::new(pb::RecordConsentRequest {
                    meta,
                    intake_id,
                    state: pb::ConsentState::Given.into(),
                    by: pb::ConsentGiver::Subject.into(),
                    purpose: pb::ConsentPurpose::Referral.into(),
                    scope: vec![pb::ConsentScope::Summary.into()],
                    receiver_ids: vec![receiver.to_string()],
                    valid_until: desk.in_minutes(600),
                    note,
                }))
            }
            CommandKind::RecordLegalBasis => {
                Self::RecordLegalBasis(Box::new(pb::RecordLegalBasisRequest {
                    meta,
                    intake_id,
                    basis: types::DisclosureBasis::Emergency.into(),
                    reason,
                }))
            }
            CommandKind::PlanCallback => Self::PlanCallback(Box::new(pb::PlanCallbackRequest {
                meta,
                intake_id,
                number: "另一号码".to_owned(),
                from: desk.in_minutes(0),
                until: desk.in_minutes(600),
            })),
            CommandKind::RecordCallbackAttempt => {
                Self::RecordCallbackAttempt(Box::new(pb::RecordCallbackAttemptRequest {
                    meta,
                    intake_id,
                    outcome: pb::CallbackOutcome::NoAnswer.into(),
                    note,
                }))
            }
            CommandKind::OpenCase => {
                Self::OpenCase(Box::new(pb::OpenCaseRequest { meta, intake_id }))
            }
            CommandKind::ProposeReferral => {
                Self::ProposeReferral(Box::new(pb::ProposeReferralRequest {
                    meta,
                    intake_id,
                    reason,
                }))
            }
            CommandKind::EndWithoutCase => {
                Self::EndWithoutCase(Box::new(pb::EndWithoutCaseRequest {
                    meta,
                    intake_id,
                    outcome: pb::WithoutCase::NotOpened.into(),
                    note,
                }))
            }
            CommandKind::KeepCaseHere => Self::KeepCaseHere(Box::new(pb::KeepCaseHereRequest {
                meta,
                intake_id,
                note,
            })),
            CommandKind::ExpireConsent
            | CommandKind::MarkFirstActionMissed
            | CommandKind::MarkCallbackMissed
            | CommandKind::HandOver => return None,
        })
    }
}

pub(crate) fn concern(asked: &mut pb::RecordContactRequest) -> &mut pb::Concern {
    match &mut asked.matter {
        Some(Matter::Concern(concern)) => concern,
        other => panic!("the call is about somebody, not {other:?}"),
    }
}

/// What must have been done about a contact for the command to be possible.
pub(crate) fn before(kind: CommandKind) -> &'static [CommandKind] {
    match kind {
        CommandKind::ReassessIntake
        | CommandKind::PlanCallback
        | CommandKind::OpenCase
        | CommandKind::EndWithoutCase => &[CommandKind::TriageIntake],
        CommandKind::RecordCallbackAttempt => {
            &[CommandKind::TriageIntake, CommandKind::PlanCallback]
        }
        CommandKind::LiftSafetyMark => &[CommandKind::MarkSafety],
        CommandKind::ProposeReferral | CommandKind::KeepCaseHere => {
            &[CommandKind::TriageIntake, CommandKind::OpenCase]
        }
        _ => &[],
    }
}

/// Who may give the command at the desk.
pub(crate) fn giver(kind: CommandKind, desk: &Fixture) -> Caller {
    match kind {
        CommandKind::LiftSafetyMark | CommandKind::ProposeReferral => desk.supervisor(),
        _ => desk.worker(),
    }
}

/// A contact to which the command can be given; its intake's id and etag.
pub(crate) async fn ready(desk: &mut Fixture, kind: CommandKind) -> (String, String) {
    let mut client = desk.client.clone();
    let contact = Asked::good(CommandKind::RecordContact, desk, "").unwrap();
    let mut result = contact
        .send(&mut client, Some(&desk.worker()))
        .await
        .unwrap();
    let id = result.id.clone();
    for step in before(kind) {
        let asked = Asked::good(*step, desk, &id).unwrap();
        result = asked
            .send(&mut client, Some(&giver(*step, desk)))
            .await
            .unwrap();
    }
    (id, result.etag)
}
