//! Before the rules decide: the hop as it stands, texts sealed, and the facts that the rules need.

use std::sync::Arc;

use domain::acting::Acting;
use domain::directory::RuleSet;
use domain::ids::{AssignmentId, CaseId, ReferralId};
use domain::intake::contact::AgeBand;
use domain::referral::roles::places_in;
use domain::referral::{
    Assignment, AssignmentCommand, Consent, Custody, CustodyCommand, Draft, HopCommand, HopKind,
    HopRole, Referral, ReferralCommand, Submission, TABLE, Tenure, Terms,
};
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};
use domain::values::DisclosureBasis;
use eventsourcing::{Aggregate, Answer, RequestContext, ScopedId, Step, StreamId, Version, fold};
use proto::types::v1 as types;
use service_runtime::grpc::{failure, field, refused, rejected, violation};
use tonic::{Code, Status};
use vault::SealingPlace;

use super::ReferralApi;
use crate::relay::relay_of;
use crate::subject::{Assessed, Subject};

/// Characters of a text about a hop.
const LONGEST_TEXT: usize = 4_000;

/// A hop that exists here, at one of its two sides.
pub(super) struct Existing<A> {
    pub(super) id: ScopedId,
    pub(super) case: CaseId,
    pub(super) state: A,
}

impl ReferralApi {
    /// The hop at its sender.
    pub(super) async fn sent(
        &self,
        id: &str,
        command: HopCommand,
        call: &RequestContext,
    ) -> Result<Existing<Referral>, Status> {
        let id: ReferralId = field("referral_id", id)?;
        self.existing(id.0, command, call, Referral::terms).await
    }

    /// The hop at its receiver.
    pub(super) async fn received(
        &self,
        id: &str,
        command: HopCommand,
        call: &RequestContext,
    ) -> Result<Existing<Assignment>, Status> {
        let id: AssignmentId = field("assignment_id", id)?;
        self.existing(id.0, command, call, Assignment::terms).await
    }

    /// Permission is decided before existence, and before anything is sealed: a hop in which one has
    /// no place and one that is not here are answered the same.
    async fn existing<A: Aggregate>(
        &self,
        id: ScopedId,
        command: HopCommand,
        call: &RequestContext,
        terms: impl Fn(&A) -> Option<&Terms>,
    ) -> Result<Existing<A>, Status> {
        let found: Option<Existing<A>> = self.find(id).await?;
        let terms = found.as_ref().and_then(|hop| terms(&hop.state));
        may_give(command, &places_in(&call.actor, terms))?;
        found.ok_or_else(unknown_hop)
    }

    /// An aggregate of this region's log, folded; none if it has no event.
    async fn find<A: Aggregate>(&self, id: ScopedId) -> Result<Option<Existing<A>>, Status> {
        let stream = StreamId::new(A::KIND, id);
        let history = self.commands.log().read(&stream, Version(1)).await;
        let history = history.map_err(|error| self.gate.failed(&error.into()))?;
        let case = history.first().and_then(|first| first.envelope.caseid);
        let state = fold(&history).map_err(|error| self.gate.failed(&error.into()))?;
        Ok(case.map(|case| Existing {
            id,
            case: CaseId(case),
            state,
        }))
    }

    pub(super) async fn decide_sent(
        &self,
        hop: &Existing<Referral>,
        command: ReferralCommand,
        call: &RequestContext,
    ) -> Result<Answer, Status> {
        let answer = self.commands.handle::<Referral>(hop.id, command, call);
        answer.await.map_err(|error| refused(&error))
    }

    pub(super) async fn decide_received(
        &self,
        id: AssignmentId,
        command: AssignmentCommand,
        call: &RequestContext,
    ) -> Result<Answer, Status> {
        let answer = self.commands.handle::<Assignment>(id.0, command, call);
        answer.await.map_err(|error| refused(&error))
    }

