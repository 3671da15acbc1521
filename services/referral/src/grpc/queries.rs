//! Queries: hops, custody and inboxes, from the rows of this region.

use std::pin::Pin;

use domain::acting::Acting;
use domain::ids::{CaseId, DeskId};
use domain::referral::roles::hop_roles;
use domain::referral::{Custody, HopCommand, TABLE};
use domain::values::Role;
use eventsourcing::{Actor, ScopedId};
use futures::{Stream, StreamExt};
use proto::referral::v1 as pb;
use proto::referral::v1::watch_inbox_response::Payload;
use service_runtime::grpc::{Watched, failure, field, page_size};
use tonic::{Code, Status};
use uuid::Uuid;

use super::ReferralApi;
use super::decisions::{unknown_hop, works_for};
use super::messages;
use crate::inbox;
use crate::projection::{self, HopRow};

/// How many changes a watch reads at once.
const WATCH_PAGE: usize = 128;

impl ReferralApi {
    pub(super) async fn get_hop(
        &self,
        actor: &Actor,
        request: pb::GetReferralRequest,
    ) -> Result<pb::GetReferralResponse, Status> {
        let (uuid, row) = self
            .row(actor, &request.hop_id, &request.consistency_token)
            .await?;
        let etag = |version: Option<eventsourcing::Version>| {
            version
                .map(|version| version.to_string())
                .unwrap_or_default()
        };
        Ok(pb::GetReferralResponse {
            hop: messages::hop(uuid, &row),
            referral_etag: etag(row.referral.as_ref().map(|known| known.version)),
            assignment_etag: etag(row.assignment.as_ref().map(|known| known.version)),
        })
    }

    pub(super) async fn hops_of_case(
        &self,
        actor: &Actor,
        request: pb::ListReferralsRequest,
    ) -> Result<pb::ListReferralsResponse, Status> {
        let case: CaseId = field("case_id", &request.case_id)?;
        let size = page_size(request.page_size)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let mut page = projection::hops_of(&self.rows, case, &request.page_token, size + 1)
            .map_err(|error| self.gate.store_failed(&error))?;
        let more = page.len() > size;
        page.truncate(size);
        let last = page
            .last()
            .filter(|_| more)
            .map(|(token, _, _)| token.clone());
        let seen = page.iter().filter(|(_, _, row)| may_see(actor, row));
        let hops = seen.filter_map(|(_, uuid, row)| messages::hop(*uuid, row));
        Ok(pb::ListReferralsResponse {
            hops: hops.collect(),
            next_page_token: last.unwrap_or_default(),
        })
    }

    pub(super) async fn custody_of_case(
        &self,
        actor: &Actor,
        request: pb::GetCustodyRequest,
    ) -> Result<pb::GetCustodyResponse, Status> {
        let case: CaseId = field("case_id", &request.case_id)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let custody = projection::custody(&self.rows, case);
        let custody = custody.map_err(|error| self.gate.store_failed(&error))?;
        if !self.takes_part(actor, case, custody.as_ref())? {
            return Err(not_shown());
        }
        let custody = custody.and_then(|custody| messages::custody(case, &custody));
        let custody = custody.ok_or_else(|| {
            let en = "this region never had custody of this case";
            failure(
                Code::NotFound,
                "NO_CUSTODY",
                en,
                "本地从未承担该个案的管护责任",
            )
        })?;
        Ok(pb::GetCustodyResponse {
            custody: Some(custody),
        })
    }

    pub(super) async fn allowed_actions(
        &self,
        actor: &Actor,
        request: pb::ListAllowedActionsRequest,
    ) -> Result<pb::ListAllowedActionsResponse, Status> {
        let (_, row) = self
            .row(actor, &request.hop_id, &request.consistency_token)
            .await?;
        let roles = row
            .terms()
            .map(|terms| hop_roles(actor, terms))
            .unwrap_or_default();
        let here = |command: HopCommand| {
            if command.is_senders() {
                row.referral.is_some()
            } else {
                row.assignment.is_some()
            }
        };
        let rows = TABLE.0.iter().filter(|cell| {
            cell.from == row.state() && roles.contains(&cell.by) && here(cell.command)
        });
        Ok(pb::ListAllowedActionsResponse {
            actions: rows.copied().map(messages::transition).collect(),
            roles: roles.iter().map(|role| messages::role(*role)).collect(),
        })
    }

    pub(super) async fn open_hops(
        &self,
        actor: &Actor,
        request: pb::ListInboxRequest,
    ) -> Result<pb::ListInboxResponse, Status> {
        let desk = self.own_desk(actor, &request.desk_id)?;
        let size = page_size(request.page_size)?;
        self.gate.wait_for(&request.consistency_token).await?;
        let mut page = inbox::open(&self.rows, desk, &request.page_token, size + 1)
            .map_err(|error| self.gate.store_failed(&error))?;
        let more = page.len() > size;
        page.truncate(size);
        let last = page
            .last()
            .filter(|_| more)
            .map(|(token, _, _)| token.clone());
        let hops = page
            .iter()
            .filter_map(|(_, uuid, row)| messages::hop(*uuid, row));
        Ok(pb::ListInboxResponse {
            hops: hops.collect(),
            next_page_token: last.unwrap_or_default(),
        })
    }

