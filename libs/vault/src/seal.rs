//! Sealing and opening a text.
//!
//! `XChaCha20-Poly1305` under a key derived from the data key, a random nonce, and associated data
//! that bind the place. An AEAD does not by itself commit to its key (one ciphertext can be made to
//! open under two), so each text carries a commitment that is checked first. Lengths give little
//! away: texts are padded to a few sizes before sealing.

use std::marker::PhantomData;

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::{Aead, Payload};
use domain::ids::{CaseId, KeyId};
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};
use domain::values::Term;
use eventsourcing::StreamId;
use zeroize::Zeroizing;

use crate::binding::binding;
use crate::secret::{DataKey, random};
use crate::wrapping::cipher;

/// The only suite so far: `XChaCha20-Poly1305`, commitment by HKDF-SHA-256.
const SUITE: u8 = 1;
/// Padded sizes in bytes, the text's length included.
const BUCKETS: [usize; 5] = [256, 1024, 4096, 16_384, 65_536];
/// The text's length in UTF-8 bytes stands before it, as a big-endian `u32`.
const PREFIX: usize = 4;
/// The longest text that can be sealed, in bytes of UTF-8.
pub const LARGEST_TEXT: usize = BUCKETS[BUCKETS.len() - 1] - PREFIX;

/// Where a text belongs and whose it is: all of it is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealingPlace {
    pub case: CaseId,
    pub stream: StreamId,
    /// The name of the event that the text is sealed for, `ContactRecorded`.
    pub event: &'static str,
    /// The field of the event, or `<what>.<field>` where one event has several.
    pub field: &'static str,
    pub role: PersonRole,
    pub class: SealedClass,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the text is {length} bytes long; at most {LARGEST_TEXT} can be sealed")]
    TooLong { length: usize },
}

/// Why a text stays closed. Says nothing about what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("the text is sealed with suite {0}, which this program does not know")]
    UnknownSuite(u8),
    #[error("the key offered as {key} is not the one the text was sealed with")]
    OtherKey { key: KeyId },
    #[error("the text under key {key} was changed, or does not belong to this place")]
    Changed { key: KeyId },
}

/// Seals `text` for its place, under the data key `key` that is known as `id`.
///
/// # Errors
/// [`SealError::TooLong`].
pub fn seal(
    place: &SealingPlace,
    id: KeyId,
    key: &DataKey,
    text: &str,
) -> Result<Sealed<Text>, SealError> {
    let padded = pad(text)?;
    let nonce: [u8; 24] = random();
    let mut sealed = Sealed {
        suite: SUITE,
        key: id,
        role: place.role,
        class: place.class,
        stream: place.stream.clone(),
        event: place.event.to_owned(),
        field: place.field.to_owned(),
        commitment: hex::encode(key.commitment().as_slice()),
        nonce: hex::encode(nonce),
        ciphertext: String::new(),
        of: PhantomData,
    };
    let message = Payload {
        msg: &padded,
        aad: &associated_data(place.case, &sealed),
    };
    let ciphertext = cipher(&key.encryption())
        .encrypt(&XNonce::from(nonce), message)
        .expect("64 KiB are not too long to encrypt");
    sealed.ciphertext = hex::encode(ciphertext);
    Ok(sealed)
}

/// Opens a text of `case` with the data key that it names.
///
/// # Errors
/// [`OpenError`], naming the key.
pub fn open(
    case: CaseId,
    key: &DataKey,
    sealed: &Sealed<Text>,
) -> Result<Zeroizing<String>, OpenError> {
    if sealed.suite != SUITE {
        return Err(OpenError::UnknownSuite(sealed.suite));
    }
    if sealed.commitment != hex::encode(key.commitment().as_slice()) {
        return Err(OpenError::OtherKey { key: sealed.key });
    }
    decrypt(case, key, sealed).ok_or(OpenError::Changed { key: sealed.key })
}

fn decrypt(case: CaseId, key: &DataKey, sealed: &Sealed<Text>) -> Option<Zeroizing<String>> {
    let mut nonce = [0; 24];
    hex::decode_to_slice(&sealed.nonce, &mut nonce).ok()?;
    let ciphertext = hex::decode(&sealed.ciphertext).ok()?;
    let message = Payload {
        msg: &ciphertext,
        aad: &associated_data(case, sealed),
    };
    let padded = cipher(&key.encryption())
        .decrypt(&XNonce::from(nonce), message)
        .map(Zeroizing::new)
        .ok()?;
    unpad(&padded)
}

fn associated_data(case: CaseId, sealed: &Sealed<Text>) -> Vec<u8> {
    binding(
        "liandong.sealed.v1",
        &[
            &sealed.suite.to_string(),
            &case.to_string(),
            &sealed.stream.to_string(),
            &sealed.event,
            &sealed.field,
            sealed.role.name(),
            sealed.class.name(),
            &sealed.key.to_string(),
        ],
    )
}

/// Length, text, zeros up to the next bucket.
fn pad(text: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let too_long = SealError::TooLong { length: text.len() };
    let needed = PREFIX + text.len();
    let Some(bucket) = BUCKETS.into_iter().find(|bucket| *bucket >= needed) else {
        return Err(too_long);
    };
    let length = u32::try_from(text.len()).map_err(|_| too_long)?;
    // Reserved once, so that growing leaves no copy of the text behind.
    let mut padded = Zeroizing::new(Vec::with_capacity(bucket));
    padded.extend_from_slice(&length.to_be_bytes());
    padded.extend_from_slice(text.as_bytes());
    padded.resize(bucket, 0);
    Ok(padded)
}

