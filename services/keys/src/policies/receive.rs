//! Keys granted to this region are taken into its store: by the region that made the key, or by the
//! case's own region, which passes it on.

use std::sync::Arc;

use domain::ids::GrantId;
use domain::keys::{
    DeliveredKey, GrantEvent, GrantTerms, KeyGrant, KeyReceipt, ReceiptCommand, ReceivedKey,
};
use eventsourcing::{Aggregate, LogId, Policy, PolicyError, Recorded, Region, Rows, Step, decode};
use jiff::Timestamp;
use vault::{GrantPlace, GrantedKey, KeyStore, KeyStoreError};

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
        if envelope.subject.kind != KeyGrant::KIND {
            return Ok(Vec::new());
        }
        let GrantEvent::KeysGranted { terms, keys } = decode::<KeyGrant>(envelope)?;
        if terms.to != self.region {
            return Ok(Vec::new());
        }
        let grant = GrantId(envelope.subject.id);
        let granting = envelope.region;
        let mut received = Vec::new();
        for delivered in &keys {
            let minted_by = delivered.key.region();
            if ![minted_by, terms.case.region()].contains(&granting) {
                tracing::warn!(%granting, key = %delivered.key, "not that region's to grant");
                continue;
            }
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

impl ReceiveKeys {
    /// Durable when this returns. False for a key whose destruction was heard of first.
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
        let granted = GrantedKey {
            encapsulated: delivered.encapsulated.clone(),
            ciphertext: delivered.ciphertext.clone(),
        };
        match self.store.import_granted(&place, &granted, granted_at) {
            Ok(()) => Ok(true),
            Err(KeyStoreError::Destroyed(_)) => Ok(false),
            Err(error) => Err(store_failed(&error)),
        }
    }
}
