//! Keys go to other regions as a case does: the summary's with a dispatch, all with an acceptance.
//!
//! The case's own region grants. Every other region hands the keys of what it writes about the case
//! to that region, which passes them on to whoever may have them. A grant stands: a key that comes
//! into use later follows by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::ids::{CaseId, KeyId, ReferralId};
use domain::keys::{
    DeliveredKey, Erasure, ErasureEvent, GrantCommand, GrantEvent, GrantTerms, KeyGrant,
    KeyReceipt, PublishedKey, PublishedKeyEvent, ReceiptEvent,
};
use domain::referral::{
    Assignment, AssignmentEvent, Custody, CustodyEvent, Referral, ReferralEvent,
};
use eventsourcing::{
    Actor, Aggregate, LogId, Policy, PolicyError, Recorded, Region, Rows, Step, decode,
};
use vault::{GrantPlace, KeyStore, KeyStoreError, PublicKey};

use super::granting::{Claim, Granting};
use super::store_failed;
use crate::sealed_texts::{Proof, Protects, named_keys};

/// Keys: case.
const GRANTING: &str = "keys-granting";
/// Keys: region. Values: its public key.
const PUBLIC: &str = "keys-public";
/// Keys: region, case: what it may have and has not confirmed, so that its next public key matters.
const UNCONFIRMED: &str = "keys-unconfirmed";

pub(crate) struct GrantKeys {
    pub(crate) region: Region,
    pub(crate) logs: Vec<LogId>,
    pub(crate) store: Arc<KeyStore>,
}

impl Policy for GrantKeys {
    fn name(&self) -> &'static str {
        "grant-keys"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn react(&self, event: &Recorded, rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let mut steps = Vec::new();
        for case in concerned(event, rows)? {
            let key = case.to_string();
            let before: Granting = rows.get(GRANTING, key.as_bytes())?.unwrap_or_default();
            let mut granting = before.clone();
            self.learn(case, event, &mut granting)?;
            if granting != before {
                rows.put(GRANTING, key.as_bytes(), &granting)?;
            }
            let now = event.envelope.recordedtime;
            for terms in granting.entitled(case, self.region, now).into_values() {
                steps.extend(self.deliver(&granting, terms, rows)?);
            }
        }
        Ok(steps)
    }
}

/// The event's case; for a public key, the cases that wait for it.
fn concerned(event: &Recorded, rows: &mut Rows) -> Result<BTreeSet<CaseId>, PolicyError> {
    let envelope = &event.envelope;
    if envelope.subject.kind != PublishedKey::KIND {
        return Ok(envelope.caseid.map(CaseId).into_iter().collect());
    }
    let PublishedKeyEvent::RegionKeyPublished { public_key, .. } =
        decode::<PublishedKey>(envelope)?;
    // Each region speaks for itself alone: what counts is whose log it stands in.
    let region = envelope.region;
    rows.put(PUBLIC, region.as_str().as_bytes(), &public_key)?;
    let unconfirmed: Vec<(Vec<u8>, CaseId)> =
        rows.scan(UNCONFIRMED, format!("{region}/").as_bytes())?;
    Ok(unconfirmed.into_iter().map(|(_, case)| case).collect())
}

impl GrantKeys {
    fn learn(
        &self,
        case: CaseId,
        event: &Recorded,
        granting: &mut Granting,
    ) -> Result<(), PolicyError> {
        let envelope = &event.envelope;
        self.learn_keys(case, event, granting)?;
        if envelope.region == self.region {
            learn_from_own_log(event, granting)?;
        } else if envelope.subject.kind == KeyReceipt::KIND {
            let ReceiptEvent::KeysReceived { grant, keys, .. } = decode::<KeyReceipt>(envelope)?;
            if grant.region() == self.region {
                let keys = keys.into_iter().map(|received| received.key);
                granting.received(envelope.region, keys);
            }
        }
        if case.region() == self.region
            && let Some(claim) = claim(event)?
        {
            granting.claim(&claim);
        }
        Ok(())
    }

    /// Its own keys; and at home those that others have handed in.
    fn learn_keys(
        &self,
        case: CaseId,
        event: &Recorded,
        granting: &mut Granting,
    ) -> Result<(), PolicyError> {
        let envelope = &event.envelope;
        let foreign = |key: &KeyId| key.region() != self.region;
        let known = |key: &KeyId| foreign(key) || granting.keys.contains_key(key);
        for named in named_keys(&self.store, case, event, known)? {
            match named.proof {
                Proof::Opens => {
                    granting.keys.insert(named.key, named.protects);
                }
                Proof::Erased => {}
                Proof::Damaged(cause) => return Err(PolicyError::Failed(cause)),
            }
        }
        let handed_in = case.region() == self.region && envelope.region == self.region;
        if envelope.subject.kind == KeyReceipt::KIND && handed_in {
            let ReceiptEvent::KeysReceived { keys, .. } = decode::<KeyReceipt>(envelope)?;
            let keys = keys.into_iter();
            granting
                .keys
                .extend(keys.map(|received| (received.key, (received.role, received.class))));
        }
        Ok(())
    }

