//! What may not be found anywhere, and how it is looked for: plain, escaped, in hex, in base64.

/// Stands in every text about a person that these tests send.
pub(crate) const MARK: &str = "QXJ7K2PERSON";

/// The same in the ways in which bytes get written: hex, and base64 at each of its three alignments.
const WRITTEN: [&str; 5] = [
    "51584a374b32504552534f4e",
    "51584A374B32504552534F4E",
    "UVhKN0syUEVSU09O",
    "YSjdLMlBFUlNPT",
    "RWEo3SzJQRVJTT0",
];

/// A text about a person, for a field.
pub(crate) fn text_for(field: &str) -> String {
    format!("某人的事 {MARK} {field}")
}

/// Where the mark stands in some bytes, with what stands around it.
pub(crate) fn find(bytes: &[u8]) -> Option<String> {
    let forms = std::iter::once(MARK).chain(WRITTEN);
    forms.into_iter().find_map(|form| around(bytes, form))
}

/// Where a text stands, with what stands around it.
pub(crate) fn around(bytes: &[u8], text: &str) -> Option<String> {
    let at = bytes
        .windows(text.len())
        .position(|window| window == text.as_bytes())?;
    let near = &bytes[at.saturating_sub(150)..(at + 150).min(bytes.len())];
    Some(String::from_utf8_lossy(near).into_owned())
}

#[test]
fn a_mark_is_found_however_it_was_written() {
    assert!(find(b"nothing of the kind").is_none());
    assert!(find(text_for("narrative").as_bytes()).is_some());
    // JSON escapes what is not ASCII; the mark is.
    assert!(find(format!("\"\\u67d0\\u4eba {MARK}\"").as_bytes()).is_some());
    let hex = MARK
        .bytes()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert!(find(hex.as_bytes()).is_some() && find(hex.to_uppercase().as_bytes()).is_some());
    for before in ["", "a", "ab", "abc"] {
        let written = base64(format!("{before}{MARK} and more").as_bytes());
        assert!(find(written.as_bytes()).is_some(), "{written}");
    }
}

#[cfg(test)]
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut written = String::new();
    for three in bytes.chunks(3) {
        let number = three
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let number = number << (8 * (3 - three.len()));
        for place in (0..=three.len()).map(|place| 18 - 6 * place) {
            written.push(char::from(LETTERS[(number >> place) as usize & 63]));
        }
    }
    written
}
