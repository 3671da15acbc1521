//! Intakes as queries answer them: everything but what people said.

use domain::intake::callbacks::{CallbackNumber, CallbackPlan};
use domain::intake::consent::ConsentEntry;
use domain::intake::contact::Matter;
use domain::intake::record::Record;
use domain::intake::stage::{Ending, Stage};
use domain::intake::triage::Assessment;
use domain::values::{Party, Term};
use jiff::Timestamp;
use proto::Word;
use proto::intake::v1 as pb;
use proto::types::v1 as types;
use service_runtime::grpc::enum_number;

use crate::projection::Found;

pub(super) fn intake(found: &Found) -> pb::Intake {
    let record = &found.record;
    let mut answer = pb::Intake {
        intake_id: found.id.to_string(),
        case_id: found.id.case().to_string(),
        etag: found.version.to_string(),
        desk: Some(party(record.desk)),
        received_at: Some(timestamp(record.received_at)),
        phase: number::<pb::Phase, _>(record.stage.phase()),
        channel: number::<pb::Channel, _>(record.contact.channel),
        line: record.contact.line.map_or(0, number::<pb::Line, _>),
        caller_role: number::<pb::CallerRole, _>(record.contact.caller_role),
        triage: record.stage.assessment().map(triage),
        safety_marks: numbers::<pb::SafetyMark, _>(&record.safety),
        told: numbers::<pb::EmergencyService, _>(&record.told),
        consents: record.consents.entries().iter().map(consent).collect(),
        legal_bases: record
            .legal_bases
            .iter()
            .map(|legal| number::<types::DisclosureBasis, _>(legal.basis))
            .collect(),
        first_action_due_at: record.first_action_due_at.map(timestamp),
        first_action_missed: record.first_action_missed,
        referral_proposed: record.stage.referral_proposed(),
        outcome: record.stage.outcome().map_or(0, number::<pb::Outcome, _>),
        handed_over_to: handed_over_to(&record.stage).map(party),
        ..pb::Intake::default()
    };
    matter(&record.contact.matter, &mut answer);
    callbacks(record, &mut answer);
    answer
}

fn matter(matter: &Matter, answer: &mut pb::Intake) {
    match matter {
        Matter::Concern { subject, .. } => {
            answer.age_band = number::<pb::AgeBand, _>(subject.age_band);
            answer.lives_in = subject
                .lives_in
                .map(|region| region.to_string())
                .unwrap_or_default();
        }
        Matter::NoCase { kind, .. } => answer.non_case = number::<pb::NonCase, _>(*kind),
    }
}

fn callbacks(record: &Record, answer: &mut pb::Intake) {
    answer.callback = record.callbacks.plan.as_ref().map(window);
    answer.callbacks_exhausted = record.callbacks.exhausted;
    answer.attempts = record
        .callbacks
        .attempts
        .iter()
        .map(|attempt| pb::CallbackAttempt {
            at: Some(timestamp(attempt.at)),
            outcome: number::<pb::CallbackOutcome, _>(attempt.outcome),
        })
        .collect();
}

fn handed_over_to(stage: &Stage) -> Option<Party> {
    match stage {
        Stage::Ended {
            ending: Ending::HandedOver { to, .. },
            ..
        } => Some(*to),
        _ => None,
    }
}

fn triage(assessment: &Assessment) -> pb::Triage {
    pb::Triage {
        case_type: number::<types::CaseType, _>(assessment.case_type),
        subtype: number::<pb::Subtype, _>(assessment.subtype),
        flags: numbers::<pb::ReportFlag, _>(&assessment.flags),
        risk: number::<types::RiskLevel, _>(assessment.risk),
        reasons: numbers::<pb::RiskReason, _>(&assessment.reasons),
    }
}

fn consent(entry: &ConsentEntry) -> pb::Consent {
    pb::Consent {
        state: number::<pb::ConsentState, _>(entry.state),
        by: number::<pb::ConsentGiver, _>(entry.by),
        purpose: number::<pb::ConsentPurpose, _>(entry.purpose),
        scope: numbers::<pb::ConsentScope, _>(&entry.scope),
        receiver_ids: entry.receivers.iter().map(ToString::to_string).collect(),
        valid_until: entry.valid_until.map(timestamp),
    }
}

fn window(plan: &CallbackPlan) -> pb::CallbackWindow {
    pb::CallbackWindow {
        from: Some(timestamp(plan.from)),
        until: Some(timestamp(plan.until)),
        to_contact: plan.number == CallbackNumber::OfContact,
    }
}

fn party(party: Party) -> types::Party {
    types::Party {
        organization_id: party.organization.to_string(),
        desk_id: party.desk.to_string(),
    }
}

fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

fn number<W: Word, T: Term>(term: T) -> i32 {
    enum_number::<W>(term.name())
}

fn numbers<'a, W: Word, T: Term>(terms: impl IntoIterator<Item = &'a T>) -> Vec<i32> {
    terms
        .into_iter()
        .map(|term| number::<W, T>(*term))
        .collect()
}