    /// The step that brings a receiver what it may have and does not have yet.
    fn deliver(
        &self,
        granting: &Granting,
        terms: GrantTerms,
        rows: &mut Rows,
    ) -> Result<Option<Step>, PolicyError> {
        let (case, to) = (terms.case, terms.to);
        let public_key: Option<String> = rows.get(PUBLIC, to.as_str().as_bytes())?;
        let unconfirmed = format!("{to}/{case}");
        let waits = rows.get::<CaseId>(UNCONFIRMED, unconfirmed.as_bytes())?;
        if granting.all_arrived(&terms) {
            if waits.is_some() {
                rows.delete(UNCONFIRMED, unconfirmed.as_bytes());
            }
        } else if waits.is_none() {
            rows.put(UNCONFIRMED, unconfirmed.as_bytes(), &case)?;
        }
        let keys = match &public_key {
            Some(known) => {
                let owed = granting.owed(&terms, Some(known));
                self.wrap(case, to, known, &owed)?
            }
            None => Vec::new(),
        };
        if keys.is_empty() && granting.is_recorded(&terms) {
            return Ok(None);
        }
        let terms = Box::new(terms);
        Ok(Some(Step::of::<KeyGrant>(
            KeyGrant::id(self.region, case, to).0,
            GrantCommand::Grant { terms, keys },
        )))
    }

    fn wrap(
        &self,
        case: CaseId,
        to: Region,
        public_key: &str,
        owed: &[(KeyId, Protects)],
    ) -> Result<Vec<DeliveredKey>, PolicyError> {
        let public_key: PublicKey = public_key
            .parse()
            .map_err(|error| PolicyError::Failed(format!("region {to}: {error}")))?;
        let mut wrapped = Vec::new();
        for (key, (role, class)) in owed.iter().copied() {
            let place = GrantPlace {
                grant: KeyGrant::id(self.region, case, to),
                case,
                receiver: to,
                key,
                role,
                class,
            };
            match self.store.grant(&public_key, &place) {
                Ok(granted) => wrapped.push(DeliveredKey {
                    key,
                    role,
                    class,
                    wrapped_for: granted.wrapped_for.to_string(),
                    encapsulated: granted.encapsulated,
                    ciphertext: granted.ciphertext,
                }),
                // The erasure was faster.
                Err(KeyStoreError::Destroyed(_)) => {}
                Err(error) => return Err(store_failed(&error)),
            }
        }
        Ok(wrapped)
    }
}

/// What was granted before, and what was erased.
fn learn_from_own_log(event: &Recorded, granting: &mut Granting) -> Result<(), PolicyError> {
    let envelope = &event.envelope;
    let by_person = matches!(envelope.actor, Actor::Person { .. });
    match envelope.subject.kind.as_str() {
        KeyGrant::KIND => {
            let GrantEvent::KeysGranted { terms, keys } = decode::<KeyGrant>(envelope)?;
            granting.granted(&terms, &keys, by_person);
        }
        Erasure::KIND => match decode::<Erasure>(envelope)? {
            ErasureEvent::Erased { keys, .. } | ErasureEvent::CopiesErased { keys, .. } => {
                granting.keys.retain(|key, _| !keys.contains(key));
            }
            ErasureEvent::ErasureProposed { .. } | ErasureEvent::ErasureOrdered { .. } => {}
        },
        _ => {}
    }
    Ok(())
}

/// What an event says of who was sent the case.
fn claim(event: &Recorded) -> Result<Option<Claim>, PolicyError> {
    let envelope = &event.envelope;
    let (by, at) = (envelope.region, envelope.recordedtime);
    // A sender speaks of its own hops alone.
    let own = |hop: ReferralId| ReferralId::new(by, hop.0.uuid);
    Ok(match envelope.subject.kind.as_str() {
        Referral::KIND => match decode::<Referral>(envelope)? {
            ReferralEvent::Dispatched(dispatch) => Some(Claim::Dispatched {
                hop: own(dispatch.hop),
                to: dispatch.terms.to.region(),
                basis: dispatch.submission.basis,
                at,
            }),
            ReferralEvent::Returned { hop, .. } | ReferralEvent::Cancelled { hop, .. } => {
                let hop = own(hop);
                Some(Claim::Ended { hop, by })
            }
            _ => None,
        },
        Assignment::KIND => match decode::<Assignment>(envelope)? {
            AssignmentEvent::Accepted(acceptance) => {
                let hop = acceptance.hop;
                Some(Claim::Accepted { hop, by, at })
            }
            AssignmentEvent::CancellationConfirmed { hop }
            | AssignmentEvent::AcceptanceLapsed { hop, .. } => Some(Claim::Ended { hop, by }),
            _ => None,
        },
        Custody::KIND => match decode::<Custody>(envelope)? {
            CustodyEvent::AcceptanceVoided { hop, .. } => Some(Claim::Ended { hop, by }),
            _ => None,
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests;
