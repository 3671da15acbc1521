//! Requests as the rules' values: each part is read, sealed where people said it, or names its field.

use std::collections::BTreeSet;
use std::str::FromStr;

use domain::intake::callbacks::{CallbackNumber, CallbackPlan};
use domain::intake::consent::ConsentEntry;
use domain::intake::contact::{Contact, Line, Matter, Subject};
use domain::intake::triage::Assessment;
use proto::Word;
use proto::intake::v1 as pb;
use proto::intake::v1::record_contact_request::Matter as RequestedMatter;
use proto::types::v1 as types;
use service_runtime::grpc::{field, optional, term, timestamp, violation};
use tonic::Status;

use super::sealing::{CALLER_IDENTITY, NARRATIVE, SUBJECT_IDENTITY, SUMMARY, Sealing, identity_of};

pub(super) async fn contact(
    seal: &Sealing<'_>,
    request: pb::RecordContactRequest,
) -> Result<Contact, Status> {
    let caller_role = term::<pb::CallerRole, _>("caller_role", request.caller_role)?;
    let of_caller = identity_of(caller_role);
    Ok(Contact {
        channel: term::<pb::Channel, _>("channel", request.channel)?,
        line: line(request.line)?,
        number: seal.optional("number", of_caller, &request.number).await?,
        original_number: seal
            .optional("original_number", of_caller, &request.original_number)
            .await?,
        caller_role,
        caller_identity: seal
            .optional("caller_identity", CALLER_IDENTITY, &request.caller_identity)
            .await?,
        matter: matter(seal, request.matter).await?,
    })
}

fn line(number: i32) -> Result<Option<Line>, Status> {
    match number {
        0 => Ok(None),
        said => term::<pb::Line, _>("line", said).map(Some),
    }
}

async fn matter(seal: &Sealing<'_>, requested: Option<RequestedMatter>) -> Result<Matter, Status> {
    match requested.ok_or_else(|| missing("matter"))? {
        RequestedMatter::Concern(concern) => Ok(Matter::Concern {
            subject: subject(seal, "concern.subject", concern.subject).await?,
            narrative: seal
                .text("concern.narrative", NARRATIVE, &concern.narrative)
                .await?,
        }),
        RequestedMatter::NoCase(none) => Ok(Matter::NoCase {
            kind: term::<pb::NonCase, _>("no_case.kind", none.kind)?,
            note: seal.optional("no_case.note", NARRATIVE, &none.note).await?,
        }),
    }
}

pub(super) async fn subject(
    seal: &Sealing<'_>,
    name: &str,
    requested: Option<pb::Subject>,
) -> Result<Subject, Status> {
    let requested = requested.ok_or_else(|| missing(name))?;
    Ok(Subject {
        age_band: term::<pb::AgeBand, _>(&format!("{name}.age_band"), requested.age_band)?,
        lives_in: optional(&format!("{name}.lives_in"), &requested.lives_in)?,
        identity: seal
            .optional("subject.identity", SUBJECT_IDENTITY, &requested.identity)
            .await?,
    })
}

pub(super) async fn assessment(
    seal: &Sealing<'_>,
    requested: Option<pb::Assessment>,
) -> Result<Assessment, Status> {
    let requested = requested.ok_or_else(|| missing("assessment"))?;
    Ok(Assessment {
        case_type: term::<types::CaseType, _>("assessment.case_type", requested.case_type)?,
        subtype: term::<pb::Subtype, _>("assessment.subtype", requested.subtype)?,
        flags: terms::<pb::ReportFlag, _>("assessment.flags", &requested.flags)?,
        risk: term::<types::RiskLevel, _>("assessment.risk", requested.risk)?,
        reasons: terms::<pb::RiskReason, _>("assessment.reasons", &requested.reasons)?,
        summary: seal
            .text("assessment.summary", SUMMARY, &requested.summary)
            .await?,
        note: seal
            .optional("assessment.note", NARRATIVE, &requested.note)
            .await?,
    })
}

pub(super) async fn consent(
    seal: &Sealing<'_>,
    request: pb::RecordConsentRequest,
) -> Result<ConsentEntry, Status> {
    let receivers = request.receiver_ids.iter();
    Ok(ConsentEntry {
        state: term::<pb::ConsentState, _>("state", request.state)?,
        by: term::<pb::ConsentGiver, _>("by", request.by)?,
        purpose: term::<pb::ConsentPurpose, _>("purpose", request.purpose)?,
        scope: terms::<pb::ConsentScope, _>("scope", &request.scope)?,
        receivers: receivers
            .map(|id| field("receiver_ids", id))
            .collect::<Result<_, _>>()?,
        valid_until: request
            .valid_until
            .as_ref()
            .map(|at| timestamp("valid_until", Some(at)))
            .transpose()?,
        note: seal.note(&request.note).await?,
    })
}

pub(super) async fn plan(
    seal: &Sealing<'_>,
    request: &pb::PlanCallbackRequest,
) -> Result<CallbackPlan, Status> {
    let given = seal
        .optional("number", CALLER_IDENTITY, &request.number)
        .await?;
    Ok(CallbackPlan {
        number: given.map_or(CallbackNumber::OfContact, CallbackNumber::Given),
        from: timestamp("from", request.from.as_ref())?,
        until: timestamp("until", request.until.as_ref())?,
    })
}

fn terms<W: Word, T: FromStr + Ord>(name: &str, numbers: &[i32]) -> Result<BTreeSet<T>, Status> {
    numbers
        .iter()
        .map(|number| term::<W, T>(name, *number))
        .collect()
}

fn missing(name: &str) -> Status {
    violation(name, "it must be set", "必须填写")
}
