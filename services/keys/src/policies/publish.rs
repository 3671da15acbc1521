//! A region publishes its public key as soon as its directory begins to speak of it.

use domain::keys::{PublishedKey, PublishedKeyCommand};
use eventsourcing::{LogId, Policy, PolicyError, Recorded, Region, Rows, Step};
use vault::PublicKey;

/// The key published last.
const PUBLISHED: &str = "keys-published";

pub(crate) struct PublishKey {
    pub(crate) region: Region,
    /// The region's own directory.
    pub(crate) log: LogId,
    pub(crate) public_key: PublicKey,
}

impl Policy for PublishKey {
    fn name(&self) -> &'static str {
        "publish-region-key"
    }

    fn logs(&self) -> Vec<LogId> {
        vec![self.log.clone()]
    }

    fn react(&self, _event: &Recorded, rows: &mut Rows) -> Result<Vec<Step>, PolicyError> {
        let public_key = self.public_key.to_string();
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
