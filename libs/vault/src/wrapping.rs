//! One key wrapped by another, bound to what the wrapped key is: a key never passes for another.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::secret::{Secret, random};

const NONCE: usize = 24;

/// Nonce and ciphertext of `secret` under `by`.
pub(crate) fn wrap(secret: &Secret, by: &Secret, bound_to: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE] = random();
    let message = Payload {
        msg: secret.as_slice(),
        aad: bound_to,
    };
    let sealed = cipher(by)
        .encrypt(&XNonce::from(nonce), message)
        .expect("32 bytes are not too long to encrypt");
    [nonce.as_slice(), &sealed].concat()
}

/// The secret, or `None` if it was changed, is another one, or was wrapped by another key.
pub(crate) fn unwrap(wrapped: &[u8], by: &Secret, bound_to: &[u8]) -> Option<Secret> {
    let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>()?;
    let message = Payload {
        msg: sealed,
        aad: bound_to,
    };
    let opened = cipher(by)
        .decrypt(&XNonce::from(*nonce), message)
        .map(Zeroizing::new)
        .ok()?;
    let mut secret = Secret::default();
    if opened.len() != secret.len() {
        return None;
    }
    secret.copy_from_slice(&opened);
    Some(secret)
}

pub(crate) fn cipher(key: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&(**key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_only_as_itself_and_only_unchanged() {
        let (secret, by) = (Secret::new(random()), Secret::new(random()));
        let wrapped = wrap(&secret, &by, b"key 1");
        assert_eq!(unwrap(&wrapped, &by, b"key 1"), Some(secret.clone()));
        assert_eq!(unwrap(&wrapped, &by, b"key 2"), None);
        assert_eq!(unwrap(&wrapped, &secret, b"key 1"), None);
        for bit in 0..wrapped.len() * 8 {
            let mut flipped = wrapped.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unwrap(&flipped, &by, b"key 1"), None, "bit {bit}");
        }
        for length in 0..wrapped.len() {
            assert_eq!(unwrap(&wrapped[..length], &by, b"key 1"), None);
        }
    }
}
