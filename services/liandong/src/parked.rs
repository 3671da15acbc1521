//! Commands about parked cases: events that a policy could not act on, and that wait for a decision.

use clap::Subcommand;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use domain::ids::CaseId;
use eventsourcing::{Region, SkipReason};
use proto::operations::v1 as pb;
use proto::operations::v1::operations_service_client::OperationsServiceClient;
use serde::Serialize;
use service_runtime::grpc::enum_number;
use tonic::transport::Channel;

use crate::client::{Client, ClientArgs};
use crate::failure::Failure;
use crate::moment::{beijing, rfc3339};
use crate::output::{self, Heading, Output, Screen};

const LIST_JSON: &str = "\
JSON: an array of {region, policy, case_id, service, event, event_type, recorded_at, waiting,
cause}; `case_id` is \"-\" for events that belong to no case.";
const OUTCOME_JSON: &str = "\
JSON: {done, still_parked}: how many events have been acted on now, and why the case is still parked
(null if it is not; else the exit code is 1).";

#[derive(Debug, Subcommand)]
pub(crate) enum ParkedCommand {
    /// List the parked cases of the services at this address
    #[command(after_long_help = LIST_JSON)]
    Ls,

    /// Try the parked events of a case again, in order
    #[command(after_long_help = OUTCOME_JSON)]
    Retry(Waiting),

    /// Give up on the first parked event of a case, on record, and try the rest
    #[command(after_long_help = OUTCOME_JSON)]
    Skip {
        #[command(flatten)]
        waiting: Waiting,

        /// Why
        #[arg(long, value_parser = reasons())]
        reason: SkipReason,
    },
}

/// The case that waits, by the first three columns of `parked ls`.
#[derive(Debug, clap::Args)]
pub(crate) struct Waiting {
    /// The region whose service waits
    region: Region,

    /// The policy that could not act
    policy: String,

    /// The case, or `-` for events that belong to no case
    #[arg(value_parser = case_or_none)]
    case: String,
}

fn case_or_none(text: &str) -> Result<String, String> {
    match text.parse::<CaseId>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) if text == "-" => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}, or be `-`")),
    }
}

fn reasons() -> impl TypedValueParser<Value = SkipReason> {
    let words = SkipReason::ALL.map(|reason| {
        PossibleValue::new(reason.name()).help(format!("{} {}", reason.en(), reason.zh()))
    });
    PossibleValuesParser::new(words).try_map(|word| word.parse::<SkipReason>())
}

pub(crate) fn run(
    client: ClientArgs,
    command: ParkedCommand,
    screen: Screen,
) -> Result<(), Failure> {
    crate::runtime()?.block_on(async {
        let client = client.connect(screen.lang)?;
        match command {
            ParkedCommand::Ls => list(&client, screen).await,
            ParkedCommand::Retry(waiting) => retry(&client, waiting, screen).await,
            ParkedCommand::Skip { waiting, reason } => skip(&client, waiting, reason, screen).await,
        }
    })
}

fn service(client: &Client) -> OperationsServiceClient<Channel> {
    OperationsServiceClient::new(client.channel.clone())
}

/// A parked case, as programs get it.
#[derive(Debug, Serialize)]
struct Parked {
    region: String,
    policy: String,
    case_id: String,
    service: String,
    event: String,
    event_type: String,
    recorded_at: Option<String>,
    waiting: u32,
    cause: String,
    #[serde(skip)]
    recorded_shown: String,
}

const HEADINGS: &[Heading] = &[
    ("地区", "REGION"),
    ("策略", "POLICY"),
    ("个案", "CASE"),
    ("事件", "EVENT"),
    ("类型", "TYPE"),
    ("记录时间", "RECORDED"),
    ("等待", "WAITING"),
    ("原因", "CAUSE"),
];

async fn list(client: &Client, screen: Screen) -> Result<(), Failure> {
    let mut parked: Vec<Parked> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = client.request(pb::ListParkedRequest {
            page_size: 0,
            page_token,
        });
        let listed = service(client).list_parked(request).await;
        let listed = listed
            .map_err(|status| client.refused(&status))?
            .into_inner();
        parked.extend(listed.cases.into_iter().map(Parked::from));
        page_token = listed.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    screen.answer(&parked, HEADINGS, |parked| {
        parked.iter().map(Parked::row).collect()
    })
}

impl From<pb::ParkedCase> for Parked {
    fn from(of: pb::ParkedCase) -> Self {
        Self {
            region: of.region,
            policy: of.policy,
            case_id: of.case_id,
            service: of.service,
            event: of.event,
            event_type: of.event_type,
            recorded_at: rfc3339(of.recorded_at),
            waiting: of.waiting,
            cause: of.cause,
            recorded_shown: beijing(of.recorded_at),
        }
    }
}

impl Parked {
    fn row(&self) -> Vec<String> {
        vec![
            self.region.clone(),
            self.policy.clone(),
            self.case_id.clone(),
            self.event.clone(),
            self.event_type.clone(),
            self.recorded_shown.clone(),
            self.waiting.to_string(),
            self.cause.clone(),
        ]
    }
}

async fn retry(client: &Client, waiting: Waiting, screen: Screen) -> Result<(), Failure> {
    let request = client.request(pb::RetryParkedRequest {
        region: waiting.region.to_string(),
        policy: waiting.policy,
        case_id: waiting.case,
    });
    let retried = service(client).retry_parked(request).await;
    let retried = retried
        .map_err(|status| client.refused(&status))?
        .into_inner();
    tell(retried.done, retried.still_parked, screen)
}

async fn skip(
    client: &Client,
    waiting: Waiting,
    reason: SkipReason,
    screen: Screen,
) -> Result<(), Failure> {
    let request = client.request(pb::SkipParkedRequest {
        region: waiting.region.to_string(),
        policy: waiting.policy,
        case_id: waiting.case,
        reason: enum_number::<pb::SkipReason>(reason.name()),
    });
    let skipped = service(client).skip_parked(request).await;
    let skipped = skipped
        .map_err(|status| client.refused(&status))?
        .into_inner();
    tell(skipped.done, skipped.still_parked, screen)
}

/// What came of a decision, as programs get it.
#[derive(Debug, Serialize)]
struct Outcome {
    done: u32,
    still_parked: Option<String>,
}

fn tell(done: u32, still_parked: String, screen: Screen) -> Result<(), Failure> {
    let still_parked = Some(still_parked).filter(|why| !why.is_empty());
    let outcome = Outcome { done, still_parked };
    match screen.output {
        Output::Json => output::json(&outcome)?,
        Output::Table => output::line(&match screen.lang {
            crate::Lang::Zh => format!("已处理事件：{done}"),
            crate::Lang::En => format!("events acted on: {done}"),
        })?,
    }
    match outcome.still_parked {
        None => Ok(()),
        Some(why) => Err(Failure::failed(format!(
            "the case is still parked: {why}; mend the cause and `parked retry`, or `parked skip` it"
        ))),
    }
}
