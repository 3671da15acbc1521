//! Requests as the rules' values: each part is read, sealed where people said it, or names its field.

use std::collections::BTreeSet;
use std::str::FromStr;

use domain::intake::callbacks::{CallbackNumber, CallbackPlan};
use domain::intake::consent::ConsentEntry;
use domain::intake::contact::{CallerRole, Contact, Line, Matter, Subject, is_in_a_province};
use domain::intake::triage::Assessment;
use eventsourcing::Region;
use proto::Word;
use proto::intake::v1 as pb;
use proto::intake::v1::record_contact_request::Matter as RequestedMatter;
use proto::types::v1 as types;
use service_runtime::grpc::{field, optional, term, timestamp, violation};
use tonic::Status;

use super::sealing::{CALLER_IDENTITY, NARRATIVE, SUBJECT_IDENTITY, SUMMARY, Texts, identity_of};

pub(super) fn contact(said: &Texts, request: &pb::RecordContactRequest) -> Result<Contact, Status> {
    let caller_role = term::<pb::CallerRole, _>("caller_role", request.caller_role)?;
    let of_caller = identity_of(caller_role);
    Ok(Contact {
        channel: term::<pb::Channel, _>("channel", request.channel)?,
        line: line(request.line)?,
        number: said.optional("number", of_caller, &request.number)?,
        original_number: said.optional("original_number", of_caller, &request.original_number)?,
        caller_role,
        caller_identity: said.optional(
            "caller_identity",
            CALLER_IDENTITY,
            &request.caller_identity,
        )?,
        matter: matter(said, request.matter.as_ref())?,
    })
}

fn line(number: i32) -> Result<Option<Line>, Status> {
    match number {
        0 => Ok(None),
        said => term::<pb::Line, _>("line", said).map(Some),
    }
}

fn matter(said: &Texts, requested: Option<&RequestedMatter>) -> Result<Matter, Status> {
    match requested.ok_or_else(|| missing("matter"))? {
        RequestedMatter::Concern(concern) => Ok(Matter::Concern {
            subject: subject(said, OF_CONCERN, concern.subject.as_ref())?,
            narrative: said.text("concern.narrative", NARRATIVE, &concern.narrative)?,
        }),
        RequestedMatter::NoCase(none) => Ok(Matter::NoCase {
            kind: term::<pb::NonCase, _>("no_case.kind", none.kind)?,
            note: said.optional("no_case.note", NARRATIVE, &none.note)?,
        }),
    }
}

/// Where a request has the young person, and how its fields are named then.
pub(super) struct SubjectFields {
    at: &'static str,
    identity: &'static str,
}

const OF_CONCERN: SubjectFields = SubjectFields {
    at: "concern.subject",
    identity: "concern.subject.identity",
};
pub(super) const OF_REQUEST: SubjectFields = SubjectFields {
    at: "subject",
    identity: "subject.identity",
};

pub(super) fn subject(
    said: &Texts,
    SubjectFields { at, identity }: SubjectFields,
    requested: Option<&pb::Subject>,
) -> Result<Subject, Status> {
    let requested = requested.ok_or_else(|| missing(at))?;
    Ok(Subject {
        age_band: term::<pb::AgeBand, _>(&format!("{at}.age_band"), requested.age_band)?,
        lives_in: lives_in(&format!("{at}.lives_in"), &requested.lives_in)?,
        identity: said.optional(identity, SUBJECT_IDENTITY, &requested.identity)?,
    })
}

fn lives_in(name: &str, code: &str) -> Result<Option<Region>, Status> {
    match optional(name, code)? {
        Some(region) if !is_in_a_province(region) => Err(violation(
            name,
            "not the code of a place in a province (GB/T 2260)",
            "不是省级行政区内的行政区划代码（GB/T 2260）",
        )),
        region => Ok(region),
    }
}

pub(super) fn assessment(
    said: &Texts,
    requested: Option<&pb::Assessment>,
) -> Result<Assessment, Status> {
    let requested = requested.ok_or_else(|| missing("assessment"))?;
    Ok(Assessment {
        case_type: term::<types::CaseType, _>("assessment.case_type", requested.case_type)?,
        subtype: term::<pb::Subtype, _>("assessment.subtype", requested.subtype)?,
        flags: terms::<pb::ReportFlag, _>("assessment.flags", &requested.flags)?,
        risk: term::<types::RiskLevel, _>("assessment.risk", requested.risk)?,
        reasons: terms::<pb::RiskReason, _>("assessment.reasons", &requested.reasons)?,
        summary: said.text("assessment.summary", SUMMARY, &requested.summary)?,
        note: said.optional("assessment.note", NARRATIVE, &requested.note)?,
    })
}

pub(super) fn consent(
    said: &Texts,
    request: &pb::RecordConsentRequest,
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
        note: said.note(&request.note)?,
    })
}

pub(super) fn plan(
    said: &Texts,
    caller: CallerRole,
    request: &pb::PlanCallbackRequest,
) -> Result<CallbackPlan, Status> {
    let given = said.optional("number", identity_of(caller), &request.number)?;
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