    /// What a hop says of its case. Nobody drafts for a case that this region does not know, plays
    /// down what is recorded of it, or calls it something else.
    pub(super) async fn assessed(
        &self,
        case: CaseId,
        stated: Assessed,
    ) -> Result<Assessed, Status> {
        let Some(known) = self.recorded(case)? else {
            let custody = self.find::<Custody>(case.custody_in(self.region).0).await?;
            let held = custody.and_then(|custody| custody.state.held());
            return held.map(|_| stated).ok_or_else(|| {
                let en = "this region neither knows the case nor has its custody";
                failure(
                    Code::NotFound,
                    "CASE_UNKNOWN",
                    en,
                    "本地没有该个案，也不承担其管护责任",
                )
            });
        };
        let Some(recorded) = known.assessed else {
            return Ok(stated);
        };
        // Levels are ordered worst first.
        if stated.risk > recorded.risk {
            let en = "it is lower than the level of the case: reassess the case first";
            return Err(violation("risk", en, "低于个案的风险等级，请先重新评估"));
        }
        if stated.case_type != recorded.case_type {
            let en = "the case is of another type: reassess the case first";
            return Err(violation("case_type", en, "与个案类型不符，请先重新评估"));
        }
        if !stated.flags.is_subset(&recorded.flags) {
            let en = "the case has no such flag: reassess the case first";
            return Err(violation("flags", en, "个案没有该报告情形，请先重新评估"));
        }
        Ok(Assessed {
            risk: stated.risk,
            ..recorded
        })
    }

    /// Whose consent counts follows from what is recorded: what a hop carries on keeps its parent's.
    pub(super) async fn submission(
        &self,
        hop: &Existing<Referral>,
        basis: DisclosureBasis,
        reason: &str,
    ) -> Result<Submission, Status> {
        let (age_band, guardian_suspected, consents) = self.facts(hop).await?;
        Ok(Submission {
            basis,
            basis_reason: self
                .optional_text(hop, ("Submitted", "reason"), reason)
                .await?,
            age_band,
            guardian_suspected,
            consents,
        })
    }

    /// What is recorded of the young person now; of an unknown age it is under 14.
    async fn facts(
        &self,
        hop: &Existing<Referral>,
    ) -> Result<(AgeBand, bool, Vec<Consent>), Status> {
        let parent = match hop.state.terms().map(|terms| terms.kind) {
            Some(HopKind::Onward { parent }) => self.find(parent.at(self.region).0).await?,
            _ => None,
        };
        let parent: Option<Existing<Assignment>> = parent;
        let carried = parent.as_ref().and_then(|parent| parent.state.dispatch());
        if let Some(carried) = carried.map(|sent| &sent.submission) {
            return Ok((
                carried.age_band,
                carried.guardian_suspected,
                carried.consents.clone(),
            ));
        }
        let known = self.recorded(hop.case)?;
        Ok(
            known.map_or((AgeBand::Unknown, false, Vec::new()), |known| {
                let subject = known.known;
                (subject.age_band, subject.guardian_suspected, known.consents)
            }),
        )
    }

    /// What this region knows of the case besides its hops.
    fn recorded(&self, case: CaseId) -> Result<Option<Subject>, Status> {
        crate::subject::of(&self.rows, case).map_err(|error| self.gate.store_failed(&error))
    }

    pub(super) async fn dispatch(
        &self,
        hop: &Existing<Referral>,
    ) -> Result<ReferralCommand, Status> {
        let custody = self
            .find::<Custody>(hop.case.custody_in(self.region).0)
            .await?;
        let custody = custody.map(|custody| custody.state).unwrap_or_default();
        let tenure = match custody.held() {
            Some(held) => Some(held.tenure),
            None if !custody.gone().is_empty() => None,
            // The case was opened here, and the policy that makes its custody is still to come to it.
            None => self.recorded(hop.case)?.and_then(|known| {
                known.opened_by.map(|custodian| Tenure {
                    custodian,
                    by_hop: None,
                })
            }),
        };
        let (_, _, consents) = self.facts(hop).await?;
        let receiver = hop.state.terms().map(|terms| terms.to.organization);
        Ok(ReferralCommand::Dispatch {
            tenure,
            consents,
            escalate_to: receiver.and_then(|to| self.directory.parent_committee(to)),
            rules: self.rules()?,
        })
    }

    /// A custodian that cancels its own hop takes note in the same append: no acceptance can come
    /// between.
    pub(super) fn cancellation(&self, hop: &Existing<Referral>, reason: Sealed<Text>) -> Vec<Step> {
        let custodian = hop
            .state
            .dispatch()
            .map(|sent| sent.tenure.custodian.region());
        let custody_told = custodian == Some(self.region);
        let cancel = ReferralCommand::Cancel {
            reason,
            custody_told,
        };
        let mut steps = vec![Step::of::<Referral>(hop.id, cancel)];
        if custody_told {
            let noted = CustodyCommand::NoteCancellation {
                hop: ReferralId(hop.id),
            };
            steps.push(Step::of::<Custody>(
                hop.case.custody_in(self.region).0,
                noted,
            ));
        }
        steps
    }

