//! An erasure that was ordered is carried out: all keys of the case are destroyed, in its own region
//! first, then wherever they were granted.
//!
//! Logs come in any order, so a key may show after the erasure was heard of: it goes too, if what
//! shows it is older than the erasure, or if the region that made it says that it has destroyed it.
//! A crash in between is mended by reacting again: what is destroyed stays so, and is recorded once.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::ids::{CaseId, KeyId};
use domain::keys::{Erasure, ErasureCommand, ErasureEvent};
use eventsourcing::{
    Aggregate, LogId, Order, Policy, PolicyError, Recorded, Region, Rows, Step, decode,
};
use serde::{Deserialize, Serialize};
use vault::KeyStore;

use super::receive::granted_to;
use super::store_failed;
use crate::sealed_texts::{Proof, named_keys};

/// Keys: case.
const ERASING: &str = "keys-erasing";

pub(crate) struct EraseKeys {
    pub(crate) region: Region,
    pub(crate) logs: Vec<LogId>,
    pub(crate) store: Arc<KeyStore>,
}

/// The keys of a case, and up to which moment what was sealed must go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Erasing {
    /// Shown by what is no younger than the erasure.
    keys: BTreeSet<KeyId>,
    /// Granted to this region, whenever.
    granted: BTreeSet<KeyId>,
    up_to: Option<Order>,
    /// On record as destroyed here.
    gone: BTreeSet<KeyId>,
}

impl Policy for EraseKeys {
    fn name(&self) -> &'static str {
        "erase-keys"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn react(&self, event: &Recorded, rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let Some(case) = event.envelope.caseid.map(CaseId) else {
            return Ok(Vec::new());
        };
        let key = case.to_string();
        let before: Erasing = rows.get(ERASING, key.as_bytes())?.unwrap_or_default();
        let mut erasing = before.clone();
        let first_heard = self.learn(case, event, &mut erasing)?;
        let mut gone = self.given_up_by_their_maker(event, &erasing)?;
        if erasing.up_to.is_some() {
            gone.extend(&erasing.keys);
        }
        gone.retain(|key| !erasing.gone.contains(key));
        if erasing != before {
            rows.put(ERASING, key.as_bytes(), &erasing)?;
        }
        // At home an erasure is completed even where there is no key.
        let at_home = case.region() == self.region;
        let keyless = at_home && first_heard && erasing.gone.is_empty();
        if gone.is_empty() && !keyless {
            return Ok(Vec::new());
        }
        let keys: Vec<KeyId> = gone.iter().copied().collect();
        self.store
            .destroy(case, &keys)
            .map_err(|error| store_failed(&error))?;
        Ok(vec![self.completed(case, gone)])
    }
}

impl EraseKeys {
    /// Whether this event is the first to say that the case is erased.
    fn learn(
        &self,
        case: CaseId,
        event: &Recorded,
        erasing: &mut Erasing,
    ) -> Result<bool, PolicyError> {
        let order = event.envelope.order;
        let counts = erasing.up_to.is_none_or(|up_to| order < up_to);
        let mut shown = self.keys_of_texts(case, event, &erasing.keys)?;
        if let Some((_, delivered)) = granted_to(self.region, event)? {
            let granted = delivered.iter().map(|delivered| delivered.key);
            let granted = granted.filter(|key| key.region() != self.region);
            shown.extend(granted.clone());
            erasing.granted.extend(granted);
        }
        if counts {
            erasing.keys.extend(shown);
        }
        if event.envelope.subject.kind != Erasure::KIND {
            return Ok(false);
        }
        let (own, home) = (self.region, case.region());
        match decode::<Erasure>(&event.envelope)? {
            ErasureEvent::Erased { keys, .. } | ErasureEvent::CopiesErased { keys, .. }
                if event.envelope.region == own =>
            {
                erasing.gone.extend(keys);
                Ok(false)
            }
            // The order, in the case's own region; its completion there, in all others.
            ErasureEvent::ErasureOrdered { .. } if own == home && event.envelope.region == home => {
                Ok(heard(order, erasing))
            }
            ErasureEvent::Erased { .. } if event.envelope.region == home => {
                Ok(heard(order, erasing))
            }
            ErasureEvent::ErasureProposed { .. }
            | ErasureEvent::ErasureOrdered { .. }
            | ErasureEvent::Erased { .. }
            | ErasureEvent::CopiesErased { .. } => Ok(false),
        }
    }

    /// Keys of the case's texts that an event shows and that were not known.
    fn keys_of_texts(
        &self,
        case: CaseId,
        event: &Recorded,
        known: &BTreeSet<KeyId>,
    ) -> Result<BTreeSet<KeyId>, PolicyError> {
        let named = named_keys(&self.store, case, event, |key| known.contains(key))?;
        let by = event.envelope.region;
        let of_the_case = named.into_iter().filter(|named| match &named.proof {
            Proof::Opens | Proof::Erased => true,
            // Whoever made it knows of what it is the key; a region is not believed about others'.
            Proof::Damaged(cause) => {
                tracing::error!(cause, "a damaged key goes with its case, if it is erased");
                named.key.region() == by
            }
        });
        Ok(of_the_case.map(|named| named.key).collect())
    }

    /// What a region has destroyed of its own making, all others destroy: for them, that is an order.
    fn given_up_by_their_maker(
        &self,
        event: &Recorded,
        erasing: &Erasing,
    ) -> Result<BTreeSet<KeyId>, PolicyError> {
        let maker = event.envelope.region;
        if event.envelope.subject.kind != Erasure::KIND || maker == self.region {
            return Ok(BTreeSet::new());
        }
        Ok(match decode::<Erasure>(&event.envelope)? {
            ErasureEvent::Erased { mut keys, .. } | ErasureEvent::CopiesErased { mut keys, .. } => {
                keys.retain(|key| key.region() == maker && erasing.granted.contains(key));
                keys
            }
            ErasureEvent::ErasureProposed { .. } | ErasureEvent::ErasureOrdered { .. } => {
                BTreeSet::new()
            }
        })
    }

    fn completed(&self, case: CaseId, keys: BTreeSet<KeyId>) -> Step {
        let command = if case.region() == self.region {
            ErasureCommand::Complete { case, keys }
        } else {
            ErasureCommand::CompleteCopies { case, keys }
        };
        Step::of::<Erasure>(Erasure::id(self.region, case).0, command)
    }
}

fn heard(order: Order, erasing: &mut Erasing) -> bool {
    let first = erasing.up_to.is_none();
    erasing.up_to = erasing.up_to.max(Some(order));
    first
}

#[cfg(test)]
mod tests;
