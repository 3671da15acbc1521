//! What people do, each thing one call.

use domain::ids::{AssignmentId, CaseId, ReferralId};
use domain::referral::HopCommand;
use domain::values::{Role, Term};
use node::client::Caller;
use proto::referral::v1 as pb;
use proto::types::v1 as types;
use tonic::Status;

use crate::bench::{Bench, QINGDAO, SHANGHAI};

const WHY: &str = "the reason, in somebody's words";

impl Bench {
    pub(crate) fn draft_request(&self, case: CaseId, to: &str) -> pb::DraftReferralRequest {
        pb::DraftReferralRequest {
            meta: Some(self.meta()),
            case_id: case.to_string(),
            from: Some(self.desk("sh-12355")),
            to: Some(self.desk(to)),
            case_type: types::CaseType::PsychologicalSupport.into(),
            risk: types::RiskLevel::High.into(),
            flags: vec![],
            summary: WHY.to_owned(),
        }
    }

    /// Shanghai drafts a hop to a desk.
    pub(crate) async fn drafted(&self, case: CaseId, to: &str) -> ReferralId {
        self.drafted_at(case, to, types::RiskLevel::High).await
    }

    pub(crate) async fn drafted_at(
        &self,
        case: CaseId,
        to: &str,
        risk: types::RiskLevel,
    ) -> ReferralId {
        let request = pb::DraftReferralRequest {
            risk: risk.into(),
            ..self.draft_request(case, to)
        };
        let worker = self.caller("sh-worker", Role::Worker);
        let mut client = self.client(SHANGHAI).await;
        let drafted = client.draft_referral(worker.request(request)).await;
        let result = drafted.unwrap().into_inner().result.unwrap();
        assert_eq!(result.case_id, case.to_string());
        result.id.parse().unwrap()
    }

    /// A case of Shanghai's, sent to a desk and arrived there.
    pub(crate) async fn sent(&self, case: CaseId, to: &str) -> ReferralId {
        self.sent_at(case, to, types::RiskLevel::High).await
    }

    pub(crate) async fn sent_at(
        &self,
        case: CaseId,
        to: &str,
        risk: types::RiskLevel,
    ) -> ReferralId {
        let level = risk.as_str_name().trim_start_matches("RISK_LEVEL_");
        let level = domain::values::RiskLevel::ALL
            .iter()
            .find(|known| known.name().eq_ignore_ascii_case(level));
        self.open_case_at(case, *level.unwrap()).await;
        let hop = self.drafted_at(case, to, risk).await;
        self.send(
            hop,
            ("sh-worker", Role::Worker),
            ("sh-supervisor", Role::Supervisor),
        )
        .await;
        hop
    }

    /// Somebody submits a draft, somebody dispatches it, and it arrives.
    pub(crate) async fn send(&self, hop: ReferralId, by: (&str, Role), approved: (&str, Role)) {
        let code = hop.region().to_string();
        let (submits, approves) = (self.caller(by.0, by.1), self.caller(approved.0, approved.1));
        self.command(HopCommand::Submit, &code, hop, &submits)
            .await
            .unwrap();
        self.command(HopCommand::Dispatch, &code, hop, &approves)
            .await
            .unwrap();
        self.settle().await;
    }

    /// Somebody does something, and everybody hears of it.
    pub(crate) async fn does(&self, who: &str, role: Role, kind: HopCommand, hop: ReferralId) {
        let caller = self.caller(who, role);
        let at = self.place_of(kind, hop).await;
        let done = self.command(kind, &at, hop, &caller).await;
        done.unwrap_or_else(|refused| panic!("{kind:?} by {who}: {refused}"));
        self.settle().await;
    }

    /// The region in which a command of this kind is given.
    pub(crate) async fn place_of(&self, kind: HopCommand, hop: ReferralId) -> String {
        let sender = hop.region().to_string();
        if kind.is_senders() {
            return sender;
        }
        let assignment: AssignmentId = self.hop(&sender, hop).await.assignment_id.parse().unwrap();
        assignment.region().to_string()
    }

