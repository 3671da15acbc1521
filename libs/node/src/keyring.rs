//! Lends keys to the other processes of a region, on a socket that only their common user can reach.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use eventsourcing::Region;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use proto::keys::v1 as pb;
use proto::keys::v1::keyring_service_server::{KeyringService, KeyringServiceServer};
use service_runtime::Tasks;
use service_runtime::grpc::{failure, violation};
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};
use vault::{DataKeys, KeyStore, LocalKeys};
use zeroize::Zeroizing;

use crate::region::NodeError;

/// Keys in one answer.
const MOST: usize = 1024;
/// How long after the stop a process that does not read is waited for.
const DRAIN: Duration = Duration::from_secs(2);

/// What is lent.
#[derive(Clone)]
pub(crate) struct Keyring {
    store: Arc<KeyStore>,
    keys: Arc<LocalKeys>,
    digest_key: Zeroizing<[u8; 32]>,
}

impl Keyring {
    pub(crate) fn new(
        store: Arc<KeyStore>,
        keys: Arc<LocalKeys>,
        digest_key: Zeroizing<[u8; 32]>,
    ) -> Self {
        Self {
            store,
            keys,
            digest_key,
        }
    }
}

/// Serves the keyring at a socket until the tasks are told to stop.
///
/// The caller has the region's key store open, so a socket that is there already is nobody's.
pub(crate) fn lend(
    region: Region,
    socket: &Path,
    keyring: Keyring,
    tasks: &Tasks,
) -> Result<(), NodeError> {
    let listener = listen(socket).map_err(|cause| NodeError::Keyring {
        path: socket.to_owned(),
        cause,
    })?;
    let stop = tasks.stop().clone();
    let service = Lending {
        keyring,
        stop: stop.clone(),
    };
    let serving = Server::builder()
        .add_service(KeyringServiceServer::new(service))
        .serve_with_incoming_shutdown(
            UnixListenerStream::new(listener),
            stop.clone().cancelled_owned(),
        );
    tasks.spawn(format!("{region} keyring"), async move {
        tokio::select! {
            served = serving => served,
            () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => Ok(()),
        }
    });
    Ok(())
}

/// The directory keeps others out from the first moment on, the socket by itself too.
fn listen(socket: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = socket.parent() {
        let mut make = DirBuilder::new();
        make.recursive(true).mode(0o700).create(directory)?;
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    }
    match fs::symlink_metadata(socket) {
        Ok(left) if left.file_type().is_socket() => fs::remove_file(socket)?,
        Ok(_) => return Err(io::Error::other("there is a file that is no socket")),
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(socket)?;
    fs::set_permissions(socket, Permissions::from_mode(0o600))?;
    Ok(listener)
}

struct Lending {
    keyring: Keyring,
    stop: tokio_util::sync::CancellationToken,
}

#[tonic::async_trait]
impl KeyringService for Lending {
    async fn lease_keys(
        &self,
        request: Request<pb::LeaseKeysRequest>,
    ) -> Result<Response<pb::LeaseKeysResponse>, Status> {
        let count = usize::try_from(request.into_inner().count).unwrap_or(usize::MAX);
        if !(1..=MOST).contains(&count) {
            return Err(violation("count", "1 to 1024", "应为 1 至 1024"));
        }
        let leased = self.keyring.keys.lease(count).await.map_err(|error| {
            tracing::error!(%error, "no keys can be leased");
            failure(
                Code::Unavailable,
                "KEYS_UNAVAILABLE",
                "the key store cannot be written now: ask again later",
                "密钥库暂时无法写入，请稍后重试",
            )
        })?;
        let keys = leased.iter().map(|leased| pb::LeasedKey {
            key_id: leased.id.to_string(),
            key: leased.key.to_lend().to_vec(),
        });
        Ok(Response::new(pb::LeaseKeysResponse {
            keys: keys.collect(),
        }))
    }

    async fn get_digest_key(
        &self,
        _request: Request<pb::GetDigestKeyRequest>,
    ) -> Result<Response<pb::GetDigestKeyResponse>, Status> {
        Ok(Response::new(pb::GetDigestKeyResponse {
            key: self.keyring.digest_key.to_vec(),
        }))
    }

    type WatchDestroyedKeysStream =
        BoxStream<'static, Result<pb::WatchDestroyedKeysResponse, Status>>;

    async fn watch_destroyed_keys(
        &self,
        _request: Request<pb::WatchDestroyedKeysRequest>,
    ) -> Result<Response<Self::WatchDestroyedKeysStream>, Status> {
        let retired = self.keyring.store.retired();
        let begun = (retired, None);
        let told = stream::unfold(begun, |(mut retired, told)| async move {
            loop {
                let (known, first) = (told.unwrap_or(0), told.is_none());
                let key_ids: Vec<String> = {
                    let retired = retired.borrow_and_update();
                    let next = retired.after(known).iter().take(MOST);
                    next.map(ToString::to_string).collect()
                };
                if first || !key_ids.is_empty() {
                    let known = known + key_ids.len();
                    let message = pb::WatchDestroyedKeysResponse { key_ids };
                    return Some((Ok(message), (retired, Some(known))));
                }
                retired.changed().await.ok()?;
            }
        });
        let until_stopped = told.take_until(self.stop.clone().cancelled_owned());
        Ok(Response::new(until_stopped.boxed()))
    }
}
