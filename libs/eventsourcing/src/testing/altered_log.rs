//! A log that does what another one does, but for what a test alters.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, ready};
use uuid::Uuid;

use crate::envelope::Recorded;
use crate::ids::{LogId, Position, StreamId, Version};
use crate::log::{Append, AppendError, Appended, EventLog, Head, ReadError, Verified};

type Refuse = dyn Fn(&Append) -> Option<AppendError> + Send + Sync;
type Lose = dyn Fn() -> Option<ReadError> + Send + Sync;
type Meanwhile = dyn Fn() + Send + Sync;
type Tell = dyn Fn(Vec<Recorded>) -> Vec<Recorded> + Send + Sync;

/// Passes everything on to a log, except what it was told to refuse or to tell differently.
#[derive(Clone)]
pub struct AlteredLog {
    log: Arc<dyn EventLog>,
    refuse: Arc<Refuse>,
    lose: Arc<Lose>,
    meanwhile: Arc<Meanwhile>,
    tell: Arc<Tell>,
}

impl AlteredLog {
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            refuse: Arc::new(|_| None),
            lose: Arc::new(|| None),
            meanwhile: Arc::new(|| ()),
            tell: Arc::new(|page| page),
        }
    }

    /// Appends for which `refuse` has an error get that, and do not reach the log.
    #[must_use]
    pub fn refusing(
        mut self,
        refuse: impl Fn(&Append) -> Option<AppendError> + Send + Sync + 'static,
    ) -> Self {
        self.refuse = Arc::new(refuse);
        self
    }

    /// While `lose` has an error, requests are looked up in vain.
    #[must_use]
    pub fn losing(mut self, lose: impl Fn() -> Option<ReadError> + Send + Sync + 'static) -> Self {
        self.lose = Arc::new(lose);
        self
    }

    /// `happens` comes before every read of a stream.
    #[must_use]
    pub fn meanwhile(mut self, happens: impl Fn() + Send + Sync + 'static) -> Self {
        self.meanwhile = Arc::new(happens);
        self
    }

    /// `read_all` gives what `tell` makes of each page.
    #[must_use]
    pub fn telling(
        mut self,
        tell: impl Fn(Vec<Recorded>) -> Vec<Recorded> + Send + Sync + 'static,
    ) -> Self {
        self.tell = Arc::new(tell);
        self
    }
}

impl EventLog for AlteredLog {
    fn id(&self) -> &LogId {
        self.log.id()
    }

    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, AppendError>> {
        match (self.refuse)(&append) {
            Some(error) => ready(Err(error)).boxed(),
            None => self.log.append(append),
        }
    }

    fn read(
        &self,
        stream: &StreamId,
        from: Version,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        (self.meanwhile)();
        self.log.read(stream, from)
    }

    fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        let page = self.log.read_all(after, limit);
        async move { page.await.map(|page| (self.tell)(page)) }.boxed()
    }

    fn find_request(&self, request: Uuid) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        match (self.lose)() {
            Some(error) => ready(Err(error)).boxed(),
            None => self.log.find_request(request),
        }
    }

    fn import(&self, events: Vec<Recorded>) -> BoxFuture<'_, Result<Head, AppendError>> {
        self.log.import(events)
    }

    fn head(&self) -> Head {
        self.log.head()
    }

    fn wait_past(&self, after: Position) -> BoxFuture<'_, ()> {
        self.log.wait_past(after)
    }

    fn verify(&self) -> BoxFuture<'_, Result<Verified, ReadError>> {
        self.log.verify()
    }
}
