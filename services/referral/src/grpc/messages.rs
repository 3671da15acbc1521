//! From the domain's values to the contract's messages.

use domain::ids::{CaseId, ReferralId};
use domain::referral::roles::hop_roles;
use domain::referral::transitions::Target;
use domain::referral::{
    Custody, Dispatch, HopCommand, HopKind, HopRole, HopState, Row, Ruling, TABLE,
};
use domain::values::{Party, Term};
use eventsourcing::Actor;
use proto::intake::v1::ReportFlag;
use proto::referral::v1 as pb;
use proto::types::v1 as types;
use service_runtime::grpc::{enum_number, moment};
use uuid::Uuid;

use crate::inbox::Entry;
use crate::projection::HopRow;

/// `None` for a row that has no terms yet.
pub(super) fn hop(uuid: Uuid, row: &HopRow) -> Option<pb::Hop> {
    let (terms, view) = (row.terms()?, row.view()?);
    let state = view.state()?;
    let text = |id: Option<ReferralId>| id.map(|id| id.to_string()).unwrap_or_default();
    let sent: Option<&Dispatch> = row.dispatch();
    let assignment = row.assignment.as_ref().map(|known| &known.state);
    let accepted_by = assignment.and_then(domain::referral::Assignment::accepted_by);
    let paused_until = assignment.and_then(domain::referral::Assignment::paused_until);
    let escalated = row
        .referral
        .as_ref()
        .and_then(|known| known.state.escalated());
    let (custody, void_reason) = ruling(view.accepted(), view.ruling());
    Some(pb::Hop {
        referral_id: ReferralId::new(terms.from.region(), uuid).to_string(),
        assignment_id: ReferralId::new(terms.from.region(), uuid)
            .at(terms.to.region())
            .to_string(),
        case_id: row.case.to_string(),
        state: enum_number::<pb::HopState>(state.name()),
        state_zh: state.zh().to_owned(),
        fhir_status: state.fhir().to_owned(),
        from: Some(party(terms.from)),
        to: Some(party(terms.to)),
        origin: Some(party(terms.origin)),
        relay: terms.relay.map(party),
        kind: kind(terms.kind).into(),
        follows_referral_id: text(row.parent()),
        case_type: enum_number::<types::CaseType>(terms.case_type.name()),
        risk: enum_number::<types::RiskLevel>(terms.risk.name()),
        flags: terms
            .flags
            .iter()
            .map(|flag| enum_number::<ReportFlag>(flag.name()))
            .collect(),
        basis: sent.map_or(0, |sent| {
            enum_number::<types::DisclosureBasis>(sent.submission.basis.name())
        }),
        approved_by: sent
            .and_then(|sent| sent.approved_by)
            .map(|worker| worker.to_string())
            .unwrap_or_default(),
        accepted_by: accepted_by
            .map(|worker| worker.to_string())
            .unwrap_or_default(),
        answer_due_at: view.due_at().map(moment),
        paused_until: paused_until.map(moment),
        child_referral_id: text(view.child()),
        escalated_referral_id: text(escalated),
        custody: custody.into(),
        void_reason,
        rules_version: sent
            .map(|sent| sent.rules_version.clone())
            .unwrap_or_default(),
        updated_at: Some(moment(row.last.at)),
        duty_officer_alarmed: view.alarmed(),
        owner_silent_since: row.silent_since().map(moment),
    })
}

fn ruling(accepted: bool, ruling: Option<Ruling>) -> (pb::CustodyRuling, i32) {
    match ruling {
        Some(Ruling::Released) => (pb::CustodyRuling::Released, 0),
        Some(Ruling::Voided(because)) => (
            pb::CustodyRuling::Voided,
            enum_number::<pb::VoidReason>(because.name()),
        ),
        None if accepted => (pb::CustodyRuling::Pending, 0),
        None => (pb::CustodyRuling::Unspecified, 0),
    }
}

fn kind(kind: HopKind) -> pb::HopKind {
    match kind {
        HopKind::ByWorker => pb::HopKind::ByWorker,
        HopKind::ByRule => pb::HopKind::ByRule,
        HopKind::Onward { .. } => pb::HopKind::Onward,
        HopKind::Escalation { .. } => pb::HopKind::Escalation,
    }
}

/// `None` where custody has never been.
pub(super) fn custody(case: CaseId, custody: &Custody) -> Option<pb::Custody> {
    let (held, last_gone) = (custody.held(), custody.gone().last());
    if held.is_none() && last_gone.is_none() {
        return None;
    }
    let came_by = held.and_then(|held| held.tenure.by_hop);
    Some(pb::Custody {
        case_id: case.to_string(),
        custodian: held.map(|held| party(held.tenure.custodian)),
        epoch: held.map_or(0, |held| held.epoch),
        by_referral_id: came_by.map(|hop| hop.to_string()).unwrap_or_default(),
        passed_to: last_gone.map(|gone| party(gone.to)),
    })
}

pub(super) fn inbox_entry(entry: &Entry, actor: &Actor) -> pb::InboxEntry {
    let roles = entry
        .row
        .terms()
        .map(|terms| hop_roles(actor, terms))
        .unwrap_or_default();
    let possible = TABLE.allowed(entry.row.state(), &roles);
    pb::InboxEntry {
        event_id: entry.change.event.to_string(),
        event_type: entry.change.event_type.clone(),
        recorded_at: Some(moment(entry.change.at)),
        hop: hop(entry.change.hop, &entry.row),
        possible_commands: possible
            .iter()
            .map(|command| enum_number::<pb::HopCommand>(command.name()))
            .collect(),
    }
}

pub(super) fn table() -> pb::GetTransitionTableResponse {
    pb::GetTransitionTableResponse {
        transitions: TABLE.0.iter().copied().map(transition).collect(),
        states: labels::<HopState>(),
        commands: labels::<HopCommand>(),
        roles: labels::<HopRole>(),
    }
}

pub(super) fn transition(row: Row) -> pb::Transition {
    let state = |state: HopState| enum_number::<pb::HopState>(state.name());
    pb::Transition {
        from: row.from.map_or(0, state),
        command: enum_number::<pb::HopCommand>(row.command.name()),
        by: role(row.by),
        to: match row.to {
            Target::State(to) => state(to),
            Target::Former => 0,
        },
    }
}

pub(super) fn role(role: HopRole) -> i32 {
    enum_number::<pb::HopRole>(role.name())
}

fn labels<T: Term>() -> Vec<pb::TermLabel> {
    let label = |term: &T| pb::TermLabel {
        name: term.name().to_owned(),
        zh: term.zh().to_owned(),
    };
    T::ALL.iter().map(label).collect()
}

fn party(party: Party) -> types::Party {
    types::Party {
        organization_id: party.organization.to_string(),
        desk_id: party.desk.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use domain::referral::{ReturnCode, VoidReason};
    use proto::Word;

    use super::*;

    fn has_its_word<T: Term, W: Word>() {
        for term in T::ALL {
            assert_ne!(
                enum_number::<W>(term.name()),
                0,
                "{} has no word",
                term.name()
            );
        }
    }

    #[test]
    fn every_term_has_its_word_in_the_contract() {
        has_its_word::<HopState, pb::HopState>();
        has_its_word::<HopCommand, pb::HopCommand>();
        has_its_word::<HopRole, pb::HopRole>();
        has_its_word::<ReturnCode, pb::ReturnCode>();
        has_its_word::<VoidReason, pb::VoidReason>();
    }
}
