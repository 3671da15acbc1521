//! Calling a node: what every client of ours puts into a request.

use eventsourcing::Clock;
use proto::types::v1::CommandMeta;
use service_runtime::grpc::{ORGANIZATION, PERSON, ROLE};
use tonic::Request;
use tonic::metadata::MetadataValue;
use uuid::Uuid;

/// Who calls: a person of an organization in a role, by the directory's ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub person: String,
    pub organization: String,
    pub role: String,
}

impl Caller {
    /// The message as a request of this caller.
    ///
    /// # Panics
    /// If an id is no printable ASCII text: the directory has no such ids.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        for (key, value) in [
            (PERSON, &self.person),
            (ORGANIZATION, &self.organization),
            (ROLE, &self.role),
        ] {
            let value = MetadataValue::try_from(value.as_str()).expect("ids are ASCII");
            request.metadata_mut().insert(key, value);
        }
        request
    }
}

/// The meta of a new command, its id made by this clock.
pub fn new_meta(clock: &dyn Clock) -> CommandMeta {
    let now = clock.now();
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
    let time = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
    CommandMeta {
        request_id: Uuid::new_v7(time).to_string(),
        ..CommandMeta::default()
    }
}
