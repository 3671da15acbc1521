//! Commands about cases, answered by the timeline service.

pub(crate) mod entry;
mod list;
mod replay;
mod show;
mod timeline;
mod watch;

use clap::Subcommand;
use domain::ids::CaseId;
use proto::timeline::v1::timeline_service_client::TimelineServiceClient;
use tonic::transport::Channel;

use crate::client::{Client, ClientArgs};
use crate::failure::Failure;
use crate::output::Screen;

/// As many as the services give on one page.
const PAGE: i32 = 200;

#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// List the cases known here, by id
    #[command(after_long_help = list::JSON)]
    List {
        /// Also contacts that never became a case
        #[arg(long)]
        contacts: bool,
    },

    /// Show one case: its summary, and each history it consists of
    #[command(after_long_help = show::JSON)]
    Show {
        /// The case, `<region>-<uuid>`
        case: CaseId,
    },

    /// Print the timeline of one case, each entry after its cause
    #[command(after_long_help = timeline::JSON)]
    Timeline {
        /// The case, `<region>-<uuid>`
        case: CaseId,

        /// Only what had been recorded by then: RFC 3339, or Beijing time such as `2026-11-20 09:30`
        #[arg(long, value_name = "TIME", value_parser = crate::moment::parse)]
        as_of: Option<prost_types::Timestamp>,

        /// Also entries by which one log takes note of what another has recorded
        #[arg(long)]
        all: bool,
    },

    /// Follow the timeline of one case, or of all, until Ctrl-C; resumes by itself
    #[command(after_long_help = watch::JSON)]
    Watch {
        /// The case, `<region>-<uuid>`; all cases without it
        case: Option<CaseId>,

        /// Begin after the entry that had this cursor
        #[arg(
            long,
            value_name = "CURSOR",
            default_value = "",
            hide_default_value = true
        )]
        resume: String,

        /// Also entries by which one log takes note of what another has recorded
        #[arg(long)]
        all: bool,
    },

    /// Show every aggregate of a case as it stood at a moment, folded anew from the logs
    #[command(after_long_help = replay::JSON)]
    Replay {
        /// The case, `<region>-<uuid>`
        case: CaseId,

        /// What had been recorded by then: RFC 3339, or Beijing time; without it, everything
        #[arg(long, value_name = "TIME", value_parser = crate::moment::parse)]
        as_of: Option<prost_types::Timestamp>,
    },
}

pub(crate) fn run(client: ClientArgs, command: CaseCommand, screen: Screen) -> Result<(), Failure> {
    crate::runtime()?.block_on(async {
        let client = client.connect(screen.lang)?;
        match command {
            CaseCommand::List { contacts } => list::run(&client, contacts, screen).await,
            CaseCommand::Show { case } => show::run(&client, case, screen).await,
            CaseCommand::Timeline { case, as_of, all } => {
                timeline::run(&client, case, as_of, all, screen).await
            }
            CaseCommand::Watch { case, resume, all } => {
                watch::run(&client, case, resume, all, screen).await
            }
            CaseCommand::Replay { case, as_of } => replay::run(&client, case, as_of, screen).await,
        }
    })
}

/// The service that tells about cases.
fn service(client: &Client) -> TimelineServiceClient<Channel> {
    TimelineServiceClient::new(client.channel.clone())
}

/// A field of the contract that is empty if there is nothing to say.
fn said(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
