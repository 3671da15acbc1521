//! Finds the one flipped bit that explains a wrong CRC, so that damage can be named to the byte.
//!
//! CRC-32C is linear: a single flipped bit changes the checksum by a value that depends only on how
//! far the bit stands from the end. All those values differ (the polynomial's order is 2^31 - 1).

/// The polynomial of CRC-32C, bit-reversed (RFC 3720, appendix B.4).
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Where the difference lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flip {
    /// In the byte with this index; the mask undoes it.
    Byte(usize, u8),
    /// In this byte of the stored checksum itself (big-endian).
    Checksum(usize),
}

/// The single flipped bit that turns `stored` into the actual checksum of `bytes`, if one does.
pub(crate) fn find(bytes: &[u8], stored: u32) -> Option<Flip> {
    let difference = crc32c::crc32c(bytes) ^ stored;
    if difference.count_ones() <= 1 {
        let at = difference.leading_zeros() / 8;
        return (difference != 0).then_some(Flip::Checksum(crate::fields::index(at.into())));
    }
    let mut state = 1_u32;
    for (index, _) in bytes.iter().enumerate().rev() {
        for bit in (0..8).rev() {
            state = if state & 1 == 1 {
                (state >> 1) ^ POLYNOMIAL
            } else {
                state >> 1
            };
            if state == difference {
                return Some(Flip::Byte(index, 1 << bit));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_flipped_bit_is_found_where_it_is() {
        let sound: Vec<u8> = (0..=255).collect();
        let stored = crc32c::crc32c(&sound);
        for index in 0..sound.len() {
            for bit in 0..8 {
                let mut flipped = sound.clone();
                flipped[index] ^= 1 << bit;
                assert_eq!(find(&flipped, stored), Some(Flip::Byte(index, 1 << bit)));
            }
        }
        for bit in 0..32 {
            let byte = 3 - bit / 8;
            assert_eq!(
                find(&sound, stored ^ (1 << bit)),
                Some(Flip::Checksum(byte))
            );
        }
    }

    #[test]
    fn sound_bytes_and_bytes_with_much_damage_name_no_bit() {
        assert_eq!(find(b"sound", crc32c::crc32c(b"sound")), None);
        assert_eq!(find(b"torn!", crc32c::crc32c(b"sound")), None);
    }
}
