//! `case timeline`: what happened in one case, each entry after its cause.

use domain::ids::CaseId;
use proto::timeline::v1 as pb;

use super::entry::Entry;
use super::{PAGE, service};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Heading, Screen};

pub(super) const JSON: &str = "\
JSON: an array of {event_id, case_id, event_type, region, stream, version, log, position, hash, order,
occurred_at, recorded_at, actor: {person, organization, organization_zh, organization_en, role,
role_zh, rule}, caused_by, text_zh, text_en, bookkeeping}; an actor has a rule, or the rest; times
are RFC 3339 in UTC.";

const HEADINGS: &[Heading] = &[
    ("记录时间", "RECORDED"),
    ("日志位置", "LOG@POSITION"),
    ("内容", "WHAT HAPPENED"),
];

pub(super) async fn run(
    client: &Client,
    case: CaseId,
    as_of: Option<prost_types::Timestamp>,
    bookkeeping: bool,
    screen: Screen,
) -> Result<(), Failure> {
    let mut entries = all(client, case, as_of).await?;
    entries.retain(|entry| bookkeeping || !entry.bookkeeping);
    screen.answer(&entries, HEADINGS, |entries| {
        entries.iter().map(|entry| entry.row(screen.lang)).collect()
    })
}

async fn all(
    client: &Client,
    case: CaseId,
    as_of: Option<prost_types::Timestamp>,
) -> Result<Vec<Entry>, Failure> {
    let reading = client.reading();
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = client.request(pb::GetTimelineRequest {
            case_id: case.to_string(),
            as_of,
            page_size: PAGE,
            page_token,
            ..pb::GetTimelineRequest::default()
        });
        let read = service(client).get_timeline(request).await;
        let page = read.map_err(|status| client.refused(&status))?.into_inner();
        entries.extend(page.entries.into_iter().map(Entry::from));
        reading.set_prefix(entries.len().to_string());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(entries);
        }
    }
}
