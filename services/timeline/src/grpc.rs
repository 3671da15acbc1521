//! The timeline's gRPC API: reading, watching, replaying, verifying.

mod convert;
mod page;
mod readers;

use std::pin::Pin;
use std::sync::Arc;

use directory_view::DirectoryView;
use domain::ids::CaseId;
use eventsourcing::{EventFeed, HybridClock, LogId, ProjectionStore, Recorded, StoreError};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use proto::timeline::v1 as pb;
use proto::timeline::v1::timeline_service_server::TimelineService;
use proto::timeline::v1::watch_timeline_response::Payload;
use service_runtime::grpc::{
    Gate, Watched, failure, field, optional, page_size, timestamp, violation,
};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use crate::projection::Cursor;
use crate::verify::Seen;
use crate::{projection, reading, replay, summary, verify};
use page::PageToken;
pub(crate) use readers::Readers;

/// How many entries a watch reads at once.
const WATCH_PAGE: usize = 256;

pub(crate) struct TimelineApi {
    pub(crate) gate: Gate,
    pub(crate) clock: Arc<HybridClock>,
    pub(crate) rows: Arc<dyn ProjectionStore>,
    pub(crate) feed: Arc<dyn EventFeed>,
    pub(crate) logs: Vec<LogId>,
    pub(crate) directory: Arc<DirectoryView>,
    pub(crate) readers: Readers,
}

#[tonic::async_trait]
impl TimelineService for TimelineApi {
    async fn get_timeline(
        &self,
        request: Request<pb::GetTimelineRequest>,
    ) -> Result<Response<pb::GetTimelineResponse>, Status> {
        self.gate.actor(&request)?;
        let request = request.into_inner();
        let case: CaseId = field("case_id", &request.case_id)?;
        let size = page_size(request.page_size)?;
        let token: Option<PageToken> = optional("page_token", &request.page_token)?;
        let as_of = moment(request.as_of.as_ref())?;
        self.gate.wait_for(&request.consistency_token).await?;

        let failed = |error: StoreError| self.gate.store_failed(&error);
        let told = projection::told_so_far(&self.rows).map_err(failed)?;
        let told = told.ok_or_else(unknown_case)?;
        let (up_to, last) = match token {
            Some(token) if token.told.store != told.store => return Err(start_again()),
            Some(token) => (token.told, Some(token.last)),
            None => (told, None),
        };
        let events = projection::of_case(&self.rows, &case.to_string(), up_to.last);
        let mut events = reading::known_by(events.map_err(failed)?, as_of);
        if events.is_empty() {
            return Err(unknown_case());
        }
        reading::sort(&mut events);
        let from = match last {
            Some(last) => 1 + place_of(last, &events)?,
            None => 0,
        };
        let page = &events[from..events.len().min(from + size)];
        let more = from + page.len() < events.len();
        let next = page.last().filter(|_| more).map(|event| PageToken {
            told: up_to,
            last: event.envelope.id,
        });
        Ok(Response::new(pb::GetTimelineResponse {
            entries: page
                .iter()
                .map(|event| convert::entry(event, &self.directory))
                .collect(),
            next_page_token: next.map(|token| token.to_string()).unwrap_or_default(),
        }))
    }

    type WatchTimelineStream =
        Pin<Box<dyn Stream<Item = Result<pb::WatchTimelineResponse, Status>> + Send>>;

    async fn watch_timeline(
        &self,
        request: Request<pb::WatchTimelineRequest>,
    ) -> Result<Response<Self::WatchTimelineStream>, Status> {
        self.gate.actor(&request)?;
        let request = request.into_inner();
        let case: Option<CaseId> = optional("case_id", &request.case_id)?;
        let case = case.map(|case| case.to_string());
        optional::<Cursor>("resume_cursor", &request.resume_cursor)?;
        let (rows, gate) = (self.rows.clone(), self.gate.clone());
        let watched = self.gate.watch(request.resume_cursor, move |cursor| {
            // Checked above; what the watch gives itself is a cursor or empty.
            let cursor = cursor.parse().ok();
            projection::after(&rows, case.as_deref(), cursor, WATCH_PAGE)
                .map_err(|error| gate.store_failed(&error))
        })?;
        let directory = self.directory.clone();
        Ok(Response::new(
            watched
                .map(move |message| Ok(response(message?, &directory)))
                .boxed(),
        ))
    }

    async fn replay_case(
        &self,
        request: Request<pb::ReplayCaseRequest>,
    ) -> Result<Response<pb::ReplayCaseResponse>, Status> {
        self.gate.actor(&request)?;
        let request = request.into_inner();
        let case: CaseId = field("case_id", &request.case_id)?;
        let as_of = moment(request.as_of.as_ref())?;
        let _reading = self.readers.enter()?;
        let replayed = replay::replay(&self.feed, &self.logs, case.0, as_of).await;
        let replayed = replayed.map_err(|error| convert::not_replayed(&error))?;
        let last = replayed.last_recorded_at.ok_or_else(unknown_case)?;
        // A moment that is still to come would not give this answer again; the last event's does.
        let settled = if as_of <= self.clock.now().max(last) {
            as_of
        } else {
            last
        };
        Ok(Response::new(convert::replayed(&replayed, settled)))
    }

