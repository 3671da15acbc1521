//! The gRPC side: requests become commands, rows become messages; a text is opened here and nowhere
//! else.

mod messages;

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::acting::Acting;
use domain::ids::CaseId;
use domain::keys::{
    Erasure, ErasureCommand, FoundText, GrantCommand, GrantTerms, KeyGrant, KeyStanding, KnownCase,
    OpenText, TextAccess,
};
use domain::sealed::{PersonRole, Sealed, SealedClass, Text};
use domain::values::Role;
use eventsourcing::{
    Actor, Aggregate, CommandHandler, Occasion, ProjectionStore, Region, Rejected, RequestContext,
    StreamId,
};
use proto::keys::v1 as pb;
use proto::keys::v1::keys_service_server::KeysService;
use proto::types::v1::DisclosureBasis;
use service_runtime::grpc::{
    Gate, failure, field, page_size, refused, rejected, required, term, timestamp, violation,
};
use tonic::{Code, Request, Response, Status};
use vault::{KeyStoreError, Sealer, SealingPlace};

use crate::opening::{Opener, OpeningError};
use crate::projection::{self, TextRow};

/// Characters of a reason.
const LONGEST_REASON: usize = 2000;
/// Characters of a field's name.
const LONGEST_FIELD: usize = 200;

pub(crate) struct KeysApi {
    pub(crate) region: Region,
    pub(crate) gate: Gate,
    pub(crate) commands: CommandHandler,
    pub(crate) rows: Arc<dyn ProjectionStore>,
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
}

