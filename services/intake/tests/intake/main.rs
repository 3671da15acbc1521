//! The intake service over real gRPC, on a real log, on a clock that is turned by hand.

#![cfg(test)]

mod callbacks;
mod commands;
mod custody;
mod fixture;
mod personal_data;
mod queries;
mod refusals;
mod repeats;
mod words;
