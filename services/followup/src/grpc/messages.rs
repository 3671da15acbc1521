//! Between the domain's values and the contract's messages.

use domain::followup::{Report, Visit};
use domain::ids::{PlanId, VisitId};
use domain::values::Term;
use proto::followup::v1 as pb;
use proto::followup::v1::record_visit_request::Report as ReportMessage;
use proto::types::v1::Party;
use service_runtime::grpc::{enum_number, moment, term, timestamp, violation};
use tonic::Status;

use crate::projection::{OwedVisit, PlanRow};

/// What a request reports of a visit.
pub(super) fn report(message: Option<ReportMessage>) -> Result<Report, Status> {
    match message {
        Some(ReportMessage::Result(result)) => Ok(Report::TookPlace(term::<pb::VisitResult, _>(
            "result", result,
        )?)),
        Some(ReportMessage::RescheduledTo(at)) => Ok(Report::PutOff {
            due_at: timestamp("rescheduled_to", Some(&at))?,
        }),
        None => Err(violation("report", "it must be set", "必须填写")),
    }
}

/// `None` if no plan was ever opened.
pub(super) fn plan(id: PlanId, row: &PlanRow) -> Option<pb::GetPlanResponse> {
    let charge = row.plan.charge()?;
    let mut visits: Vec<(&VisitId, &Visit)> = row.plan.visits.iter().collect();
    visits.sort_by_key(|(id, visit)| (visit.due_at, **id));
    let message = pb::Plan {
        plan_id: id.to_string(),
        case_id: row.case.to_string(),
        state: enum_number::<pb::PlanState>(row.plan.state().name()),
        unit: Some(Party {
            organization_id: charge.unit.organization.to_string(),
            desk_id: charge.unit.desk.to_string(),
        }),
        worker_id: charge.worker.to_string(),
        visits: visits
            .into_iter()
            .map(|(id, visit)| visit_message(*id, visit))
            .collect(),
    };
    Some(pb::GetPlanResponse {
        plan: Some(message),
        etag: row.version.to_string(),
    })
}

pub(super) fn owed_visit(owed: &OwedVisit) -> pb::OwedVisit {
    pb::OwedVisit {
        plan_id: owed.plan.to_string(),
        case_id: owed.case.to_string(),
        visit: Some(visit_message(owed.id, &owed.visit)),
    }
}

fn visit_message(id: VisitId, visit: &Visit) -> pb::Visit {
    pb::Visit {
        visit_id: id.to_string(),
        kind: enum_number::<pb::VisitKind>(visit.kind.name()),
        due_at: Some(moment(visit.due_at)),
        status: enum_number::<pb::VisitStatus>(visit.status.name()),
        kept_at: visit.kept_at.map(moment),
    }
}

#[cfg(test)]
mod tests {
    use domain::followup::{PlanState, VisitKind, VisitResult, VisitStatus};
    use proto::Word;

    use super::*;

    fn check<W: Word, T: Term + PartialEq + std::fmt::Debug + std::str::FromStr>() {
        for word in T::ALL.iter().copied() {
            let there = enum_number::<W>(word.name());
            assert!(
                term::<W, T>("word", there).is_ok_and(|back| back == word),
                "{word:?}"
            );
        }
    }

    #[test]
    fn every_word_of_the_domain_has_its_word_in_the_contract() {
        check::<pb::PlanState, PlanState>();
        check::<pb::VisitKind, VisitKind>();
        check::<pb::VisitResult, VisitResult>();
        check::<pb::VisitStatus, VisitStatus>();
    }
}
