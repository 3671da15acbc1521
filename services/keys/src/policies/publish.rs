//! A region publishes its public key as soon as its directory begins to speak of it, and again
//! whenever an erasure has renewed it.

use std::sync::Arc;

use domain::keys::{PublishedKey, PublishedKeyCommand, PublishedKeyEvent};
use eventsourcing::{Aggregate, LogId, Policy, PolicyError, Recorded, Region, Rows, Step, decode};
use vault::KeyStore;

/// The key published last.
const PUBLISHED: &str = "keys-published";

pub(crate) struct PublishKey {
    pub(crate) region: Region,
    /// The region's own directory, and its own keys: there an erasure is completed.
    pub(crate) logs: Vec<LogId>,
    pub(crate) store: Arc<KeyStore>,
}

impl Policy for PublishKey {
    fn name(&self) -> &'static str {
        "publish-region-key"
    }

    fn logs(&self) -> Vec<LogId> {
        self.logs.clone()
    }

    fn react(&self, event: &Recorded, rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        if event.envelope.subject.kind == PublishedKey::KIND {
            let PublishedKeyEvent::RegionKeyPublished { public_key, .. } =
                decode::<PublishedKey>(&event.envelope)?;
            rows.put(PUBLISHED, b"", &public_key)?;
        }
        let public_key = self.store.public_key().to_string();
        if rows.get(PUBLISHED, b"")?.as_ref() == Some(&public_key) {
            return Ok(Vec::new());
        }
        rows.put(PUBLISHED, b"", &public_key)?;
        let region = self.region;
        let publish = PublishedKeyCommand::Publish { region, public_key };
        Ok(vec![Step::of::<PublishedKey>(
            PublishedKey::id(region),
            publish,
        )])
    }
}
