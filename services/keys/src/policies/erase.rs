//! An erasure that was ordered is carried out: all keys of the case are destroyed, in its own region
//! first, then wherever they were granted.
//!
//! A crash in between is mended by reacting again: what is destroyed stays so, and the same request
//! is recorded once.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::ids::{CaseId, KeyId};
use domain::keys::{Erasure, ErasureCommand, ErasureEvent, KeyReceipt, ReceiptEvent};
use eventsourcing::{
    Aggregate, LogId, Order, Policy, PolicyError, Recorded, Region, Rows, Step, decode,
};
use serde::{Deserialize, Serialize};
use vault::KeyStore;

use super::store_failed;
use crate::sealed_texts::proven_keys;

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
    keys: BTreeSet<KeyId>,
    up_to: Option<Order>,
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
        let gone = self.must_go(case, event, &mut erasing)?;
        if erasing != before {
            rows.put(ERASING, key.as_bytes(), &erasing)?;
        }
        let Some(gone) = gone else {
            return Ok(Vec::new());
        };
        let keys: Vec<KeyId> = gone.iter().copied().collect();
        self.store
            .destroy(&keys)
            .map_err(|error| store_failed(&error))?;
        Ok(vec![self.completed(case, gone)])
    }
}

impl EraseKeys {
    /// The keys that an event says must go: all known ones when the erasure is heard of, and later
    /// those of texts that were sealed before it and come to light only now.
    fn must_go(
        &self,
        case: CaseId,
        event: &Recorded,
        erasing: &mut Erasing,
    ) -> Result<Option<BTreeSet<KeyId>>, PolicyError> {
        let order = event.envelope.order;
        let late = erasing.up_to.is_some_and(|up_to| order < up_to);
        let mut new = BTreeSet::new();
        if late || erasing.up_to.is_none() {
            new = self.keys_of(case, event, &erasing.keys)?;
            erasing.keys.extend(&new);
        }
        if let Some(named) = self.heard(case, event)? {
            erasing.keys.extend(named);
            erasing.up_to = erasing.up_to.max(Some(order));
            return Ok(Some(erasing.keys.clone()));
        }
        Ok((late && !new.is_empty()).then_some(new))
    }

    /// Keys of the case that an event shows and that were not known: those of its texts, and those
    /// received under a grant.
    fn keys_of(
        &self,
        case: CaseId,
        event: &Recorded,
        known: &BTreeSet<KeyId>,
    ) -> Result<BTreeSet<KeyId>, PolicyError> {
        let envelope = &event.envelope;
        if envelope.subject.kind == KeyReceipt::KIND && envelope.region == self.region {
            let ReceiptEvent::KeysReceived { keys, .. } = decode::<KeyReceipt>(envelope)?;
            return Ok(keys.iter().map(|received| received.key).collect());
        }
        let proven = proven_keys(&self.store, case, event, |key| known.contains(key))?;
        Ok(proven.into_iter().map(|(key, _)| key).collect())
    }

    /// The order, in the case's own region; its completion there, in all others. With the keys that
    /// it names, as far as they are that region's own.
    fn heard(
        &self,
        case: CaseId,
        event: &Recorded,
    ) -> Result<Option<BTreeSet<KeyId>>, PolicyError> {
        let envelope = &event.envelope;
        let home = case.region();
        if envelope.subject.kind != Erasure::KIND || envelope.region != home {
            return Ok(None);
        }
        let ours = home == self.region;
        Ok(match decode::<Erasure>(envelope)? {
            ErasureEvent::ErasureOrdered { .. } if ours => Some(BTreeSet::new()),
            ErasureEvent::Erased { mut keys, .. } if !ours => {
                keys.retain(|key| key.region() == home);
                Some(keys)
            }
            ErasureEvent::ErasureProposed { .. }
            | ErasureEvent::ErasureOrdered { .. }
            | ErasureEvent::Erased { .. }
            | ErasureEvent::CopiesErased { .. } => None,
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
