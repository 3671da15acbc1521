//! Secret bytes: made from the system's randomness, wiped when dropped, never printed.

use std::fmt;

use hkdf::Hkdf;
use rand::Rng;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// 32 secret bytes.
pub(crate) type Secret = Zeroizing<[u8; 32]>;

/// The operating system's generator. It panics if the system has no randomness: then no key may be
/// made, whatever else should go on.
pub(crate) fn system_random() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    system_random().fill_bytes(&mut bytes);
    bytes
}

/// A key for one use, derived from a key that has several.
pub(crate) fn derive(from: &Secret, purpose: &str) -> Secret {
    let mut derived = Secret::default();
    Hkdf::<Sha256>::from_prk(from.as_slice())
        .expect("32 bytes are a key of SHA-256")
        .expand(purpose.as_bytes(), derived.as_mut_slice())
        .expect("32 bytes are less than HKDF can give");
    derived
}

/// The key under which texts of one (case, person role, class) are sealed.
#[derive(Clone)]
pub struct DataKey(pub(crate) Secret);

impl DataKey {
    pub(crate) fn random() -> Self {
        Self(Secret::new(random()))
    }

    /// A key that was leased to another process.
    pub fn received(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// The key itself, for a process that seals with it: nowhere else may it go.
    pub fn to_lend(&self) -> &[u8; 32] {
        &self.0
    }

    /// What encrypts.
    pub(crate) fn encryption(&self) -> Secret {
        derive(&self.0, "liandong.data-key.v1 encryption")
    }

    /// What says which key this is without giving it away: no other key has the same.
    pub(crate) fn commitment(&self) -> Secret {
        derive(&self.0, "liandong.data-key.v1 commitment")
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        let key = DataKey(Secret::new([0xab; 32]));
        assert_eq!(format!("{key:?}"), "DataKey(..)");
    }

    #[test]
    fn keys_derived_for_two_uses_differ() {
        let key = DataKey::random();
        assert_ne!(key.encryption(), key.commitment());
        assert_ne!(key.encryption(), key.0);
    }
}
