//! Connections as they come in: one that does not speak HTTP/2 soon is closed.
//!
//! HTTP/2 keep-alive closes silent connections only after their preface; a client that sends
//! nothing, or less, would otherwise keep its socket for ever.

use std::io;
use std::time::Duration;

use futures::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

/// How long a client may take to begin.
const GREETING_WITHIN: Duration = Duration::from_secs(5);
/// How many connections may be in their greeting at once.
const MOST_GREETING: usize = 256;

/// Accepts until stopped; yields the connections that have begun to speak.
pub(super) fn incoming(
    listener: TcpListener,
    stop: CancellationToken,
) -> (
    impl Stream<Item = io::Result<TcpStream>>,
    impl Future<Output = io::Result<()>>,
) {
    let (begun, connections) = mpsc::channel(64);
    let accepting = async move {
        let mut greeting = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                accepted = listener.accept(), if greeting.len() < MOST_GREETING => {
                    match accepted {
                        Ok((connection, _)) => {
                            greeting.spawn(greet(connection));
                        }
                        // Out of file descriptors, or the client left already: not ours to die of.
                        Err(error) => {
                            tracing::warn!(%error, "a connection could not be accepted");
                            tokio::time::sleep(Duration::from_millis(50)).await;
                        }
                    }
                }
                Some(greeted) = greeting.join_next() => {
                    if let Ok(Some(connection)) = greeted && begun.send(Ok(connection)).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    };
    (ReceiverStream::new(connections), accepting)
}

/// The connection, once its first byte is there.
async fn greet(connection: TcpStream) -> Option<TcpStream> {
    let mut first = [0; 1];
    match tokio::time::timeout(GREETING_WITHIN, connection.peek(&mut first)).await {
        Ok(Ok(1..)) => {
            connection.set_nodelay(true).ok()?;
            Some(connection)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_silent_connection_is_closed_and_does_not_hold_up_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (connections, accepting) = incoming(listener, stop.clone());
        let accepting = tokio::spawn(accepting);

        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut speaking = TcpStream::connect(address).await.unwrap();
        speaking.write_all(b"PRI").await.unwrap();
        let mut connections = std::pin::pin!(connections);
        assert!(connections.next().await.unwrap().is_ok());

        let closed = tokio::time::timeout(GREETING_WITHIN * 3, silent.read(&mut [0; 1])).await;
        assert_eq!(closed.unwrap().unwrap(), 0);
        stop.cancel();
        accepting.await.unwrap().unwrap();
    }
}
