//! Pages of a list that is sorted by id: the token is the last id of the page before.

use eventsourcing::ScopedId;
use service_runtime::grpc::optional;
use tonic::Status;

const DEFAULT_SIZE: u32 = 100;
const LARGEST_SIZE: u32 = 500;

pub(super) struct Page {
    size: usize,
    after: Option<ScopedId>,
}

impl Page {
    pub(super) fn try_new(size: u32, token: &str) -> Result<Self, Status> {
        let size = if size == 0 { DEFAULT_SIZE } else { size };
        Ok(Self {
            size: size.min(LARGEST_SIZE) as usize,
            after: optional("page_token", token)?,
        })
    }

    /// This page of `sorted`, and the token of the next; empty if there is none.
    pub(super) fn of<T>(
        &self,
        mut sorted: Vec<T>,
        id: impl Fn(&T) -> ScopedId,
    ) -> (Vec<T>, String) {
        sorted.retain(|item| self.after.is_none_or(|after| id(item) > after));
        let more = sorted.len() > self.size;
        sorted.truncate(self.size);
        let next = sorted
            .last()
            .filter(|_| more)
            .map(|last| id(last).to_string());
        (sorted, next.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use eventsourcing::Region;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn pages_follow_each_other_without_a_gap_or_a_repeat() {
        let ids: Vec<_> = (0..7)
            .map(|number| ScopedId::new(Region::CENTRAL, Uuid::from_u128(number)))
            .collect();
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let page = Page::try_new(3, &token).unwrap();
            let (found, next) = page.of(ids.clone(), |id| *id);
            assert!(found.len() <= 3);
            seen.extend(found);
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(seen, ids);
    }

    #[test]
    fn a_last_page_that_is_full_has_no_next() {
        let ids = vec![ScopedId::new(Region::CENTRAL, Uuid::nil())];
        let (_, next) = Page::try_new(1, "").unwrap().of(ids, |id| *id);
        assert_eq!(next, "");
    }

    #[test]
    fn a_token_that_is_none_is_refused() {
        assert!(Page::try_new(1, "nonsense").is_err());
    }
}
