//! Rows as messages of the contract.

use domain::keys::KeyStanding;
use domain::values::Term;
use proto::keys::v1 as pb;
use proto::types::v1::DisclosureBasis;
use service_runtime::grpc::{enum_number, moment};

use crate::projection::{GrantRow, TextRow};

pub(super) fn text(row: &TextRow, standing: KeyStanding) -> pb::SealedText {
    let (standing, granted_until) = match standing {
        KeyStanding::Held => (pb::KeyStanding::Held, None),
        KeyStanding::GrantedUntil(end) => (pb::KeyStanding::Granted, Some(end)),
        KeyStanding::NotGranted => (pb::KeyStanding::NotGranted, None),
        KeyStanding::Destroyed => (pb::KeyStanding::Destroyed, None),
    };
    pb::SealedText {
        event_id: row.event.to_string(),
        event_type: row.event_type.clone(),
        stream: row.stream.to_string(),
        field: row.field.clone(),
        class: enum_number::<pb::SealedClass>(row.sealed.class.name()),
        role: enum_number::<pb::PersonRole>(row.sealed.role.name()),
        sealed_in: row.sealed.stream.to_string(),
        recorded_at: Some(moment(row.recorded_at)),
        standing: standing.into(),
        granted_until: granted_until.map(moment),
    }
}

pub(super) fn grant(row: &GrantRow) -> pb::Grant {
    let classes = row.terms.classes.iter();
    pb::Grant {
        grant_id: row.grant.to_string(),
        from_region: row.grant.region().to_string(),
        to_region: row.terms.to.to_string(),
        classes: classes
            .map(|class| enum_number::<pb::SealedClass>(class.name()))
            .collect(),
        basis: enum_number::<DisclosureBasis>(row.terms.basis.name()),
        purpose: enum_number::<pb::Purpose>(row.terms.purpose.name()),
        expires_at: row.terms.expires_at.map(moment),
        keys_delivered: i32::try_from(row.delivered.len()).unwrap_or(i32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use domain::keys::{ErasureGround, Purpose};
    use domain::sealed::{PersonRole, SealedClass};
    use proto::Word;
    use service_runtime::grpc::term;

    use super::*;

    fn there_and_back<W: Word, T: Term + PartialEq + std::fmt::Debug + std::str::FromStr>() {
        for value in T::ALL {
            let number = enum_number::<W>(value.name());
            assert_eq!(term::<W, T>("word", number).unwrap(), *value);
        }
    }

    #[test]
    fn every_word_of_the_domain_goes_into_the_contract_and_comes_back() {
        there_and_back::<pb::SealedClass, SealedClass>();
        there_and_back::<pb::PersonRole, PersonRole>();
        there_and_back::<pb::Purpose, Purpose>();
        there_and_back::<pb::ErasureGround, ErasureGround>();
    }
}
