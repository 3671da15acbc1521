//! Consistency tokens: "let me see at least my own command".

use std::fmt;
use std::str::FromStr;

use eventsourcing::{LogId, Position};

/// A log and a position; opaque to callers (hexadecimal), so that nobody builds on its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyToken {
    pub log: LogId,
    pub position: Position,
}

impl fmt::Display for ConsistencyToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(format!("{}@{}", self.log, self.position)))
    }
}

/// The text is no token that a command answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a consistency token")]
pub struct NotAToken;

impl FromStr for ConsistencyToken {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let plain = String::from_utf8(hex::decode(text).map_err(|_| NotAToken)?);
        let plain = plain.map_err(|_| NotAToken)?;
        let (log, position) = plain.split_once('@').ok_or(NotAToken)?;
        Ok(Self {
            log: log.parse().map_err(|_| NotAToken)?,
            position: Position(position.parse().map_err(|_| NotAToken)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_rubbish_is_refused() {
        let token = ConsistencyToken {
            log: "310000.intake".parse().unwrap(),
            position: Position(7),
        };
        assert_eq!(token.to_string().parse(), Ok(token));
        for rubbish in ["", "zz", "00ff", "6162"] {
            assert_eq!(rubbish.parse::<ConsistencyToken>(), Err(NotAToken));
        }
    }
}
