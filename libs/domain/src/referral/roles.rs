//! Which places in a hop an actor holds: the organization's place times the directory role.

use eventsourcing::Actor;

use super::terms::Terms;
use super::words::HopRole;
use crate::acting::Acting;
use crate::ids::OrganizationId;
use crate::values::{Party, Role};

/// The places that `actor` holds in a hop; none if it is no concern of theirs.
pub fn hop_roles(actor: &Actor, terms: &Terms) -> Vec<HopRole> {
    roles_between(actor, terms.from, terms.to, terms.relay)
}

/// As [`hop_roles`], for a hop that is only about to be drafted.
pub fn roles_between(actor: &Actor, from: Party, to: Party, relay: Option<Party>) -> Vec<HopRole> {
    roles(actor, |organization| Places {
        sender: organization == from.organization,
        receiver: organization == to.organization,
        // A relay that neither sends nor receives the hop rules in its own region, not here.
        relay: organization == to.organization && is(relay, organization),
    })
}

/// As [`hop_roles`]; in a hop that is not here nobody has a place, so that it is answered like one
/// that is no concern of the actor's.
pub fn places_in(actor: &Actor, terms: Option<&Terms>) -> Vec<HopRole> {
    match terms {
        Some(terms) => hop_roles(actor, terms),
        None if matches!(actor, Actor::System { .. }) => vec![HopRole::System],
        None => Vec::new(),
    }
}

struct Places {
    sender: bool,
    receiver: bool,
    relay: bool,
}

fn is(party: Option<Party>, organization: OrganizationId) -> bool {
    party.is_some_and(|party| party.organization == organization)
}

fn roles(actor: &Actor, places_of: impl FnOnce(OrganizationId) -> Places) -> Vec<HopRole> {
    if matches!(actor, Actor::System { .. }) {
        return vec![HopRole::System];
    }
    let Some(Acting {
        organization, role, ..
    }) = Acting::of(actor)
    else {
        return Vec::new();
    };
    let at = places_of(organization);
    let staff = matches!(role, Role::Worker | Role::Supervisor | Role::Authorised);
    let leads = matches!(role, Role::Supervisor | Role::Authorised);
    [
        (HopRole::SenderWorker, at.sender && staff),
        (
            HopRole::SenderSupervisor,
            at.sender && role == Role::Supervisor,
        ),
        (HopRole::Relay, at.relay && leads),
        (HopRole::ReceiverWorker, at.receiver && staff),
        (
            HopRole::ReceiverAuthorised,
            at.receiver && role == Role::Authorised,
        ),
        // A visit by the handling unit itself proves nothing.
        (HopRole::Visitor, !at.receiver && role == Role::Visitor),
    ]
    .into_iter()
    .filter_map(|(role, held)| held.then_some(role))
    .collect()
}