#[tonic::async_trait]
impl KeysService for KeysApi {
    async fn grant_keys(
        &self,
        request: Request<pb::GrantKeysRequest>,
    ) -> Result<Response<pb::GrantKeysResponse>, Status> {
        let give = |mut call: RequestContext, request: pb::GrantKeysRequest| async move {
            let case = self.own(&request.case_id)?;
            let to = field("to_region", &request.to_region)?;
            let mut classes = BTreeSet::new();
            for class in &request.classes {
                classes.insert(term::<pb::SealedClass, _>("classes", *class)?);
            }
            let terms = Box::new(GrantTerms {
                case,
                to,
                classes,
                basis: term::<DisclosureBasis, _>("basis", request.basis)?,
                reason: self.reason(case, to, &request.reason).await?,
                purpose: term::<pb::Purpose, _>("purpose", request.purpose)?,
                expires_at: Some(timestamp("expires_at", request.expires_at.as_ref())?),
            });
            call.case = Some(case.0);
            let id = KeyGrant::id(self.region, case, to).0;
            let case = self.known(case, &call.actor)?;
            let command = GrantCommand::GrantByPerson { terms, case };
            let answer = self.commands.handle::<KeyGrant>(id, command, &call);
            answer.await.map_err(|error| refused(&error))
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn propose_erasure(
        &self,
        request: Request<pb::ProposeErasureRequest>,
    ) -> Result<Response<pb::ProposeErasureResponse>, Status> {
        let give = |mut call: RequestContext, request: pb::ProposeErasureRequest| async move {
            let case = self.own(&request.case_id)?;
            let command = ErasureCommand::Propose {
                case,
                ground: term::<pb::ErasureGround, _>("ground", request.ground)?,
                known: self.known(case, &call.actor)?,
            };
            call.case = Some(case.0);
            let id = Erasure::id(self.region, case).0;
            let answer = self.commands.handle::<Erasure>(id, command, &call);
            answer.await.map_err(|error| refused(&error))
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn order_erasure(
        &self,
        request: Request<pb::OrderErasureRequest>,
    ) -> Result<Response<pb::OrderErasureResponse>, Status> {
        let give = |mut call: RequestContext, request: pb::OrderErasureRequest| async move {
            let case = self.own(&request.case_id)?;
            let known = self.known(case, &call.actor)?;
            call.case = Some(case.0);
            let id = Erasure::id(self.region, case).0;
            let command = ErasureCommand::Order { case, known };
            let answer = self.commands.handle::<Erasure>(id, command, &call);
            answer.await.map_err(|error| refused(&error))
        };
        self.gate.handle(&self.commands, request, give).await
    }

    async fn open_text(
        &self,
        request: Request<pb::OpenTextRequest>,
    ) -> Result<Response<pb::OpenTextResponse>, Status> {
        let (mut call, request) = self.gate.command(request)?;
        let case: CaseId = field("case_id", &request.case_id)?;
        let event = field("event_id", &request.event_id)?;
        let name = required("field", &request.field, LONGEST_FIELD)?;
        let row = projection::text(&self.rows, case, event, name)
            .map_err(|error| self.gate.store_failed(&error))?;
        let command = OpenText {
            event,
            field: name.to_owned(),
            purpose: term::<pb::Purpose, _>("purpose", request.purpose)?,
            takes_part: self.takes_part(case, &call.actor)?,
            text: match &row {
                Some(row) => Some(self.found(row)?),
                None => None,
            },
        };
        // A repeat gets its first answer from the log without being decided again; the text it gets
        // only if it may still be read. And what fails to open is not recorded as read.
        let now = self.commands.clock().now();
        let on = Occasion {
            actor: call.actor.clone(),
            now,
            occurred_at: now,
        };
        command
            .check(&on)
            .map_err(|why| rejected(&Rejected::from(why)))?;
        let text = match row.filter(|_| !call.validate_only) {
            Some(row) => self.opener.open(case, row.sealed).await,
            None => Ok(String::new().into()),
        };
        let mut text = text.map_err(|error| not_opened(&error))?;
        call.case = Some(case.0);
        let id = TextAccess::id(self.region, case);
        let result = self
            .gate
            .result(self.commands.handle::<TextAccess>(id, command, &call).await)?;
        Ok(Response::new(pb::OpenTextResponse {
            result: Some(result),
            text: std::mem::take(&mut *text),
        }))
    }

    async fn list_sealed_texts(
        &self,
        request: Request<pb::ListSealedTextsRequest>,
    ) -> Result<Response<pb::ListSealedTextsResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        let request = request.into_inner();
        let case: CaseId = field("case_id", &request.case_id)?;
        let size = page_size(request.page_size)?;
        self.gate.wait_for(&request.consistency_token).await?;
        self.check_may_list(case, &actor)?;
        let page = projection::texts(&self.rows, case, &request.page_token, size + 1)
            .map_err(|error| self.gate.store_failed(&error))?;
        let (page, next_page_token) = cut(page, size);
        let mut texts = Vec::new();
        for row in &page {
            texts.push(messages::text(row, self.found(row)?.standing));
        }
        Ok(Response::new(pb::ListSealedTextsResponse {
            texts,
            next_page_token,
        }))
    }

    async fn list_grants(
        &self,
        request: Request<pb::ListGrantsRequest>,
    ) -> Result<Response<pb::ListGrantsResponse>, Status> {
        let actor = self.gate.actor(&request)?;
        let request = request.into_inner();
        let case: CaseId = field("case_id", &request.case_id)?;
        let size = page_size(request.page_size)?;
        self.gate.wait_for(&request.consistency_token).await?;
        self.check_may_list(case, &actor)?;
        let page = projection::grants(&self.rows, case, &request.page_token, size + 1)
            .map_err(|error| self.gate.store_failed(&error))?;
        let (page, next_page_token) = cut(page, size);
        Ok(Response::new(pb::ListGrantsResponse {
            grants: page.iter().map(messages::grant).collect(),
            next_page_token,
        }))
    }
}

impl KeysApi {
    /// A case of this region: nobody decides here about the keys of another region's.
    fn own(&self, case: &str) -> Result<CaseId, Status> {
        let case: CaseId = field("case_id", case)?;
        if case.region() == self.region {
            return Ok(case);
        }
        let home = case.region();
        Err(violation(
            "case_id",
            format!("it is a case of region {home}: that region decides"),
            format!("该个案属于地区 {home}，须由该地区决定"),
        ))
    }

    fn known(&self, case: CaseId, actor: &Actor) -> Result<KnownCase, Status> {
        let Some(acting) = Acting::of(actor) else {
            return Ok(KnownCase::OfOthers);
        };
        projection::known_case(&self.rows, case, acting.organization)
            .map_err(|error| self.gate.store_failed(&error))
    }

    /// Whether the person acts here for an organization of this region that has a place in the case.
    fn takes_part(&self, case: CaseId, actor: &Actor) -> Result<bool, Status> {
        let Some(acting) = Acting::of(actor) else {
            return Ok(false);
        };
        if acting.organization.region() != self.region {
            return Ok(false);
        }
        projection::takes_part(&self.rows, case, acting.organization)
            .map_err(|error| self.gate.store_failed(&error))
    }

    fn check_may_list(&self, case: CaseId, actor: &Actor) -> Result<(), Status> {
        let audits = Acting::of(actor).is_some_and(|acting| acting.role == Role::Auditor);
        if audits || self.takes_part(case, actor)? {
            return Ok(());
        }
        let en =
            "only people of organizations that take part in the case, and auditors, may see this";
        let zh = "仅参与该个案的单位人员和审计员可以查看";
        Err(failure(Code::PermissionDenied, "NOT_PERMITTED", en, zh))
    }

    fn found(&self, row: &TextRow) -> Result<FoundText, Status> {
        let key = row.sealed.key;
        let standing = if self.opener.is_destroyed(key) {
            KeyStanding::Destroyed
        } else {
            projection::standing(&self.rows, self.region, key)
                .map_err(|error| self.gate.store_failed(&error))?
        };
        Ok(FoundText {
            key,
            class: row.sealed.class,
            standing,
        })
    }

    /// The reason of a grant, sealed like everything that people write.
    async fn reason(
        &self,
        case: CaseId,
        to: Region,
        text: &str,
    ) -> Result<Option<Sealed<Text>>, Status> {
        if text.is_empty() {
            return Ok(None);
        }
        let place = SealingPlace {
            case,
            stream: StreamId::new(KeyGrant::KIND, KeyGrant::id(self.region, case, to).0),
            event: "KeysGranted",
            field: "reason",
            role: PersonRole::Subject,
            class: SealedClass::Narrative,
        };
        let sealed = node::sealing::seal(&self.sealer, &place, text, LONGEST_REASON).await?;
        Ok(Some(sealed))
    }
}

/// A page, and the token of the next if there is one.
fn cut<T>(mut rows: Vec<(String, T)>, size: usize) -> (Vec<T>, String) {
    let more = rows.len() > size;
    rows.truncate(size);
    let last = rows.last().filter(|_| more);
    let next = last.map_or_else(String::new, |(token, _)| token.clone());
    (rows.into_iter().map(|(_, row)| row).collect(), next)
}

/// A text that may be read and cannot: whoever keeps the keys must mend that, so the key is named.
fn not_opened(error: &OpeningError) -> Status {
    tracing::error!(%error, "a text cannot be opened");
    match error {
        OpeningError::Key(KeyStoreError::Unknown(_) | KeyStoreError::Damaged { .. })
        | OpeningError::Text(_) => failure(
            Code::DataLoss,
            "KEY_DAMAGED",
            &error.to_string(),
            &format!("该内容的密钥或密文已损坏，无法打开，请联系密钥管理员：{error}"),
        ),
        OpeningError::Key(_) | OpeningError::Interrupted(_) => failure(
            Code::Unavailable,
            "KEYS_UNAVAILABLE",
            "the keys cannot be read now: send the same request again later",
            "暂时无法读取密钥，请稍后用同一请求编号重试",
        ),
    }
}
