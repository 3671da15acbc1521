//! The hash chain: what makes a change or an omission in a log visible to anybody who has the log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{InvalidId, LogId, Position};

/// A SHA-256 hash, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Where the chain of a log begins: the hash of its name, so that two logs never share one.
    pub fn genesis(log: &LogId) -> Self {
        Self::of(format!("liandong.log.v1\n{log}").as_bytes())
    }
}

/// The link of one event: `SHA-256(previous ‖ position as u64 big-endian ‖ SHA-256(body))`.
pub fn chain_hash(previous: &Hash, position: Position, body_sha256: &Hash) -> Hash {
    let mut link = Sha256::new();
    link.update(previous.0);
    link.update(position.0.to_be_bytes());
    link.update(body_sha256.0);
    Hash(link.finalize().into())
}

/// How far somebody has read a log, and the chain hash there: enough to prove the rest continues it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub position: Position,
    pub hash: Hash,
}

impl Checkpoint {
    /// Before the first event of `log`.
    pub fn start(log: &LogId) -> Self {
        Self {
            position: Position(0),
            hash: Hash::genesis(log),
        }
    }

    /// Moves past the next event.
    ///
    /// # Errors
    /// [`ChainBroken`] if `position` is not the next one, or `hash` does not continue the chain.
    pub fn accept(
        &mut self,
        position: Position,
        body_sha256: &Hash,
        hash: &Hash,
    ) -> Result<(), ChainBroken> {
        if position != self.position.next() {
            return Err(ChainBroken::Gap {
                expected: self.position.next(),
                found: position,
            });
        }
        if chain_hash(&self.hash, position, body_sha256) != *hash {
            return Err(ChainBroken::Differs { position });
        }
        *self = Self {
            position,
            hash: *hash,
        };
        Ok(())
    }
}

/// Why an event does not follow from the one before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainBroken {
    #[error("expected position {expected}, found {found}")]
    Gap { expected: Position, found: Position },
    #[error("the hash at position {position} does not continue the chain")]
    Differs { position: Position },
}

impl FromStr for Hash {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidId {
            what: "a hash",
            form: "64 hexadecimal digits",
        })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

crate::ids::string_serde!(Hash);

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> LogId {
        "310000.referral".parse().unwrap()
    }

    #[test]
    fn a_chain_accepts_what_continues_it_and_nothing_else() {
        let mut at = Checkpoint::start(&log());
        let body = Hash::of(b"one");
        let hash = chain_hash(&at.hash, Position(1), &body);
        at.accept(Position(1), &body, &hash).unwrap();

        let skipped = at.accept(Position(3), &body, &hash);
        assert_eq!(
            skipped,
            Err(ChainBroken::Gap {
                expected: Position(2),
                found: Position(3)
            })
        );
        let forged = at.accept(Position(2), &Hash::of(b"forged"), &hash);
        assert_eq!(
            forged,
            Err(ChainBroken::Differs {
                position: Position(2)
            })
        );
        assert_eq!(
            at,
            Checkpoint {
                position: Position(1),
                hash
            }
        );
    }

    #[test]
    fn two_logs_never_share_a_chain() {
        assert_ne!(
            Hash::genesis(&log()),
            Hash::genesis(&"370200.referral".parse().unwrap())
        );
    }
}
