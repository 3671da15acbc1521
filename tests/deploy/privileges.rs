//! Who may do what: real clients with the names and passwords of deploy/nats, on the server of
//! single.conf. What is refused is told by the server, so that no test waits for a time-out.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::Config;
use async_nats::jetstream::{self, consumer::pull};
use async_nats::{Client, ConnectOptions};
use futures::StreamExt;
use liandong::services::HOSTINGS;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::servers::{Server, passwords};

const WITHIN: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A connection of a user, and what the server refused it.
struct User {
    client: Client,
    refused: UnboundedReceiver<String>,
}

impl User {
    /// Connects as soon as the server listens.
    async fn connect(server: &Server, name: &str) -> Self {
        let variable = name.replace('-', "_").to_uppercase();
        let password = passwords()[&format!("LIANDONG_NATS_{variable}")].clone();
        let deadline = Instant::now() + WITHIN;
        loop {
            let (tell, refused) = unbounded_channel();
            let options = ConnectOptions::with_user_and_password(name.to_owned(), password.clone())
                .custom_inbox_prefix(format!("_INBOX.{name}"))
                .event_callback(move |event| {
                    // Nobody listens any more once the test has ended.
                    let _ = tell.send(event.to_string());
                    async {}
                });
            match options.connect(&server.url).await {
                Ok(client) => return Self { client, refused },
                Err(error) => assert!(Instant::now() < deadline, "{name}: {error}"),
            }
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }

    fn jetstream(&self) -> jetstream::Context {
        jetstream::new(self.client.clone())
    }

    /// Publishes, and waits until the server says that this user may not.
    async fn is_refused(&mut self, subject: &str) {
        let sent = self.client.publish(subject.to_owned(), "{}".into()).await;
        sent.expect("it is sent");
        self.refusal_of(subject).await;
    }

    /// Subscribes, and waits until the server says that this user may not.
    async fn hears_nothing_of(&mut self, subject: &str) {
        let _subscription = self.client.subscribe(subject.to_owned()).await;
        self.refusal_of(subject).await;
    }

    async fn refusal_of(&mut self, subject: &str) {
        let quoted = format!("\"{subject}\"").to_lowercase();
        let told = async {
            while let Some(event) = self.refused.recv().await {
                let event = event.to_lowercase();
                if event.contains("permissions violation") && event.contains(&quoted) {
                    return;
                }
            }
        };
        let told = tokio::time::timeout(WITHIN, told).await;
        assert!(told.is_ok(), "nobody refused {subject}");
    }

    /// Makes the stream of a log, as its publisher would.
    async fn makes_stream(&self, service: &str) {
        let jetstream = self.jetstream();
        let made = jetstream.create_stream(Config {
            name: format!("LOG_310000_{service}"),
            subjects: vec![format!("liandong.log.310000.{service}.term.>")],
            deny_delete: true,
            deny_purge: true,
            ..Config::default()
        });
        made.await
            .unwrap_or_else(|error| panic!("{service}: {error}"));
    }

    /// Publishes an event and gives the position that it got.
    async fn publishes(&self, service: &str) -> u64 {
        let subject = format!("liandong.log.310000.{service}.term.Noted");
        let stored = self.jetstream().publish(subject, "{}".into()).await;
        let stored = stored.expect("it is sent").await;
        stored
            .unwrap_or_else(|error| panic!("{service}: {error}"))
            .sequence
    }

    /// How many events a log's stream holds.
    async fn events_of(&self, service: &str) -> u64 {
        let stream = format!("LOG_310000_{service}");
        let stream = self.jetstream().get_stream(stream).await;
        stream.expect("it is there").cached_info().state.messages
    }
}

#[tokio::test]
async fn a_service_publishes_its_own_log_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::single(dir.path());
    for hosting in HOSTINGS {
        let name = hosting.name;
        let mut user = User::connect(&server, &format!("310000-{name}")).await;
        if hosting.writes {
            user.makes_stream(name).await;
            assert_eq!(user.publishes(name).await, 1, "{name}");
            assert_eq!(user.events_of(name).await, 1, "{name}");
        }
        for other in HOSTINGS.iter().filter(|other| other.name != name) {
            let other = other.name;
            user.is_refused(&format!("liandong.log.310000.{other}.term.Noted"))
                .await;
        }
        user.is_refused(&format!("liandong.log.370200.{name}.term.Noted"))
            .await;
    }
}

