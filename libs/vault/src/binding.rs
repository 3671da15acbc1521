//! What a ciphertext is bound to: parts with their lengths, so that no two lists give the same bytes.

/// `label` names the use and its version; the parts follow, each with its length before it.
pub(crate) fn binding(label: &str, parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in std::iter::once(&label).chain(parts) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_letter_from_one_part_to_the_next_changes_the_binding() {
        assert_ne!(binding("v1", &["ab", "c"]), binding("v1", &["a", "bc"]));
        assert_ne!(binding("v1", &["a", ""]), binding("v1", &["a"]));
    }
}
