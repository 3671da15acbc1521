//! The records of the key store as bytes: each wrapped key is bound to what it is the key of.

use domain::ids::KeyId;
use eventsourcing::Region;
use redb::TableDefinition;

use crate::binding::binding;
use crate::grant::PrivateKey;
use crate::secret::{DataKey, Secret, random};
use crate::wrapping::{unwrap, wrap};

/// `private-key`: what grants to this region are taken out with, wrapped by the region key. Renewed
/// when a key that came by a grant is destroyed: else the grant, which stays in a log, would give it back.
pub(super) const REGION: TableDefinition<&str, &[u8]> = TableDefinition::new("region");
pub(super) const PRIVATE_KEY: &str = "private-key";
/// Epoch number: its month, its key wrapped by the region key.
pub(super) const EPOCHS: TableDefinition<u32, &[u8]> = TableDefinition::new("epochs");
/// Key id: its epoch's number, the data key wrapped by that epoch's key.
pub(super) const DATA_KEYS: TableDefinition<&str, &[u8]> = TableDefinition::new("data-keys");
/// Ids of keys that were destroyed and may never come back, each with its case.
pub(super) const DESTROYED: TableDefinition<&str, &str> = TableDefinition::new("destroyed");

/// `2026-01`
const MONTH: usize = 7;

/// The key of a month's data keys. After an erasure the month goes on under a new number.
pub(super) struct Epoch {
    pub(super) number: u32,
    pub(super) month: String,
    key: Secret,
}

impl Epoch {
    pub(super) fn new(number: u32, month: &str) -> Self {
        Self {
            number,
            month: month.to_owned(),
            key: Secret::new(random()),
        }
    }

    pub(super) fn wrap(&self, by: &Secret) -> Vec<u8> {
        let wrapped = wrap(&self.key, by, &epoch_binding(self.number, &self.month));
        [self.month.as_bytes(), &wrapped].concat()
    }

    pub(super) fn unwrap(number: u32, record: &[u8], by: &Secret) -> Option<Self> {
        let (month, wrapped) = record.split_at_checked(MONTH)?;
        let month = std::str::from_utf8(month).ok()?.to_owned();
        let key = unwrap(wrapped, by, &epoch_binding(number, &month))?;
        Some(Self { number, month, key })
    }

    pub(super) fn wrap_key(&self, id: KeyId, key: &DataKey) -> Vec<u8> {
        let wrapped = wrap(&key.0, &self.key, &key_binding(id, self.number));
        [self.number.to_be_bytes().as_slice(), &wrapped].concat()
    }

    pub(super) fn unwrap_key(&self, id: KeyId, record: &[u8]) -> Option<DataKey> {
        let (_, wrapped) = record.split_first_chunk::<4>()?;
        unwrap(wrapped, &self.key, &key_binding(id, self.number)).map(DataKey)
    }
}

/// Which epoch a data key's record says it belongs to.
pub(super) fn epoch_of(record: &[u8]) -> Option<u32> {
    record
        .first_chunk::<4>()
        .map(|number| u32::from_be_bytes(*number))
}

pub(super) fn wrap_private(key: &PrivateKey, region: Region, by: &Secret) -> Vec<u8> {
    wrap(&key.to_secret(), by, &private_binding(region))
}

pub(super) fn unwrap_private(record: &[u8], region: Region, by: &Secret) -> Option<PrivateKey> {
    PrivateKey::from_secret(&unwrap(record, by, &private_binding(region))?)
}

fn epoch_binding(number: u32, month: &str) -> Vec<u8> {
    binding("liandong.epoch-key.v1", &[&number.to_string(), month])
}

fn key_binding(id: KeyId, epoch: u32) -> Vec<u8> {
    binding(
        "liandong.wrapped-key.v1",
        &[&id.to_string(), &epoch.to_string()],
    )
}

fn private_binding(region: Region) -> Vec<u8> {
    binding("liandong.private-key.v1", &[region.as_str()])
}