#[tokio::test]
async fn only_the_operator_deletes_streams_and_nobody_changes_those_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::single(dir.path());
    let referral = User::connect(&server, "310000-referral").await;
    referral.makes_stream("referral").await;
    let mut intake = User::connect(&server, "310000-intake").await;
    intake.makes_stream("intake").await;
    for call in [
        "STREAM.DELETE.LOG_310000_intake",
        "STREAM.PURGE.LOG_310000_intake",
        "STREAM.MSG.DELETE.LOG_310000_intake",
        "STREAM.SNAPSHOT.LOG_310000_intake",
        "STREAM.RESTORE.LOG_310000_intake",
        "STREAM.CREATE.LOG_310000_referral",
        "STREAM.UPDATE.LOG_310000_referral",
        "STREAM.DELETE.LOG_310000_referral",
        "CONSUMER.DELETE.LOG_310000_referral.somebody",
        "CONSUMER.DURABLE.CREATE.LOG_310000_referral.somebody",
        "CONSUMER.LIST.LOG_310000_referral",
        "STREAM.LIST",
    ] {
        intake.is_refused(&format!("$JS.API.{call}")).await;
        intake.is_refused(&format!("$JS.310000.API.{call}")).await;
        let foreign = call.replace("310000", "370200");
        intake
            .is_refused(&format!("$JS.370200.API.{foreign}"))
            .await;
    }
    let operator = User::connect(&server, "310000-operator").await;
    assert_eq!(operator.events_of("intake").await, 0);
    let deleted = operator
        .jetstream()
        .delete_stream("LOG_310000_intake")
        .await;
    assert!(deleted.unwrap().success);
}

#[tokio::test]
async fn a_service_neither_hears_nor_forges_what_is_said_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::single(dir.path());
    let mut intake = User::connect(&server, "310000-intake").await;
    for subject in ["_INBOX.>", "_INBOX.310000-referral.>", "liandong.>", ">"] {
        intake.hears_nothing_of(subject).await;
    }
    for subject in ["_INBOX.310000-referral.x", "$SYS.REQ.SERVER.PING", "hello"] {
        intake.is_refused(subject).await;
    }
}

/// Asks for one event of intake's log and has it sent to a subject of referral's.
async fn detour(by: &User) {
    let stream = by
        .jetstream()
        .get_stream("LOG_310000_intake")
        .await
        .unwrap();
    let consumer = stream.create_consumer(pull::Config {
        ack_policy: jetstream::consumer::AckPolicy::None,
        ..pull::Config::default()
    });
    let name = consumer.await.unwrap().cached_info().name.clone();
    let next = format!("$JS.API.CONSUMER.MSG.NEXT.LOG_310000_intake.{name}");
    let client = &by.client;
    let inbox = client.new_inbox();
    let mut own = client.subscribe(inbox.clone()).await.unwrap();
    let elsewhere = "liandong.log.310000.referral.term.Forged".to_owned();
    for reply in [elsewhere, inbox] {
        let asked = client.publish_with_reply(next.clone(), reply, "1".into());
        asked.await.unwrap();
    }
    // Of two events the second comes to us: the first has gone where it was sent.
    let second = tokio::time::timeout(WITHIN, own.next()).await.unwrap();
    let position = second.unwrap().reply.unwrap();
    assert!(position.contains(&format!("{name}.1.2.")), "{position}");
}

#[tokio::test]
async fn a_reply_subject_does_not_write_into_the_log_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::single(dir.path());
    let referral = User::connect(&server, "310000-referral").await;
    referral.makes_stream("referral").await;
    let intake = User::connect(&server, "310000-intake").await;
    intake.makes_stream("intake").await;
    intake.publishes("intake").await;
    intake.publishes("intake").await;

    detour(&User::connect(&server, "310000-keys").await).await;
    assert_eq!(referral.events_of("referral").await, 0);

    // Within the logs' account it would: this is what the services' account is for.
    detour(&User::connect(&server, "310000-operator").await).await;
    assert_eq!(referral.events_of("referral").await, 1);
}
