//! The server as a client nobody here wrote would meet it: every trap of the stack, sprung once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what tests share fails as they do: by panicking"
)]

mod calls;
mod endings;
mod fixture;
