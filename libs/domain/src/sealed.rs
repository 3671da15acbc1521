//! Sealed data: inert ciphertext. Only `vault` can make one or open one.

use std::marker::PhantomData;

use eventsourcing::StreamId;
use serde::{Deserialize, Serialize};

use crate::ids::KeyId;
use crate::values::terms;

terms! {
    /// Whose words or data a key protects, apart from the class.
    pub enum PersonRole {
        /// The young person the case is about.
        Subject => "当事人",
        /// Whoever called, where that is somebody else.
        Caller => "来电人",
    }
}

terms! {
    /// What kind of text a key protects; grants are given by class.
    pub enum SealedClass {
        /// What a receiver needs to decide: a few sentences.
        Summary => "摘要",
        /// What was said.
        Narrative => "叙述",
        /// Names, numbers, addresses.
        Identity => "身份",
    }
}

/// Free text of a person or about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text;

/// Ciphertext of a `T`, with what is needed to find its key and to check that it is the right one.
///
/// The associated data bind case, stream, event, field, role and class; see `vault`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed<T> {
    /// Which algorithms: 1 = XChaCha20-Poly1305 with an HKDF-SHA-256 key commitment.
    pub suite: u8,
    pub key: KeyId,
    pub role: PersonRole,
    pub class: SealedClass,
    /// The stream, the event and the field it was sealed for. Whoever copies it into another event of
    /// the case copies these too, and so it opens there; they are bound like the rest.
    pub stream: StreamId,
    /// The event's name, `ContactRecorded`.
    pub event: String,
    pub field: String,
    /// Keyed commitment to the data key, hexadecimal: no other key opens this text.
    pub commitment: String,
    /// Hexadecimal.
    pub nonce: String,
    /// Hexadecimal, padded to a size bucket before sealing.
    pub ciphertext: String,
    #[serde(skip)]
    pub of: PhantomData<T>,
}

impl<T> std::fmt::Debug for Sealed<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Sealed({:?} of {:?}, key {})",
            self.class, self.role, self.key
        )
    }
}
