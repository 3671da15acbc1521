//! `case watch`: the timeline as it grows, across restarts of the service.

use std::time::Duration;

use domain::ids::CaseId;
use proto::timeline::v1 as pb;
use proto::timeline::v1::watch_timeline_response::Payload;
use serde::Serialize;
use tonic::{Code, Status};

use super::entry::Entry;
use super::service;
use crate::client::{Client, lost};
use crate::failure::{Failure, note};
use crate::output::{Output, Screen};

pub(super) const JSON: &str = "\
JSON: one entry a line as in `case timeline`, each with its `cursor`: give the last one seen to
--resume to go on from there.";

/// Between losing the service and asking for it again: so long at first, then twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

pub(super) async fn run(
    client: &Client,
    case: Option<CaseId>,
    resume: String,
    bookkeeping: bool,
    screen: Screen,
) -> Result<(), Failure> {
    let mut watch = Watch {
        client,
        case,
        cursor: resume,
        bookkeeping,
        screen,
        pause: FIRST_PAUSE,
        heard: false,
        told_caught_up: false,
    };
    tokio::select! {
        failed = watch.go_on() => failed,
        told = crate::told_to_end() => told,
    }
}

struct Watch<'a> {
    client: &'a Client,
    case: Option<CaseId>,
    /// After the last message heard.
    cursor: String,
    bookkeeping: bool,
    screen: Screen,
    pause: Duration,
    /// Whether the service has ever answered: until then, not answering is a failure.
    heard: bool,
    told_caught_up: bool,
}

/// An entry of a watch, as programs get it.
#[derive(Serialize)]
struct Watched {
    cursor: String,
    #[serde(flatten)]
    entry: Entry,
}

impl Watch<'_> {
    /// Watches, and resumes after the last message whenever the service is lost.
    async fn go_on(&mut self) -> Result<(), Failure> {
        loop {
            let status = match self.follow().await {
                Ended::Told(failure) => return Err(failure),
                Ended::Status(status) => status,
            };
            let away = status.code() == Code::Unavailable || lost(&status);
            if !(self.heard && away) {
                return Err(self.client.refused(&status));
            }
            note("liandong: the service is away; resuming when it is back (Ctrl-C ends)");
            tokio::time::sleep(self.pause).await;
            self.pause = LONGEST_PAUSE.min(self.pause * 2);
        }
    }

    /// One call, from the cursor to its end.
    async fn follow(&mut self) -> Ended {
        let request = self.client.open_ended(pb::WatchTimelineRequest {
            case_id: self.case.map(|case| case.to_string()).unwrap_or_default(),
            resume_cursor: self.cursor.clone(),
        });
        let mut messages = match service(self.client).watch_timeline(request).await {
            Ok(messages) => messages.into_inner(),
            Err(status) => return Ended::Status(status),
        };
        loop {
            match messages.message().await {
                Ok(Some(message)) => {
                    if let Err(failure) = self.take_in(message) {
                        return Ended::Told(failure);
                    }
                }
                Ok(None) => return Ended::Status(Status::unavailable("the watch has ended")),
                Err(status) => return Ended::Status(status),
            }
        }
    }

    fn take_in(&mut self, message: pb::WatchTimelineResponse) -> Result<(), Failure> {
        self.heard = true;
        self.pause = FIRST_PAUSE;
        match message.payload {
            Some(Payload::Entry(entry)) => self.print(&message.cursor, entry.into())?,
            Some(Payload::CaughtUp(_)) => self.tell_caught_up(),
            Some(Payload::Heartbeat(_)) | None => {}
        }
        self.cursor = message.cursor;
        Ok(())
    }

    fn print(&self, cursor: &str, entry: Entry) -> Result<(), Failure> {
        if entry.bookkeeping && !self.bookkeeping {
            return Ok(());
        }
        match self.screen.output {
            Output::Table => self.screen.line(&entry.row(self.screen.lang).join("  ")),
            Output::Json => self.screen.json(&Watched {
                cursor: cursor.to_owned(),
                entry,
            }),
        }
    }

    /// An empty screen would leave a person wondering.
    fn tell_caught_up(&mut self) {
        if self.screen.output == Output::Table && !self.told_caught_up {
            note(self.screen.lang.pick(
                "（已是最新，等待新动态；按 Ctrl-C 结束）",
                "(up to date, waiting for more; Ctrl-C ends)",
            ));
        }
        self.told_caught_up = true;
    }
}

enum Ended {
    Status(Status),
    /// We cannot go on.
    Told(Failure),
}