    /// A command of people, with everything it needs.
    pub(crate) async fn command(
        &self,
        kind: HopCommand,
        at: &str,
        hop: ReferralId,
        caller: &Caller,
    ) -> Result<types::CommandResult, Status> {
        let meta = self.meta();
        self.command_with(kind, at, hop, caller, meta).await
    }

    pub(crate) async fn command_with(
        &self,
        kind: HopCommand,
        at: &str,
        hop: ReferralId,
        caller: &Caller,
        meta: types::CommandMeta,
    ) -> Result<types::CommandResult, Status> {
        let mut client = self.client(at).await;
        let meta = Some(meta);
        let referral_id = hop.to_string();
        let assignment_id = hop.at(at.parse().unwrap()).to_string();
        let text = || WHY.to_owned();
        macro_rules! call {
            ($method:ident, $request:ident { $($field:ident $(: $value:expr)?),* }) => {{
                let request = pb::$request { meta, $($field $(: $value)?),* };
                client.$method(caller.request(request)).await?.into_inner().result
            }};
        }
        let result = match kind {
            HopCommand::Submit => call!(
                submit_referral,
                SubmitReferralRequest {
                    referral_id,
                    basis: types::DisclosureBasis::Emergency.into(),
                    reason: text()
                }
            ),
            HopCommand::RefuseSubmission => {
                call!(
                    refuse_submission,
                    RefuseSubmissionRequest {
                        referral_id,
                        reason: text()
                    }
                )
            }
            HopCommand::Dispatch => {
                call!(dispatch_referral, DispatchReferralRequest { referral_id })
            }
            HopCommand::Cancel => {
                call!(
                    cancel_referral,
                    CancelReferralRequest {
                        referral_id,
                        reason: text()
                    }
                )
            }
            HopCommand::RequestCancellation => {
                call!(
                    request_cancellation,
                    RequestCancellationRequest {
                        referral_id,
                        reason: text()
                    }
                )
            }
            HopCommand::SupplyInformation => {
                call!(
                    supply_information,
                    SupplyInformationRequest {
                        referral_id,
                        answer: text()
                    }
                )
            }
            HopCommand::UpholdReturn => {
                call!(
                    uphold_return,
                    UpholdReturnRequest {
                        referral_id,
                        note: text()
                    }
                )
            }
            HopCommand::Receive => {
                call!(
                    receive_assignment,
                    ReceiveAssignmentRequest { assignment_id }
                )
            }
            HopCommand::RequestInformation => {
                call!(
                    request_information,
                    RequestInformationRequest {
                        assignment_id,
                        question: text()
                    }
                )
            }
            HopCommand::Accept => {
                call!(accept_assignment, AcceptAssignmentRequest { assignment_id })
            }
            HopCommand::ReferOnward => call!(
                refer_onward,
                ReferOnwardRequest {
                    assignment_id,
                    to: Some(self.desk(if at == QINGDAO {
                        "nj-12355"
                    } else {
                        "qd-12355"
                    })),
                    reason: text()
                }
            ),
            HopCommand::ProposeReturn => call!(
                propose_return,
                ProposeReturnRequest {
                    assignment_id,
                    code: pb::ReturnCode::NotOurArea.into(),
                    evidence: text()
                }
            ),
            HopCommand::ConfirmCancellation => {
                call!(
                    confirm_cancellation,
                    ConfirmCancellationRequest { assignment_id }
                )
            }
            HopCommand::DeclineCancellation => {
                call!(
                    decline_cancellation,
                    DeclineCancellationRequest {
                        assignment_id,
                        reason: text()
                    }
                )
            }
            HopCommand::Draft
            | HopCommand::Escalate
            | HopCommand::Expire
            | HopCommand::Withdraw
            | HopCommand::Lapse
            | HopCommand::StartWork
            | HopCommand::EndPause
            | HopCommand::Void => panic!("{kind:?} is on no wire"),
        };
        Ok(result.expect("every command has a result"))
    }
}
