//! How rows, checkpoints and the tally stand in one ordered tree, each with a checksum.
//!
//! One tree, because sled changes several rows of one tree together without a transaction's
//! retries, and because one scan then checks everything there is.

use eventsourcing::{LogId, StoreError};

/// Where the tally stands.
pub(crate) const TALLY_KEY: &[u8] = b"t";

/// What every checkpoint's place begins with.
pub(crate) const CHECKPOINTS: &[u8] = b"c";

const CHECKSUM_BYTES: usize = 4;

/// Where a row stands: its table, NUL, its key.
pub(crate) fn row_key(table: &str, key: &[u8]) -> Result<Vec<u8>, StoreError> {
    if table.contains('\0') {
        return Err(StoreError(format!(
            "the name of the table {table:?} contains NUL"
        )));
    }
    Ok([b"r", table.as_bytes(), b"\0", key].concat())
}

/// Where a checkpoint stands: its projection, NUL, its log.
pub(crate) fn checkpoint_key(projection: &str, log: &LogId) -> Vec<u8> {
    [
        CHECKPOINTS,
        projection.as_bytes(),
        b"\0",
        log.to_string().as_bytes(),
    ]
    .concat()
}

/// Whether a checkpoint's place is one of this log.
pub(crate) fn is_checkpoint_of(key: &[u8], log: &LogId) -> bool {
    let of = key.rsplit(|byte| *byte == 0).next();
    of == Some(log.to_string().as_bytes())
}

/// The checksum of a row, over its place and its value, then the value.
pub(crate) fn sealed(key: &[u8], value: &[u8]) -> Vec<u8> {
    [&checksum(key, value).to_le_bytes(), value].concat()
}

/// The checksum and the value of what is stored under `key`.
///
/// # Errors
/// If it is not what was written there.
pub(crate) fn opened<'stored>(
    key: &[u8],
    stored: &'stored [u8],
) -> Result<(u32, &'stored [u8]), StoreError> {
    let damaged = || StoreError("a row differs from its checksum".to_owned());
    let (expected, value) = stored
        .split_first_chunk::<CHECKSUM_BYTES>()
        .ok_or_else(damaged)?;
    let expected = u32::from_le_bytes(*expected);
    if checksum(key, value) != expected {
        return Err(damaged());
    }
    Ok((expected, value))
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(key), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_of_a_row_or_its_key_is_noticed() {
        let (key, value) = (b"rcases\0a".to_vec(), b"some case".to_vec());
        let stored = sealed(&key, &value);
        assert_eq!(opened(&key, &stored).unwrap().1, value);
        for bit in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(&key, &flipped).is_err(), "bit {bit} of the row");
        }
        for bit in 0..key.len() * 8 {
            let mut flipped = key.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(&flipped, &stored).is_err(), "bit {bit} of the key");
        }
        for length in 0..stored.len() {
            assert!(opened(&key, &stored[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_checkpoint_is_no_row_of_any_table() {
        let log: LogId = "310000.referral".parse().unwrap();
        let checkpoint = checkpoint_key("ases", &log);
        assert_ne!(
            row_key("cases", log.to_string().as_bytes()).unwrap(),
            checkpoint
        );
        assert!(row_key("no\0table", b"").is_err());
    }
}
