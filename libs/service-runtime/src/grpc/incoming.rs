//! Connections as they come in: one that does not begin to speak HTTP soon is closed.
//!
//! HTTP/2 keep-alive closes silent connections only after their preface; a client that sends
//! nothing, or less, would otherwise keep its socket for ever. (Whoever speaks HTTP/1 has 30 s for
//! the headers of its request.)

use std::io;
use std::time::Duration;

use futures::Stream;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;

/// What every HTTP/2 client says first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long a client may take to begin.
const GREETING_WITHIN: Duration = Duration::from_secs(5);
/// How many connections may be in their greeting at once.
const MOST_GREETING: usize = 256;
/// How long after the stop what is still connected is cut off; the calls have ended by themselves then.
const CUT_AFTER: Duration = Duration::from_secs(4);

/// Accepts until stopped; yields the connections that have begun to speak.
pub(super) fn incoming(
    listener: TcpListener,
    stop: CancellationToken,
) -> (
    impl Stream<Item = io::Result<Connection>>,
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
                            greeting.spawn(greet(connection, stop.clone()));
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

/// The connection, once it has begun to speak.
async fn greet(mut stream: TcpStream, stop: CancellationToken) -> Option<Connection> {
    stream.set_nodelay(true).ok()?;
    let greeting = greeting(&mut stream);
    let begun = tokio::time::timeout(GREETING_WITHIN, greeting)
        .await
        .ok()??;
    let cut = async move {
        stop.cancelled_owned().await;
        tokio::time::sleep(CUT_AFTER).await;
    };
    Some(Connection::new(stream, begun, cut))
}

/// All of HTTP/2's preface, or the first bytes of something else; `None` if the client has gone.
async fn greeting(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut begun = Vec::with_capacity(PREFACE.len());
    while begun.len() < PREFACE.len() && PREFACE.starts_with(&begun) {
        let mut rest = stream.take((PREFACE.len() - begun.len()) as u64);
        if rest.read_buf(&mut begun).await.ok()? == 0 {
            return None;
        }
    }
    Some(begun)
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_does_not_finish_its_preface_is_closed_and_holds_up_no_other() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (connections, accepting) = incoming(listener, stop.clone());
        let accepting = tokio::spawn(accepting);
        let mut silent = Vec::new();
        for begun in [&b""[..], b"P", &PREFACE[..12], &PREFACE[..23]] {
            let mut connection = TcpStream::connect(address).await.unwrap();
            connection.write_all(begun).await.unwrap();
            silent.push(connection);
        }
        let mut connections = std::pin::pin!(connections);
        for speaks in [PREFACE, b"GET /metrics HTTP/1.1\r\n"] {
            let mut speaking = TcpStream::connect(address).await.unwrap();
            speaking.write_all(speaks).await.unwrap();
            let mut connection = connections.next().await.unwrap().unwrap();
            let mut heard = vec![0; speaks.len()];
            connection.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, speaks, "nothing of the greeting is lost");
        }
        for mut connection in silent {
            let mut byte = [0; 1];
            let closed = connection.read(&mut byte);
            let closed = tokio::time::timeout(GREETING_WITHIN * 2, closed).await;
            // Closed with bytes unread, the client sees a reset.
            assert_eq!(closed.unwrap().unwrap_or(0), 0);
        }
        stop.cancel();
        accepting.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_still_connected_some_time_after_the_stop_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(PREFACE).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = greet(stream, stop.clone()).await.unwrap();
        connection.read_exact(&mut [0; 24]).await.unwrap();
        stop.cancel();
        let cut = connection.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::ConnectionAborted);
        assert!(connection.write(b"x").await.is_err());
    }
}