    /// The hop is sent on, and the child's draft is made in the same append.
    pub(super) async fn onward(
        &self,
        hop: &Existing<Assignment>,
        to: Option<&types::Party>,
        reason: Sealed<Text>,
        call: &RequestContext,
    ) -> Result<Vec<Step>, Status> {
        let (Some(sent), Some(tenure)) = (hop.state.dispatch(), hop.state.onward_tenure()) else {
            return Err(unknown_hop());
        };
        let earlier_child = match hop.state.view().child() {
            Some(child) => self.find::<Referral>(child.0).await?,
            None => None,
        };
        let earlier_child = earlier_child.and_then(|child| child.state.view().state());
        let child = ReferralId(ScopedId::derived(self.region, call.id, "hop"));
        let from = sent.terms.to;
        let to = self.receiver(to, from)?;
        let terms = Terms {
            from,
            to,
            // Whoever has accepted is a custodian that asks, no relay.
            relay: if hop.state.view().accepted() {
                relay_of(&self.directory, from, to)
            } else {
                Some(from)
            },
            kind: HopKind::Onward { parent: sent.hop },
            ..sent.terms.clone()
        };
        let onward = AssignmentCommand::ReferOnward {
            child,
            to,
            tenure,
            earlier_child,
            reason,
        };
        let draft = Box::new(Draft {
            hop: child,
            terms,
            tenure: Some(tenure),
        });
        Ok(vec![
            Step::of::<Assignment>(hop.id, onward),
            Step::of::<Referral>(child.0, ReferralCommand::Draft(draft)),
        ])
    }

    pub(super) fn rules(&self) -> Result<Arc<RuleSet>, Status> {
        self.directory.rules(self.region).ok_or_else(|| {
            failure(
                Code::Unavailable,
                "NO_RULES",
                "no rule set is in force here yet: publish one, or wait until the directory is seen",
                "本地尚无生效的规则集",
            )
        })
    }

    pub(super) async fn text<A: Aggregate>(
        &self,
        hop: &Existing<A>,
        place: EventField,
        text: &str,
    ) -> Result<Sealed<Text>, Status> {
        self.seal::<A>(hop.case, hop.id, place, text).await
    }

    pub(super) async fn optional_text<A: Aggregate>(
        &self,
        hop: &Existing<A>,
        place: EventField,
        text: &str,
    ) -> Result<Option<Sealed<Text>>, Status> {
        if text.is_empty() {
            Ok(None)
        } else {
            self.text(hop, place, text).await.map(Some)
        }
    }

    /// What passes between the two sides of a hop is sealed as summary: the receiver may open it.
    pub(super) async fn seal<A: Aggregate>(
        &self,
        case: CaseId,
        id: ScopedId,
        place: EventField,
        text: &str,
    ) -> Result<Sealed<Text>, Status> {
        let (event, field) = place;
        let place = SealingPlace {
            case,
            stream: StreamId::new(A::KIND, id),
            event,
            field,
            role: PersonRole::Subject,
            class: SealedClass::Summary,
        };
        node::sealing::seal(&self.sealer, &place, text, LONGEST_TEXT).await
    }
}

/// The event that a text is sealed for, and its field.
type EventField = (&'static str, &'static str);

/// Who may never give this command is told so before anything else.
pub(super) fn may_give(command: HopCommand, roles: &[HopRole]) -> Result<(), Status> {
    let checked = TABLE.check_place(command, roles);
    checked.map_err(|no| rejected(&no.into()))
}

/// Whether the actor works for this organization.
pub(super) fn works_for(
    actor: &eventsourcing::Actor,
    organization: domain::ids::OrganizationId,
) -> bool {
    Acting::of(actor).is_some_and(|person| person.organization == organization)
}

pub(super) fn unknown_hop() -> Status {
    failure(
        Code::NotFound,
        "HOP_UNKNOWN",
        "this region has no such hop",
        "本地没有该转介环节",
    )
}
