//! The connection to NATS: settings, and what is checked before anything relies on the server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream::context::AccountErrorKind;
use async_nats::jetstream::{self, ErrorCode};
use async_nats::{Client, ConnectOptions, Event};
use eventsourcing::{LogId, Region};
use serde::Deserialize;

use crate::naming::stream_name;

/// Below this version known faults lose acknowledged messages.
const OLDEST_SERVER: (u64, u64, u64) = (2, 14, 3);
/// What servers answer where JetStream is switched off, for all or for this account.
const NOT_ENABLED: [ErrorCode; 2] = [
    ErrorCode::JETSTREAM_NOT_ENABLED,
    ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT,
];
/// How long one request to the server may take; a leader election takes several of them.
const REQUEST_WITHIN: Duration = Duration::from_secs(3);
/// Between two tries to connect again, at most.
const RECONNECT_AT_MOST: Duration = Duration::from_secs(4);

/// How to reach NATS, and what is expected there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatsSettings {
    /// One or more servers of the region's cluster, e.g. `nats://127.0.0.1:4222`.
    pub servers: Vec<String>,
    /// How this process proves who it is; nothing on a server that asks for nothing.
    #[serde(default)]
    pub credentials: Option<Credentials>,
    /// PEM file of the authorities whose certificates are accepted; TLS is required when it is set.
    #[serde(default)]
    pub tls_ca: Option<PathBuf>,
    /// How many servers keep each stream: 1, 3 or 5.
    #[serde(default = "one")]
    pub replicas: usize,
    /// The operator's word that the servers sync each message before they acknowledge it
    /// (`sync_interval: always`): then a single copy counts as replicated.
    #[serde(default)]
    pub sync_always: bool,
    /// The JetStream domains of regions that are reached through leaf nodes, by region code.
    #[serde(default)]
    pub domains: BTreeMap<Region, String>,
}

fn one() -> usize {
    1
}

/// How a process proves who it is.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Credentials {
    /// Name and password of a user of the region's account.
    User { name: String, password: String },
    /// A credentials file (JWT and seed) made by the operator.
    File(PathBuf),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::User { name, .. } => write!(f, "User({name})"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

/// NATS cannot be used, or does not do what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NatsError {
    #[error("NATS is away: {0}")]
    Away(String),
    #[error("{0}")]
    Unfit(String),
}

/// A connection to the region's NATS, checked.
#[derive(Clone)]
pub struct Nats {
    pub(crate) client: Client,
    pub(crate) settings: NatsSettings,
}

impl Nats {
    /// Connects, and checks that the server is recent enough and keeps streams for us.
    ///
    /// # Errors
    /// [`NatsError::Away`] if no server answers; [`NatsError::Unfit`] says what to change.
    pub async fn connect(settings: NatsSettings, name: &str) -> Result<Self, NatsError> {
        let options = options(&settings, name).await?;
        let nats = Self::with(options, settings).await?;
        nats.check().await?;
        Ok(nats)
    }

    /// As [`Self::connect`], but if no server answers, connects as soon as one does: a node starts
    /// without NATS. What cannot be checked now is checked before the first event is published.
    ///
    /// # Errors
    /// [`NatsError::Unfit`].
    pub async fn open(settings: NatsSettings, name: &str) -> Result<Self, NatsError> {
        let options = options(&settings, name).await?.retry_on_initial_connect();
        let nats = Self::with(options, settings).await?;
        match nats.check().await {
            Err(NatsError::Away(why)) => {
                tracing::warn!(why, "starting without NATS");
                Ok(nats)
            }
            checked => checked.map(|()| nats),
        }
    }

    async fn with(options: ConnectOptions, settings: NatsSettings) -> Result<Self, NatsError> {
        let connected = options.connect(settings.servers.clone()).await;
        let client = connected.map_err(|error| {
            NatsError::Away(format!("{error} ({})", settings.servers.join(", ")))
        })?;
        Ok(Self { client, settings })
    }