    async fn get_case(
        &self,
        request: Request<pb::GetCaseRequest>,
    ) -> Result<Response<pb::GetCaseResponse>, Status> {
        self.gate.actor(&request)?;
        let request = request.into_inner();
        let case: CaseId = field("case_id", &request.case_id)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let row = summary::find(&self.rows, case);
        let row = row.map_err(|error| self.gate.store_failed(&error))?;
        let row = row.ok_or_else(unknown_case)?;
        Ok(Response::new(pb::GetCaseResponse {
            case: Some(convert::summary(&row, &self.directory)),
        }))
    }

    async fn list_cases(
        &self,
        request: Request<pb::ListCasesRequest>,
    ) -> Result<Response<pb::ListCasesResponse>, Status> {
        self.gate.actor(&request)?;
        let request = request.into_inner();
        let after: Option<CaseId> = optional("page_token", &request.page_token)?;
        let size = page_size(request.page_size)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let listed = summary::list(&self.rows, request.include_contacts, after, size);
        let (cases, next) = listed.map_err(|error| self.gate.store_failed(&error))?;
        Ok(Response::new(pb::ListCasesResponse {
            cases: cases
                .iter()
                .map(|case| convert::summary(case, &self.directory))
                .collect(),
            next_page_token: next.map(|case| case.to_string()).unwrap_or_default(),
        }))
    }

    async fn verify_case(
        &self,
        request: Request<pb::VerifyCaseRequest>,
    ) -> Result<Response<pb::VerifyCaseResponse>, Status> {
        self.gate.actor(&request)?;
        let case: CaseId = field("case_id", &request.into_inner().case_id)?;
        let _reading = self.readers.enter()?;
        let seen = Seen::of(&self.rows, &self.logs, Some(case.0));
        let seen = seen.map_err(|error| self.gate.store_failed(&error))?;
        let (streams, logs) = verify::verify_case(&self.feed, &self.logs, case.0, seen).await;
        if streams.is_empty() && logs.iter().all(|log| log.problem.is_none()) {
            return Err(unknown_case());
        }
        Ok(Response::new(convert::verified_case(&streams, &logs)))
    }

    async fn verify_log(
        &self,
        request: Request<pb::VerifyLogRequest>,
    ) -> Result<Response<pb::VerifyLogResponse>, Status> {
        self.gate.actor(&request)?;
        let log: LogId = field("log", &request.into_inner().log)?;
        if !self.logs.contains(&log) {
            return Err(failure(
                Code::NotFound,
                "LOG_NOT_FOLLOWED",
                "this timeline does not follow that log",
                "本时间线未订阅该日志",
            ));
        }
        let _reading = self.readers.enter()?;
        let seen = Seen::of(&self.rows, std::slice::from_ref(&log), None);
        let mut seen = seen.map_err(|error| self.gate.store_failed(&error))?;
        let report = verify::verify_log(&self.feed, &log, &mut seen, |_| {}).await;
        Ok(Response::new(pb::VerifyLogResponse {
            log: Some(convert::verified_log(&report)),
        }))
    }
}

/// The moment asked for; none is the end of time, for other regions' clocks may run ahead of ours.
fn moment(as_of: Option<&prost_types::Timestamp>) -> Result<Timestamp, Status> {
    as_of.map_or(Ok(Timestamp::MAX), |_| timestamp("as_of", as_of))
}

fn response(message: Watched<Recorded>, directory: &DirectoryView) -> pb::WatchTimelineResponse {
    let (cursor, payload) = match message {
        Watched::Item { cursor, item } => {
            (cursor, Payload::Entry(convert::entry(&item, directory)))
        }
        Watched::CaughtUp { cursor } => (cursor, Payload::CaughtUp(true)),
        Watched::Heartbeat { cursor } => (cursor, Payload::Heartbeat(true)),
    };
    pb::WatchTimelineResponse {
        cursor,
        payload: Some(payload),
    }
}

/// The entry that the page before ended with.
fn place_of(last: Uuid, events: &[Recorded]) -> Result<usize, Status> {
    let place = events.iter().position(|event| event.envelope.id == last);
    place.ok_or_else(|| {
        violation(
            "page_token",
            "not a token of this list",
            "不是本列表的翻页标记",
        )
    })
}

fn start_again() -> Status {
    failure(
        Code::FailedPrecondition,
        "PAGES_OUTDATED",
        "the timeline has been rebuilt since the first page was read: start again",
        "时间线已重建，请从第一页重新读取",
    )
}

fn unknown_case() -> Status {
    failure(
        Code::NotFound,
        "CASE_UNKNOWN",
        "no event of this case is known here",
        "此处没有该个案的任何记录",
    )
}