    #[expect(
        clippy::type_complexity,
        reason = "it is the stream type that the contract asks for"
    )]
    pub(super) fn watched_inbox(
        &self,
        actor: Actor,
        request: pb::WatchInboxRequest,
    ) -> Result<Pin<Box<dyn Stream<Item = Result<pb::WatchInboxResponse, Status>> + Send>>, Status>
    {
        let desk = self.own_desk(&actor, &request.desk_id)?;
        let (rows, gate) = (self.rows.clone(), self.gate.clone());
        let watched = self.gate.watch(request.resume_cursor, move |cursor| {
            inbox::entries(&rows, desk, cursor, WATCH_PAGE)
                .map_err(|error| gate.store_failed(&error))
        })?;
        Ok(watched
            .map(move |message| Ok(watched_message(message?, &actor)))
            .boxed())
    }

    /// A hop by the id that it has at its sender or at its receiver. Whether somebody may see it is
    /// decided before whether there is one.
    async fn row(&self, actor: &Actor, id: &str, token: &str) -> Result<(Uuid, HopRow), Status> {
        let id: ScopedId = field("hop_id", id)?;
        self.gate.wait_for(token).await?;
        let row = projection::hop(&self.rows, id.uuid);
        let row = row.map_err(|error| self.gate.store_failed(&error))?;
        let row = row.filter(|row| {
            let regions = row
                .terms()
                .map(|terms| [terms.from.region(), terms.to.region()]);
            regions.is_some_and(|regions| regions.contains(&id.region))
        });
        match row {
            Some(row) if may_see(actor, &row) => Ok((id.uuid, row)),
            None if is_auditor(actor) => Err(unknown_hop()),
            Some(_) | None => Err(not_shown()),
        }
    }

    /// Whether the actor is an auditor, or works for a custodian or a party of the case.
    fn takes_part(
        &self,
        actor: &Actor,
        case: CaseId,
        custody: Option<&Custody>,
    ) -> Result<bool, Status> {
        let had = custody.iter().flat_map(|custody| {
            let gone = custody.gone().iter().map(|gone| gone.held);
            gone.chain(custody.held())
        });
        let mut custodians = had.map(|held| held.tenure.custodian.organization);
        if is_auditor(actor) || custodians.any(|custodian| works_for(actor, custodian)) {
            return Ok(true);
        }
        let hops = projection::hops_of(&self.rows, case, "", usize::MAX);
        let hops = hops.map_err(|error| self.gate.store_failed(&error))?;
        Ok(hops.iter().any(|(_, _, row)| may_see(actor, row)))
    }

    /// A desk of the caller's organization; auditors may look into any.
    fn own_desk(&self, actor: &Actor, id: &str) -> Result<DeskId, Status> {
        let desk: DeskId = field("desk_id", id)?;
        let known = self.directory.desk(desk);
        if is_auditor(actor) || known.is_some_and(|known| works_for(actor, known.organization)) {
            return Ok(desk);
        }
        Err(not_shown())
    }
}

fn may_see(actor: &Actor, row: &HopRow) -> bool {
    let parties = row.terms().map(|terms| {
        [
            Some(terms.from),
            Some(terms.to),
            Some(terms.origin),
            terms.relay,
        ]
    });
    // Whoever would get it next, if nobody answers, may be told that nobody does.
    let above = row.dispatch().and_then(|sent| sent.escalate_to);
    let mut parties = parties.into_iter().flatten().flatten().chain(above);
    is_auditor(actor) || parties.any(|party| works_for(actor, party.organization))
}

fn is_auditor(actor: &Actor) -> bool {
    Acting::of(actor).is_some_and(|person| person.role == Role::Auditor)
}

fn not_shown() -> Status {
    let en = "only people of an organization that takes part, and auditors, may see this";
    failure(
        Code::PermissionDenied,
        "NOT_PERMITTED",
        en,
        "仅参与单位的人员和审计员可以查看",
    )
}

fn watched_message(message: Watched<inbox::Entry>, actor: &Actor) -> pb::WatchInboxResponse {
    let (cursor, payload) = match message {
        Watched::Item { cursor, item } => {
            (cursor, Payload::Entry(messages::inbox_entry(&item, actor)))
        }
        Watched::CaughtUp { cursor } => (cursor, Payload::CaughtUp(true)),
        Watched::Heartbeat { cursor } => (cursor, Payload::Heartbeat(true)),
    };
    pb::WatchInboxResponse {
        cursor,
        payload: Some(payload),
    }
}
