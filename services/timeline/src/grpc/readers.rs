//! Who may have whole logs read: only so many at once, for it takes long.

use std::sync::Arc;

use service_runtime::grpc::failure;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::{Code, Status};

/// Enough for an audit of each of two cases; the next callers come again.
const AT_ONCE: usize = 2;

#[derive(Clone)]
pub(crate) struct Readers(Arc<Semaphore>);

impl Default for Readers {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Readers {
    /// A place among the readers, for as long as it is kept.
    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, Status> {
        self.0.clone().try_acquire_owned().map_err(|_| {
            failure(
                Code::ResourceExhausted,
                "TOO_MANY_READERS",
                "whole logs are being read for others: try again later",
                "正在为其他人读取完整日志，请稍后重试",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reader_too_many_is_told_to_come_again_and_may_when_one_has_left() {
        let readers = Readers::default();
        let mut reading: Vec<_> = (0..AT_ONCE).map(|_| readers.enter().unwrap()).collect();
        let refused = readers.enter().unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        reading.pop();
        assert!(readers.enter().is_ok());
    }
}
