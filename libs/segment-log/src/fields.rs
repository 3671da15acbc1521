//! Numbers and hashes at fixed places in a file, big-endian, so that bytes sort as numbers do.

pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N]
        .try_into()
        .expect("a slice of N bytes is an array of N bytes")
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}

pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

/// A place in a file as an index into its bytes in memory.
pub(crate) fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("a segment in memory is smaller than the address space")
}

/// A length or index in memory as a place in a file.
pub(crate) fn offset(index: usize) -> u64 {
    u64::try_from(index).expect("usize is at most 64 bits")
}

/// A count or length for a 32-bit field; limits on segments and appends keep it far below.
pub(crate) fn short(length: usize) -> u32 {
    u32::try_from(length).expect("segments are smaller than 4 GiB")
}

/// Where the first byte stands that is not zero.
pub(crate) fn first_written(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte != 0)
}
