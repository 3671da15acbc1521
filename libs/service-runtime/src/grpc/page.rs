//! Pages of a list: how many rows, and after which one. Every list of every service reads them so.

use std::fmt::Display;
use std::str::FromStr;

use tonic::Status;

use super::fields::page_size;
use super::status::violation;

/// A page of a list whose rows have a key, and are sorted by it. The token of the next page is the
/// last key of this one; opaque to callers (hexadecimal), so that nobody builds on its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    size: usize,
    after: Option<K>,
}

impl<K: FromStr + Display + Ord> Page<K> {
    /// # Errors
    /// INVALID_ARGUMENT naming `page_size` or `page_token`.
    pub fn try_new(size: i32, token: &str) -> Result<Self, Status> {
        let after = (!token.is_empty()).then(|| read(token)).transpose()?;
        let size = page_size(size)?;
        Ok(Self { size, after })
    }

    /// This page of the rows, which are sorted by `key`; and the token of the next, empty if there is
    /// none.
    pub fn of<T>(
        &self,
        sorted: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> K,
    ) -> (Vec<T>, String) {
        let after = |row: &T| self.after.as_ref().is_none_or(|after| key(row) > *after);
        let mut rows = sorted.into_iter().filter(after);
        let page: Vec<T> = rows.by_ref().take(self.size).collect();
        let more = rows.next().is_some();
        let last = page.last().filter(|_| more);
        let next = last.map(|row| hex::encode(key(row).to_string()));
        (page, next.unwrap_or_default())
    }
}

fn read<K: FromStr>(token: &str) -> Result<K, Status> {
    let plain = hex::decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let key = plain.and_then(|plain| plain.parse().ok());
    key.ok_or_else(|| {
        violation(
            "page_token",
            "not a token that a list has answered",
            "不是列表返回的分页标记",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_a_gap_or_a_repeat() {
        let keys: Vec<u32> = (0..7).collect();
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = Page::try_new(3, &token).unwrap();
            let (found, next) = page.of(keys.clone(), |key| *key);
            assert!(found.len() <= 3);
            seen.extend(found);
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(seen, keys);
    }

    #[test]
    fn a_last_page_that_is_full_has_no_next() {
        let (_, next) = Page::try_new(1, "").unwrap().of([7_u32], |key| *key);
        assert_eq!(next, "");
    }

    #[test]
    fn a_token_that_is_none_and_a_size_beyond_the_limit_are_refused() {
        for token in ["nonsense", "ff", "6e6f"] {
            assert!(Page::<u32>::try_new(1, token).is_err(), "{token}");
        }
        assert!(Page::<u32>::try_new(201, "").is_err());
    }
}
