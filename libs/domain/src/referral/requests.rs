//! The steps of one request, as the service makes them of what its own log says.

use super::assignment::{Assignment, AssignmentCommand};
use super::custody::{Custody, CustodyCommand};
use super::reactions::Reaction;
use super::samples::*;
use super::sender::{Referral, ReferralCommand};
use super::terms::{Draft, HopKind, Terms};
use super::words::{HopCommand, HopState, ReturnCode};
use crate::ids::ReferralId;
use crate::values::Party;

/// A hop that somebody does something with.
pub(super) struct Known<'a> {
    pub(super) hop: ReferralId,
    pub(super) terms: &'a Terms,
    pub(super) referral: &'a Referral,
    pub(super) assignment: &'a Assignment,
    /// The custody of the case in the sender's region.
    pub(super) custody: &'a Custody,
}

/// What a hop is sent on by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Next {
    pub(super) child: ReferralId,
    pub(super) to: Party,
    /// Where the hop stands that it was sent on by before.
    pub(super) earlier_child: Option<HopState>,
}

/// One append; nothing for what nobody asks for.
pub(super) fn steps(known: &Known<'_>, command: HopCommand, next: Option<Next>) -> Vec<Reaction> {
    let reason = words();
    let sender = |command| vec![Reaction::Referral(known.hop, command)];
    let receiver = known.hop.at(known.terms.to.region());
    let at_receiver = |command| vec![Reaction::Assignment(receiver, command)];
    match command {
        HopCommand::Submit => sender(ReferralCommand::Submit(emergency())),
        HopCommand::RefuseSubmission => sender(ReferralCommand::RefuseSubmission { reason }),
        HopCommand::Dispatch => sender(ReferralCommand::Dispatch {
            tenure: known.custody.held().map(|held| held.tenure),
            consents: vec![],
            escalate_to: parent(known.terms.to),
            rules: rules(),
        }),
        HopCommand::Cancel => cancel(known),
        HopCommand::RequestCancellation => sender(ReferralCommand::RequestCancellation { reason }),
        HopCommand::SupplyInformation => {
            sender(ReferralCommand::SupplyInformation { answer: words() })
        }
        HopCommand::UpholdReturn => sender(ReferralCommand::UpholdReturn { note: None }),
        HopCommand::Receive => at_receiver(AssignmentCommand::Receive),
        HopCommand::RequestInformation => at_receiver(AssignmentCommand::RequestInformation {
            question: words(),
            rules: rules(),
        }),
        HopCommand::Accept => at_receiver(AssignmentCommand::Accept),
        HopCommand::ReferOnward => next
            .map(|next| refer_onward(known, next))
            .unwrap_or_default(),
        HopCommand::ProposeReturn => at_receiver(AssignmentCommand::ProposeReturn {
            code: ReturnCode::NoCapacity,
            evidence: words(),
            rules: rules(),
        }),
        HopCommand::ConfirmCancellation => at_receiver(AssignmentCommand::ConfirmCancellation),
        HopCommand::DeclineCancellation => {
            at_receiver(AssignmentCommand::DeclineCancellation { reason })
        }
        HopCommand::StartWork => at_receiver(AssignmentCommand::StartWork),
        HopCommand::Draft
        | HopCommand::Escalate
        | HopCommand::Expire
        | HopCommand::Withdraw
        | HopCommand::Lapse
        | HopCommand::EndPause
        | HopCommand::Void => Vec::new(),
    }
}

/// A custodian that cancels its own hop takes note in the same append.
fn cancel(known: &Known<'_>) -> Vec<Reaction> {
    let here = known.hop.region();
    let sent = known.referral.dispatch();
    let told = sent.is_some_and(|sent| sent.tenure.custodian.region() == here);
    let cancel = ReferralCommand::Cancel {
        reason: words(),
        custody_told: told,
    };
    let mut steps = vec![Reaction::Referral(known.hop, cancel)];
    if told {
        let note = CustodyCommand::NoteCancellation { hop: known.hop };
        steps.push(Reaction::Custody(case().custody_in(here), note));
    }
    steps
}

/// The hop is sent on, and the child's draft is made in the same append.
fn refer_onward(known: &Known<'_>, next: Next) -> Vec<Reaction> {
    let from = known.terms.to;
    let Some(tenure) = known.assignment.onward_tenure() else {
        return Vec::new();
    };
    if next.to == from {
        return Vec::new();
    }
    let onward = AssignmentCommand::ReferOnward {
        child: next.child,
        to: next.to,
        tenure,
        earlier_child: next.earlier_child,
        reason: words(),
    };
    let terms = Terms {
        from,
        to: next.to,
        relay: Some(from),
        kind: HopKind::Onward { parent: known.hop },
        ..known.terms.clone()
    };
    let draft = Box::new(Draft {
        hop: next.child,
        terms,
        tenure: Some(tenure),
    });
    vec![
        Reaction::Assignment(known.hop.at(from.region()), onward),
        Reaction::Referral(next.child, ReferralCommand::Draft(draft)),
    ]
}

/// Central is above all others, and nobody above Central.
pub(super) fn parent(party: Party) -> Option<Party> {
    (party != unit(CENTRAL)).then(|| unit(CENTRAL))
}
