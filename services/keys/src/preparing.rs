//! What the service does before it follows, decides or answers anything: a key store that was restored
//! from a backup forgets again what the log says was destroyed, and a public key that is another since
//! is published, so that nobody grants keys to one that is gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::ids::{CaseId, KeyId};
use domain::keys::{Erasure, ErasureEvent, PublishedKey, PublishedKeyCommand, PublishedKeyEvent};
use eventsourcing::{
    Actor, Aggregate, CommandError, CommandHandler, EventLog, Hash, Position, ReadError,
    RequestContext, UnknownEvent, decode, policy_request_id,
};
use uuid::Uuid;
use vault::{KeyStore, KeyStoreError};

/// Events read at a time.
const PAGE: usize = 1000;
/// The rule as which the key is published, and its version.
const RULE: (&str, &str) = ("publish-region-key", "1");

#[derive(Debug, thiserror::Error)]
pub(crate) enum PreparingError {
    #[error(transparent)]
    Key(#[from] KeyStoreError),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Unknown(#[from] UnknownEvent),
    #[error(transparent)]
    Publish(#[from] CommandError),
    #[error("the destroyed keys could not be destroyed again: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// What the own log says of keys.
#[derive(Default)]
struct Recorded {
    destroyed: BTreeMap<CaseId, Vec<KeyId>>,
    /// The public key published last, and the event that did it.
    published: Option<(String, Uuid)>,
}

pub(crate) async fn prepare(
    commands: CommandHandler,
    store: Arc<KeyStore>,
) -> Result<(), PreparingError> {
    let recorded = read(commands.log().as_ref()).await?;
    let (destroyed, destroying) = (recorded.destroyed, store.clone());
    tokio::task::spawn_blocking(move || {
        destroyed
            .iter()
            .try_for_each(|(case, keys)| destroying.destroy(*case, keys))
    })
    .await??;
    let public_key = store.public_key().to_string();
    match recorded.published {
        Some((published, by)) if published != public_key => {
            publish(&commands, &store, public_key, by).await
        }
        // Before the first one, the policy waits for the region's directory.
        _ => Ok(()),
    }
}

async fn read(log: &dyn EventLog) -> Result<Recorded, PreparingError> {
    let mut recorded = Recorded::default();
    let mut at = Position(0);
    loop {
        let events = log.read_all(at, PAGE).await?;
        let Some(last) = events.last() else {
            return Ok(recorded);
        };
        at = last.position;
        for event in &events {
            match event.envelope.subject.kind.as_str() {
                Erasure::KIND => match decode::<Erasure>(&event.envelope)? {
                    ErasureEvent::Erased { case, keys }
                    | ErasureEvent::CopiesErased { case, keys } => {
                        recorded.destroyed.entry(case).or_default().extend(keys);
                    }
                    ErasureEvent::ErasureProposed { .. } | ErasureEvent::ErasureOrdered { .. } => {}
                },
                PublishedKey::KIND => {
                    let PublishedKeyEvent::RegionKeyPublished { public_key, .. } =
                        decode::<PublishedKey>(&event.envelope)?;
                    recorded.published = Some((public_key, event.envelope.id));
                }
                _ => {}
            }
        }
    }
}

async fn publish(
    commands: &CommandHandler,
    store: &KeyStore,
    public_key: String,
    published_by: Uuid,
) -> Result<(), PreparingError> {
    tracing::warn!(region = %store.region(), "the public key is another than the published one");
    let (rule, version) = RULE;
    let once = format!("{rule}/{public_key}");
    let request = RequestContext {
        id: policy_request_id(&once, published_by),
        digest: Hash::of(once.as_bytes()),
        actor: Actor::system(rule, version),
        on_behalf_of: None,
        etag: None,
        validate_only: false,
        occurred_at: None,
        case: None,
        cause: Some(published_by),
        traceparent: None,
    };
    let region = store.region();
    let publish = PublishedKeyCommand::Publish { region, public_key };
    let id = PublishedKey::id(region);
    commands
        .handle::<PublishedKey>(id, publish, &request)
        .await?;
    Ok(())
}
