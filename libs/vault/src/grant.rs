//! A data key for another region: HPKE (RFC 9180) to its public key, bound to the grant.
//!
//! X25519-HKDF-SHA256, HKDF-SHA256, `ChaCha20Poly1305`, base mode. Who granted is said, and proved,
//! by the event that carries the grant, not by the ciphertext.

use std::fmt;
use std::str::FromStr;

use domain::ids::{CaseId, GrantId, KeyId};
use domain::sealed::{PersonRole, SealedClass};
use domain::values::Term;
use eventsourcing::{InvalidId, Region};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{
    Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open,
    single_shot_seal_with_rng,
};
use zeroize::Zeroizing;

use crate::binding::binding;
use crate::secret::{DataKey, Secret, system_random};

/// A region's published key: 32 bytes, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// What a granted key is for: it opens for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantPlace {
    pub grant: GrantId,
    pub case: CaseId,
    pub receiver: Region,
    pub key: KeyId,
    pub role: PersonRole,
    pub class: SealedClass,
}

/// A data key that only the receiver can take out, while it has the other half of `wrapped_for`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantedKey {
    pub wrapped_for: PublicKey,
    /// Hexadecimal.
    pub encapsulated: String,
    /// Hexadecimal.
    pub ciphertext: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("the public key of region {0} is not a usable one")]
    UnusablePublicKey(Region),
    #[error("the granted key {0} was changed, is for another region, or belongs to another grant")]
    NotForUs(KeyId),
    /// Whoever granted wraps it anew when it hears of the key published since.
    #[error("the granted key {0} is wrapped for a key that this region has destroyed")]
    ForFormerKey(KeyId),
}

/// The other half of a [`PublicKey`]; lives in the key store, wrapped.
pub(crate) struct PrivateKey(<X25519HkdfSha256 as Kem>::PrivateKey);

impl PrivateKey {
    pub(crate) fn random() -> Self {
        Self(X25519HkdfSha256::gen_keypair_with_rng(&mut system_random()).0)
    }

    pub(crate) fn from_secret(secret: &Secret) -> Option<Self> {
        Deserializable::from_bytes(secret.as_slice()).map(Self).ok()
    }

    pub(crate) fn to_secret(&self) -> Secret {
        let mut secret = Secret::default();
        self.0.write_exact(secret.as_mut_slice());
        secret
    }

    pub(crate) fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        X25519HkdfSha256::sk_to_pk(&self.0).write_exact(&mut bytes);
        PublicKey(bytes)
    }
}

pub(crate) fn grant(
    to: &PublicKey,
    place: &GrantPlace,
    key: &DataKey,
) -> Result<GrantedKey, GrantError> {
    let unusable = |_| GrantError::UnusablePublicKey(place.receiver);
    let receiver = Deserializable::from_bytes(&to.0).map_err(unusable)?;
    let (info, aad) = bound_to(place);
    let (encapsulated, ciphertext) =
        single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &receiver,
            &info,
            key.0.as_slice(),
            &aad,
            &mut system_random(),
        )
        .map_err(unusable)?;
    Ok(GrantedKey {
        wrapped_for: *to,
        encapsulated: hex::encode(encapsulated.to_bytes()),
        ciphertext: hex::encode(ciphertext),
    })
}

pub(crate) fn take_out(
    with: &PrivateKey,
    place: &GrantPlace,
    granted: &GrantedKey,
) -> Result<DataKey, GrantError> {
    if granted.wrapped_for != with.public() {
        return Err(GrantError::ForFormerKey(place.key));
    }
    decrypt(with, place, granted).ok_or(GrantError::NotForUs(place.key))
}