fn unpad(padded: &[u8]) -> Option<Zeroizing<String>> {
    let (length, rest) = padded.split_first_chunk::<PREFIX>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let text = std::str::from_utf8(rest.get(..length)?).ok()?;
    Some(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use eventsourcing::ScopedId;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id(number: u128) -> ScopedId {
        ScopedId::new("310000".parse().unwrap(), Uuid::from_u128(number))
    }

    fn place() -> SealingPlace {
        SealingPlace {
            case: CaseId(id(1)),
            stream: StreamId::new("intake", id(2)),
            event: "ContactRecorded",
            field: "narrative",
            role: PersonRole::Subject,
            class: SealedClass::Narrative,
        }
    }

    fn sealed(key: &DataKey, text: &str) -> Sealed<Text> {
        seal(&place(), KeyId(id(9)), key, text).unwrap()
    }

    #[test]
    fn a_text_opens_in_its_case_with_its_key() {
        let key = DataKey::random();
        let opened = open(place().case, &key, &sealed(&key, "想和人说说话")).unwrap();
        assert_eq!(*opened, "想和人说说话");
    }

    #[test]
    fn a_text_opens_in_no_other_case_stream_event_field_role_class_or_under_another_key_id() {
        let key = DataKey::random();
        let good = sealed(&key, "text");
        let changed = Err(OpenError::Changed { key: good.key });
        assert_eq!(open(CaseId(id(3)), &key, &good), changed);
        let elsewhere: [fn(&mut Sealed<Text>); 6] = [
            |s| s.stream = StreamId::new("intake", id(3)),
            |s| s.stream = StreamId::new("referral", id(2)),
            |s| s.event = "SubjectDescribed".to_owned(),
            |s| s.field = "identity".to_owned(),
            |s| s.role = PersonRole::Caller,
            |s| s.class = SealedClass::Summary,
        ];
        for move_it in elsewhere {
            let mut moved = good.clone();
            move_it(&mut moved);
            assert_eq!(open(place().case, &key, &moved), changed);
        }
        let mut renamed = good;
        renamed.key = KeyId(id(8));
        let refused = Err(OpenError::Changed { key: renamed.key });
        assert_eq!(open(place().case, &key, &renamed), refused);
    }

    #[test]
    fn a_key_that_does_not_match_the_commitment_is_not_even_tried() {
        let key = DataKey::random();
        let text = sealed(&key, "text");
        let refused = Err(OpenError::OtherKey { key: text.key });
        assert_eq!(open(place().case, &DataKey::random(), &text), refused);
        let mut forged = text;
        forged.commitment = hex::encode(DataKey::random().commitment().as_slice());
        assert_eq!(open(place().case, &key, &forged), refused);
    }

    #[test]
    fn the_suite_is_bound_too() {
        let text = sealed(&DataKey::random(), "text");
        let other = Sealed {
            suite: 2,
            ..text.clone()
        };
        let case = place().case;
        assert_ne!(associated_data(case, &text), associated_data(case, &other));
    }

    #[test]
    fn an_unknown_suite_is_refused() {
        let key = DataKey::random();
        let mut text = sealed(&key, "text");
        text.suite = 2;
        let opened = open(place().case, &key, &text);
        assert_eq!(opened, Err(OpenError::UnknownSuite(2)));
    }

    #[test]
    fn every_bucket_is_filled_to_its_last_byte_and_no_further() {
        let key = DataKey::random();
        let tag = 16;
        for (index, bucket) in BUCKETS.into_iter().enumerate() {
            let full = "x".repeat(bucket - PREFIX);
            let text = sealed(&key, &full);
            assert_eq!(text.ciphertext.len(), 2 * (bucket + tag));
            assert_eq!(*open(place().case, &key, &text).unwrap(), full);

            let over = seal(&place(), KeyId(id(9)), &key, &"x".repeat(full.len() + 1));
            match BUCKETS.get(index + 1) {
                Some(next) => assert_eq!(over.unwrap().ciphertext.len(), 2 * (next + tag)),
                None => assert_eq!(
                    over,
                    Err(SealError::TooLong {
                        length: LARGEST_TEXT + 1
                    })
                ),
            }
        }
    }

    #[test]
    fn the_same_text_never_looks_the_same_twice_and_short_texts_look_equally_long() {
        let key = DataKey::random();
        let (one, other) = (sealed(&key, "yes"), sealed(&key, "yes"));
        assert_ne!(one.ciphertext, other.ciphertext);
        assert_eq!(sealed(&key, "").ciphertext.len(), one.ciphertext.len());
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_and_any_flipped_bit_is_noticed(text in ".{0,400}", at in any::<prop::sample::Index>(), bit in 0..4u8) {
            let key = DataKey::random();
            let good = sealed(&key, &text);
            prop_assert_eq!(&*open(place().case, &key, &good).unwrap(), &text);

            let mut digits = good.ciphertext.clone().into_bytes();
            let at = at.index(digits.len());
            let value = u8::try_from((digits[at] as char).to_digit(16).unwrap()).unwrap();
            digits[at] = char::from_digit(u32::from(value ^ (1 << bit)), 16).unwrap() as u8;
            let flipped = Sealed { ciphertext: String::from_utf8(digits).unwrap(), ..good };
            let refused = Err(OpenError::Changed { key: flipped.key });
            prop_assert_eq!(open(place().case, &key, &flipped), refused);
        }
    }
}
