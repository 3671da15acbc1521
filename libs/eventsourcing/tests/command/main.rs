//! The one path from a command to stored events: requests, repeats, races, times, old shapes.

#![expect(
    clippy::unwrap_used,
    reason = "what tests share fails as they do: by panicking"
)]

mod notebook;
mod races;
mod requests;
mod shapes;
mod times;