    pub(crate) async fn check(&self) -> Result<(), NatsError> {
        if !matches!(self.settings.replicas, 1 | 3 | 5) {
            return Err(NatsError::Unfit(format!(
                "{} replicas cannot be kept: set 1, 3 or 5",
                self.settings.replicas
            )));
        }
        if let Err(error) = self.jetstream().query_account().await {
            let why =
                format!("JetStream does not answer (is it enabled for this account?): {error}");
            let unfit = matches!(
                error.kind(),
                AccountErrorKind::JetStream(error)
                    if NOT_ENABLED.contains(&error.error_code())
            );
            return Err(if unfit {
                NatsError::Unfit(why)
            } else {
                NatsError::Away(why)
            });
        }
        let version = self.client.server_info().version;
        if parsed(&version).is_none_or(|found| found < OLDEST_SERVER) {
            let (major, minor, patch) = OLDEST_SERVER;
            return Err(NatsError::Unfit(format!(
                "nats-server {version} is too old: install {major}.{minor}.{patch} or later"
            )));
        }
        Ok(())
    }

    /// JetStream of our own region's servers.
    pub(crate) fn jetstream(&self) -> jetstream::Context {
        jetstream::new(self.client.clone())
    }

    /// JetStream where a log's stream is kept.
    pub(crate) fn jetstream_of(&self, log: &LogId) -> jetstream::Context {
        match self.settings.domains.get(&log.region) {
            Some(domain) => jetstream::with_domain(self.client.clone(), domain),
            None => self.jetstream(),
        }
    }

    /// The stream of a log; `None` if there is none.
    pub(crate) async fn find(
        &self,
        log: &LogId,
    ) -> Result<Option<jetstream::stream::Stream>, NatsError> {
        use jetstream::context::GetStreamErrorKind;
        match self.jetstream_of(log).get_stream(stream_name(log)).await {
            Ok(stream) => Ok(Some(stream)),
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(why)
                    if why.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    Ok(None)
                }
                _ => Err(away(error)),
            },
        }
    }
}

pub(crate) fn away(error: impl std::fmt::Display) -> NatsError {
    NatsError::Away(error.to_string())
}

async fn options(settings: &NatsSettings, name: &str) -> Result<ConnectOptions, NatsError> {
    let mut options = ConnectOptions::new()
        .name(name)
        .request_timeout(Some(REQUEST_WITHIN))
        .reconnect_delay_callback(|attempts| {
            let millis = 50_u64 << attempts.min(6);
            // Not all at once: half of the delay is this connection's own.
            let own = u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * millis / 512;
            Duration::from_millis(millis / 2 + own).min(RECONNECT_AT_MOST)
        })
        .event_callback(|event| async move {
            match event {
                Event::Connected => tracing::info!("NATS connected"),
                event => tracing::warn!(%event, "NATS"),
            }
        });
    if let Some(ca) = &settings.tls_ca {
        options = options.require_tls(true).add_root_certificates(ca.clone());
    }
    match &settings.credentials {
        None => Ok(options),
        Some(Credentials::User { name, password }) => Ok(options
            // Where answers come: a user may be kept from hearing those of others.
            .custom_inbox_prefix(format!("_INBOX.{name}"))
            .user_and_password(name.clone(), password.clone())),
        Some(Credentials::File(path)) => {
            let unreadable =
                |error: std::io::Error| NatsError::Unfit(format!("{}: {error}", path.display()));
            options.credentials_file(path).await.map_err(unreadable)
        }
    }
}

/// `2.15.1` or `2.15.1-rc.1` as numbers.
fn parsed(version: &str) -> Option<(u64, u64, u64)> {
    let mut numbers = version.split(['.', '-']).map(str::parse);
    match (numbers.next()?, numbers.next()?, numbers.next()?) {
        (Ok(major), Ok(minor), Ok(patch)) => Some((major, minor, patch)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parsed("2.15.1"), Some((2, 15, 1)));
        assert_eq!(parsed("2.9.10-beta.1"), Some((2, 9, 10)));
        assert!(parsed("2.9.10").unwrap() < OLDEST_SERVER);
        assert_eq!(parsed("latest"), None);
    }
}
