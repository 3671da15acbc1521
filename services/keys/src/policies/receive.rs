//! Keys granted to this region are taken into its store: by the region that made the key, or by the
//! case's own region, which passes it on.

use std::sync::Arc;

use domain::ids::GrantId;
use domain::keys::{
    DeliveredKey, GrantEvent, GrantTerms, KeyGrant, KeyReceipt, ReceiptCommand, ReceivedKey,
};
use eventsourcing::{
    Aggregate, InvalidId, LogId, Policy, PolicyError, Recorded, Region, Rows, Step, decode,
};
use jiff::Timestamp;
use vault::{GrantError, GrantPlace, GrantedKey, KeyStore, KeyStoreError};

use super::store_failed;

pub(crate) struct ReceiveKeys {
    pub(crate) region: Region,
    pub(crate) logs: Vec<LogId>,
    pub(crate) store: Arc<KeyStore>,
}

impl Policy for ReceiveKeys {
    fn name(&self) -> &'static str {
        "receive-granted-keys"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn react(&self, event: &Recorded, _rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let envelope = &event.envelope;
        let Some((terms, keys)) = granted_to(self.region, event)? else {
            return Ok(Vec::new());
        };
        let grant = GrantId(envelope.subject.id);
        let mut received = Vec::new();
        for delivered in &keys {
            if self.import(grant, &terms, delivered, envelope.recordedtime)? {
                received.push(ReceivedKey {
                    key: delivered.key,
                    role: delivered.role,
                    class: delivered.class,
                });
            }
        }
        let receive = ReceiptCommand::Receive {
            case: terms.case,
            grant,
            keys: received,
            expires_at: terms.expires_at,
        };
        Ok(vec![Step::of::<KeyReceipt>(
            KeyReceipt::id(self.region, grant).0,
            receive,
        )])
    }
}

/// On which terms, and which keys.
type Delivery = (Box<GrantTerms>, Vec<DeliveredKey>);

/// What an event grants to a region, if anything: keys that the granting region made, or that are of
/// one of its own cases.
pub(super) fn granted_to(
    region: Region,
    event: &Recorded,
) -> Result<Option<Delivery>, PolicyError> {
    let envelope = &event.envelope;
    if envelope.subject.kind != KeyGrant::KIND {
        return Ok(None);
    }
    let GrantEvent::KeysGranted { terms, mut keys } = decode::<KeyGrant>(envelope)?;
    if terms.to != region {
        return Ok(None);
    }
    let granting = envelope.region;
    keys.retain(|delivered| {
        let may = [delivered.key.region(), terms.case.region()].contains(&granting);
        if !may {
            tracing::warn!(%granting, key = %delivered.key, "not that region's to grant");
        }
        may
    });
    Ok(Some((terms, keys)))
}

impl ReceiveKeys {
    /// Durable when this returns. False for a key whose destruction was heard of first, and for one
    /// that was wrapped for a private key destroyed since: it is wrapped anew, if it is still there.
    fn import(
        &self,
        grant: GrantId,
        terms: &GrantTerms,
        delivered: &DeliveredKey,
        granted_at: Timestamp,
    ) -> Result<bool, PolicyError> {
        let place = GrantPlace {
            grant,
            case: terms.case,
            receiver: self.region,
            key: delivered.key,
            role: delivered.role,
            class: delivered.class,
        };
        let wrapped_for = delivered.wrapped_for.parse();
        let granted = GrantedKey {
            wrapped_for: wrapped_for
                .map_err(|why: InvalidId| PolicyError::Failed(why.to_string()))?,
            encapsulated: delivered.encapsulated.clone(),
            ciphertext: delivered.ciphertext.clone(),
        };
        match self.store.import_granted(&place, &granted, granted_at) {
            Ok(()) => Ok(true),
            Err(
                KeyStoreError::Destroyed(_) | KeyStoreError::Grant(GrantError::ForFormerKey(_)),
            ) => Ok(false),
            Err(error) => Err(store_failed(&error)),
        }
    }
}
