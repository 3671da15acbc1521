//! Speaking to running services: where they answer, who speaks, and what a refusal means.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use domain::ids::{OrganizationId, WorkerId};
use domain::values::{Role, Term};
use indicatif::ProgressBar;
use node::client::Caller;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::failure::Failure;
use crate::output::Lang;
use crate::progress;
use crate::reference;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Reading many logs takes its time; a service that is gone is noticed by other means.
const ANSWER_WITHIN: Duration = Duration::from_mins(2);
/// A connection that is silent for so long is asked whether it is still there.
const ALIVE_EVERY: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ClientArgs {
    /// Where the services of a region answer
    #[arg(
        long,
        value_name = "URL",
        env = "LIANDONG_URL",
        default_value = "http://127.0.0.1:7310",
        global = true
    )]
    url: String,

    /// Act as this worker of the reference data, e.g. `sh-worker` or `central-duty/Supervisor`
    #[arg(long = "as", value_name = "CODE[/ROLE]", global = true)]
    worker: Option<String>,

    /// The reference data that `--as` refers to, if not those this program carries
    #[arg(long, value_name = "FILE", global = true)]
    reference: Option<PathBuf>,

    /// The acting person's id, without `--as`
    #[arg(long, value_name = "ID", env = "LIANDONG_PERSON", global = true)]
    person: Option<WorkerId>,

    /// The id of the organization they act in, without `--as`
    #[arg(long, value_name = "ID", env = "LIANDONG_ORGANIZATION", global = true)]
    organization: Option<OrganizationId>,

    /// The role they act in, without `--as`
    #[arg(long, value_name = "ROLE", env = "LIANDONG_ROLE", value_parser = role, global = true)]
    role: Option<Role>,
}

fn role(text: &str) -> Result<Role, String> {
    let names = || Role::ALL.iter().map(|role| role.name()).collect::<Vec<_>>();
    text.parse()
        .map_err(|_| format!("not a role: use one of {}", names().join(", ")))
}

/// Somebody who speaks to services.
pub(crate) struct Client {
    pub(crate) channel: Channel,
    caller: Caller,
    url: String,
    lang: Lang,
}

impl ClientArgs {
    /// Must be called on a runtime. Nothing is sent before the first call.
    pub(crate) fn connect(self, lang: Lang) -> Result<Client, Failure> {
        let caller = self.caller()?;
        let url = self.url;
        let endpoint = Endpoint::from_shared(url.clone())
            .ok()
            .filter(|endpoint| endpoint.uri().scheme_str() == Some("http"))
            .ok_or_else(|| {
                Failure::misused(format!(
                    "{url} is no address of services; write --url http://127.0.0.1:7310"
                ))
            })?;
        let channel = endpoint
            .connect_timeout(CONNECT_WITHIN)
            .http2_keep_alive_interval(ALIVE_EVERY)
            .connect_lazy();
        Ok(Client {
            channel,
            caller,
            url,
            lang,
        })
    }

    fn caller(&self) -> Result<Caller, Failure> {
        if let Some(code) = &self.worker {
            return reference::caller(&reference::read(self.reference.as_deref())?, code);
        }
        match (&self.person, &self.organization, self.role) {
            (Some(person), Some(organization), Some(role)) => Ok(Caller {
                person: person.to_string(),
                organization: organization.to_string(),
                role: role.name().to_owned(),
            }),
            (None, None, None) => Err(Failure::misused(
                "nobody acts; say who: --as sh-worker, or LIANDONG_PERSON, LIANDONG_ORGANIZATION \
                 and LIANDONG_ROLE",
            )),
            _ => Err(Failure::misused(
                "person, organization and role belong together; give all three, or --as CODE",
            )),
        }
    }
}

impl Client {
    /// The message as a request that must be answered in time.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = self.caller.request(message);
        request.set_timeout(ANSWER_WITHIN);
        request
    }

    /// The message as a request whose answer goes on until one side ends it.
    pub(crate) fn open_ended<T>(&self, message: T) -> Request<T> {
        self.caller.request(message)
    }

    /// To be held while answers are read, page by page.
    pub(crate) fn reading(&self) -> ProgressBar {
        progress::spinner(self.lang.pick("读取", "reading"))
    }

    /// What to tell a person about a call that was not answered as they hoped.
    pub(crate) fn refused(&self, status: &Status) -> Failure {
        if lost(status) {
            let (url, why) = (&self.url, cause(status));
            return Failure::failed(format!(
                "no service answers at {url} ({why}); start one with `liandong dev`, or name it with --url"
            ));
        }
        let details = status.get_error_details();
        let said = match (self.lang, details.localized_message()) {
            (Lang::Zh, Some(localized)) => &localized.message,
            _ => status.message(),
        };
        let todo = match status.code() {
            Code::NotFound => "; look it up with `case list` or `parked ls`",
            Code::PermissionDenied | Code::Unauthenticated => {
                "; act as somebody who may, with --as CODE[/ROLE]"
            }
            Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted => {
                "; try again later"
            }
            Code::Unimplemented => "; name the address of a region's services with --url",
            _ => "",
        };
        Failure::failed(format!("{said}{todo}"))
    }
}

/// Whether the connection failed, and not the call: our services always say their reason.
pub(crate) fn lost(status: &Status) -> bool {
    let transport = matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled
    );
    transport && status.details().is_empty()
}

/// The innermost cause is the one that says something: `connection refused`.
fn cause(status: &Status) -> String {
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(status);
    let mut said = status.message().to_owned();
    while let Some(error) = cause {
        said = error.to_string();
        cause = error.source();
    }
    said
}
