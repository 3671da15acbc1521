//! The intake service over real gRPC, on a real log, on a clock that is turned by hand.

#![cfg(test)]

mod asked;
mod callbacks;
mod cells;
mod commands;
mod contract;
mod custody;
mod every_command;
mod fixture;
mod keys_away;
mod personal_data;
mod queries;
mod refusals;
mod rejections;
mod repeats;
mod spoilt;
mod words;
