//! Keys go to other regions as a case does: the summary's with a dispatch, all with an acceptance.
//!
//! The case's own region grants. Every other region hands the keys of what it writes about the case
//! to that region, which passes them on to whoever may have them. A grant stands: a key that comes
//! into use later follows by itself.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::ids::{CaseId, KeyId};
use domain::keys::{
    DeliveredKey, Erasure, ErasureEvent, GrantCommand, GrantEvent, KeyGrant, KeyReceipt,
    PublishedKey, PublishedKeyEvent, ReceiptEvent,
};
use domain::referral::{Assignment, AssignmentEvent, Referral, ReferralEvent};
use eventsourcing::{
    Actor, Aggregate, LogId, Policy, PolicyError, Recorded, Region, Rows, Step, decode,
};
use jiff::Timestamp;
use vault::{GrantPlace, KeyStore, KeyStoreError, PublicKey};

use super::granting::{Claim, Granting};
use super::store_failed;
use crate::sealed_texts::{Protects, proven_keys};

/// Keys: case.
const GRANTING: &str = "keys-granting";
/// Keys: region. Values: its public key.
const PUBLIC: &str = "keys-public";
/// Keys: region. Values: the cases that wait for its public key.
const WAITING: &str = "keys-waiting";

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
            let now = event.envelope.recordedtime;
            steps.extend(self.deliver(case, now, &mut granting, rows)?);
            if granting != before {
                rows.put(GRANTING, key.as_bytes(), &granting)?;
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
    let waiting = rows.get(WAITING, region.as_str().as_bytes())?;
    rows.delete(WAITING, region.as_str().as_bytes());
    Ok(waiting.unwrap_or_default())
}

impl GrantKeys {
    fn learn(
        &self,
        case: CaseId,
        event: &Recorded,
        granting: &mut Granting,
    ) -> Result<(), PolicyError> {
        let envelope = &event.envelope;
        let at_home = case.region() == self.region;
        self.learn_keys(case, event, granting)?;
        if envelope.region == self.region {
            learn_from_own_log(event, granting)?;
        }
        if at_home {
            granting.claims.extend(claim(event)?);
            granting.honour_claims(case);
        } else if !granting.keys.is_empty() {
            granting.hand_home(case);
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
        let proven = proven_keys(&self.store, case, event, known)?;
        granting.keys.extend(proven);
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

    /// The steps that bring every receiver what it may have and does not have yet.
    fn deliver(
        &self,
        case: CaseId,
        now: Timestamp,
        granting: &mut Granting,
        rows: &mut Rows,
    ) -> Result<Vec<Step>, PolicyError> {
        let mut steps = Vec::new();
        let Granting { keys, standing, .. } = granting;
        for (to, standing) in standing {
            if standing.terms.expires_at.is_some_and(|end| end <= now) {
                continue;
            }
            let owed = standing.owed(keys);
            let keys = match rows.get::<String>(PUBLIC, to.as_str().as_bytes())? {
                Some(public_key) => self.wrap(case, *to, &public_key, &owed)?,
                None if owed.is_empty() => Vec::new(),
                None => {
                    wait(case, *to, rows)?;
                    Vec::new()
                }
            };
            if keys.is_empty() && standing.recorded {
                continue;
            }
            standing.delivered.extend(keys.iter().map(|key| key.key));
            standing.recorded = true;
            let terms = Box::new(standing.terms.clone());
            steps.push(Step::of::<KeyGrant>(
                KeyGrant::id(self.region, case, *to).0,
                GrantCommand::Grant { terms, keys },
            ));
        }
        Ok(steps)
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
            let keys: Vec<KeyId> = keys.iter().map(|key| key.key).collect();
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

fn claim(event: &Recorded) -> Result<Option<Claim>, PolicyError> {
    let envelope = &event.envelope;
    let (from, at) = (envelope.region, envelope.recordedtime);
    Ok(match envelope.subject.kind.as_str() {
        Referral::KIND => match decode::<Referral>(envelope)? {
            ReferralEvent::Dispatched(dispatch) => Some(Claim::Dispatched {
                from,
                to: dispatch.terms.to.region(),
                basis: dispatch.submission.basis,
                at,
            }),
            _ => None,
        },
        Assignment::KIND => match decode::<Assignment>(envelope)? {
            AssignmentEvent::Accepted(_) => Some(Claim::Accepted { by: from, at }),
            _ => None,
        },
        _ => None,
    })
}

fn wait(case: CaseId, region: Region, rows: &mut Rows) -> Result<(), PolicyError> {
    let key = region.as_str().as_bytes();
    let mut waiting: BTreeSet<CaseId> = rows.get(WAITING, key)?.unwrap_or_default();
    waiting.insert(case);
    Ok(rows.put(WAITING, key, &waiting)?)
}

#[cfg(test)]
mod tests;