fn decrypt(with: &PrivateKey, place: &GrantPlace, granted: &GrantedKey) -> Option<DataKey> {
    let encapsulated = hex::decode(&granted.encapsulated).ok()?;
    let encapsulated = Deserializable::from_bytes(&encapsulated).ok()?;
    let ciphertext = hex::decode(&granted.ciphertext).ok()?;
    let (info, aad) = bound_to(place);
    let opened = single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &with.0,
        &encapsulated,
        &info,
        &ciphertext,
        &aad,
    );
    let opened = Zeroizing::new(opened.ok()?);
    let bytes: [u8; 32] = opened.as_slice().try_into().ok()?;
    Some(DataKey(Secret::new(bytes)))
}

/// HPKE's `info` names the grant, its associated data the key.
fn bound_to(place: &GrantPlace) -> (Vec<u8>, Vec<u8>) {
    let info = binding(
        "liandong.grant.v1",
        &[
            &place.grant.to_string(),
            &place.case.to_string(),
            place.receiver.as_str(),
        ],
    );
    let aad = binding(
        "liandong.granted-key.v1",
        &[
            &place.key.to_string(),
            place.role.name(),
            place.class.name(),
        ],
    );
    (info, aad)
}

impl FromStr for PublicKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidId {
            what: "a public key",
            form: "64 hexadecimal digits",
        })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::ScopedId;
    use uuid::Uuid;

    use super::*;

    fn id(region: &str, number: u128) -> ScopedId {
        ScopedId::new(region.parse().unwrap(), Uuid::from_u128(number))
    }

    fn place() -> GrantPlace {
        GrantPlace {
            grant: GrantId(id("310000", 1)),
            case: CaseId(id("310000", 2)),
            receiver: "370200".parse().unwrap(),
            key: KeyId(id("310000", 3)),
            role: PersonRole::Subject,
            class: SealedClass::Narrative,
        }
    }

    #[test]
    fn a_granted_key_is_taken_out_by_its_receiver_and_by_no_third_region() {
        let (qingdao, third) = (PrivateKey::random(), PrivateKey::random());
        let key = DataKey::random();
        let granted = grant(&qingdao.public(), &place(), &key).unwrap();
        let taken = take_out(&qingdao, &place(), &granted).unwrap();
        assert_eq!(taken.0, key.0);
        let refused = take_out(&third, &place(), &granted).unwrap_err();
        assert_eq!(refused, GrantError::ForFormerKey(place().key));
        let claimed = GrantedKey {
            wrapped_for: third.public(),
            ..granted
        };
        let refused = take_out(&third, &place(), &claimed).unwrap_err();
        assert_eq!(refused, GrantError::NotForUs(place().key));
    }

    #[test]
    fn a_granted_key_serves_no_other_grant_case_receiver_key_role_or_class() {
        let qingdao = PrivateKey::random();
        let granted = grant(&qingdao.public(), &place(), &DataKey::random()).unwrap();
        let elsewhere = [
            GrantPlace {
                grant: GrantId(id("310000", 9)),
                ..place()
            },
            GrantPlace {
                case: CaseId(id("310000", 9)),
                ..place()
            },
            GrantPlace {
                receiver: Region::CENTRAL,
                ..place()
            },
            GrantPlace {
                key: KeyId(id("310000", 9)),
                ..place()
            },
            GrantPlace {
                role: PersonRole::Caller,
                ..place()
            },
            GrantPlace {
                class: SealedClass::Identity,
                ..place()
            },
        ];
        for other in elsewhere {
            assert!(take_out(&qingdao, &other, &granted).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_private_key_comes_back_from_its_bytes_with_the_same_public_key() {
        let made = PrivateKey::random();
        let read = PrivateKey::from_secret(&made.to_secret()).unwrap();
        assert_eq!(read.public(), made.public());
        let text = made.public().to_string();
        assert_eq!(text.parse::<PublicKey>().unwrap(), made.public());
        assert!("12".parse::<PublicKey>().is_err());
    }

    #[test]
    fn a_public_key_of_low_order_is_refused() {
        let refused = grant(&PublicKey([0; 32]), &place(), &DataKey::random());
        let shanghai_to_qingdao = GrantError::UnusablePublicKey(place().receiver);
        assert_eq!(refused, Err(shanghai_to_qingdao));
    }
}
