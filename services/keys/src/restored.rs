//! Whether a region that was restored can still read what its logs hold.

use std::collections::{BTreeMap, BTreeSet};

use domain::ids::KeyId;
use domain::keys::{Erasure, ErasureEvent, KeyReceipt, ReceiptEvent};
use eventsourcing::{Aggregate, LogId, Position, Recorded, Region, UnknownEvent, decode};
use vault::{KeyStore, KeyStoreError};

use crate::sealed_texts::sealed_texts;

/// A key that the logs of a region refer to, and that is neither in its key store nor destroyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("key {key} is missing; {log} refers to it first at position {at}: {cause}")]
pub struct MissingKey {
    pub key: KeyId,
    /// The first event that says that the region has it.
    pub log: LogId,
    pub at: Position,
    pub cause: KeyStoreError,
}

/// The keys that a region must have, as its own logs say, in whatever order they are read.
pub struct ReferredKeys {
    region: Region,
    first: BTreeMap<KeyId, (LogId, Position)>,
    destroyed: BTreeSet<KeyId>,
}

impl ReferredKeys {
    pub fn new(region: Region) -> Self {
        Self {
            region,
            first: BTreeMap::new(),
            destroyed: BTreeSet::new(),
        }
    }

    /// Takes in an event of one of the region's own logs.
    ///
    /// # Errors
    /// [`UnknownEvent`]: then nothing can be said.
    pub fn take_in(&mut self, log: &LogId, event: &Recorded) -> Result<(), UnknownEvent> {
        // A text of another region's key may be here without its key: it may not have been granted.
        let own = sealed_texts(event).into_iter().map(|text| text.sealed.key);
        let mut keys: Vec<KeyId> = own.filter(|key| key.region() == self.region).collect();
        match event.envelope.subject.kind.as_str() {
            KeyReceipt::KIND => {
                let ReceiptEvent::KeysReceived { keys: received, .. } =
                    decode::<KeyReceipt>(&event.envelope)?;
                keys.extend(received.iter().map(|received| received.key));
            }
            Erasure::KIND => match decode::<Erasure>(&event.envelope)? {
                ErasureEvent::Erased { keys, .. } | ErasureEvent::CopiesErased { keys, .. } => {
                    self.destroyed.extend(keys);
                }
                ErasureEvent::ErasureProposed { .. } | ErasureEvent::ErasureOrdered { .. } => {}
            },
            _ => {}
        }
        for key in keys {
            let place = (log.clone(), event.position);
            self.first.entry(key).or_insert(place);
        }
        Ok(())
    }

    /// Those that are missing: as long as there are any, the region is not restored.
    pub fn missing(&self, store: &KeyStore) -> Vec<MissingKey> {
        let referred = self.first.iter();
        let needed = referred.filter(|(key, _)| !self.destroyed.contains(*key));
        needed
            .filter_map(|(key, (log, at))| match store.get(*key) {
                Ok(_) | Err(KeyStoreError::Destroyed(_)) => None,
                Err(cause) => Some(MissingKey {
                    key: *key,
                    log: log.clone(),
                    at: *at,
                    cause,
                }),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::CaseId;
    use domain::sealed::{PersonRole, SealedClass};
    use eventsourcing::testing::envelope;
    use eventsourcing::{Body, Envelope, Hash, StreamId};
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use uuid::Uuid;
    use vault::{LeasedKey, RegionKey, SealingPlace, seal};

    use super::*;

    const LOG: &str = "310000.keys";

    fn region() -> Region {
        "310000".parse().unwrap()
    }

    fn case() -> CaseId {
        CaseId::new(region(), Uuid::from_u128(1))
    }

    fn store(home: &tempfile::TempDir) -> KeyStore {
        let root = home.path();
        let key = root.join("region.key");
        let (data, at) = (root.join("data"), root.join("data/store"));
        std::fs::create_dir_all(&data).unwrap();
        let key = RegionKey::read_or_create(&key, &data, &at).unwrap();
        KeyStore::open(&at, region(), &key).unwrap()
    }

    fn recorded(at: u64, kind: &str, event_type: &str, data: Value) -> Recorded {
        let envelope = envelope(LOG, kind, 1);
        let event_type = format!("keys.{event_type}");
        let body = Body::seal(&Envelope {
            dataschema: format!("urn:liandong:{event_type}:1"),
            event_type,
            caseid: Some(case().0),
            data,
            ..envelope
        });
        Recorded::read(Position(at), Hash::of(b""), body.unwrap()).unwrap()
    }

    fn text(at: u64, key: &LeasedKey) -> Recorded {
        let place = SealingPlace {
            case: case(),
            stream: StreamId::new("note", case().0),
            event: "Noted",
            field: "summary",
            role: PersonRole::Subject,
            class: SealedClass::Summary,
        };
        let sealed = seal(&place, key.id, &key.key, "text").unwrap();
        recorded(at, "note", "Noted", json!({ "summary": sealed }))
    }

    #[test]
    fn a_region_is_not_restored_while_a_key_is_neither_there_nor_destroyed() {
        let home = tempfile::tempdir().unwrap();
        let kept = store(&home);
        // The store lost those that were made after its backup.
        let elsewhere = tempfile::tempdir().unwrap();
        let after = store(&elsewhere);
        let there = kept.mint(1, Timestamp::UNIX_EPOCH).unwrap().remove(0);
        let mut lost = after.mint(2, Timestamp::UNIX_EPOCH).unwrap();
        let (lost, erased) = (lost.remove(0), lost.remove(0));
        let received: KeyId = "370200-01999999-9999-7999-8999-999999999999"
            .parse()
            .unwrap();
        let receipt = json!({
            "case": case(), "grant": case(), "expires_at": null,
            "keys": [{ "key": received, "role": "Subject", "class": "Summary" }],
        });
        let events = [
            text(1, &there),
            text(2, &lost),
            text(3, &erased),
            text(4, &lost),
            recorded(5, KeyReceipt::KIND, "KeysReceived", receipt),
            recorded(
                6,
                Erasure::KIND,
                "Erased",
                json!({ "case": case(), "keys": [erased.id] }),
            ),
        ];
        let log: LogId = LOG.parse().unwrap();
        let mut referred = ReferredKeys::new(region());
        for event in &events {
            referred.take_in(&log, event).unwrap();
        }
        let mut missing = referred.missing(&kept);
        missing.sort_by_key(|missing| missing.at);
        let of = |key: KeyId, at: u64| MissingKey {
            key,
            log: log.clone(),
            at: Position(at),
            cause: KeyStoreError::Unknown(key),
        };
        assert_eq!(missing, [of(lost.id, 2), of(received, 5)]);
    }
}
