//! Sentences of the keys.

use domain::keys::{ErasureEvent, GrantEvent, PublishedKeyEvent, ReceiptEvent, TextAccessEvent};
use domain::values::Term;

use super::{Line, Names, list, words};

pub(super) fn of_grant(event: &GrantEvent, names: &Names<'_>) -> Line {
    match event {
        GrantEvent::KeysGranted { terms, .. } => {
            let classes = list(terms.classes.iter().copied());
            let to = names.region(terms.to);
            Line::new(
                format!(
                    "授权{}阅读{}，依据：{}，用途：{}",
                    to.zh,
                    classes.zh,
                    terms.basis.zh(),
                    terms.purpose.zh()
                ),
                format!(
                    "{} may read the {}; basis: {}, purpose: {}",
                    to.en,
                    classes.en,
                    words(terms.basis),
                    words(terms.purpose)
                ),
            )
        }
    }
}

pub(super) fn of_receipt(event: &ReceiptEvent) -> Line {
    match event {
        ReceiptEvent::KeysReceived { keys, .. } => Line::noted(
            format!("收到授权密钥 {} 把", keys.len()),
            format!("{} granted keys arrived", keys.len()),
        ),
    }
}

pub(super) fn of_published_key(event: &PublishedKeyEvent, names: &Names<'_>) -> Line {
    match event {
        PublishedKeyEvent::RegionKeyPublished { region, .. } => {
            let region = names.region(*region);
            Line::noted(
                format!("{}公布地区公钥", region.zh),
                format!("{} published its public key", region.en),
            )
        }
    }
}

pub(super) fn of_access(event: &TextAccessEvent, names: &Names<'_>) -> Line {
    match event {
        TextAccessEvent::TextOpened {
            class,
            organization,
            purpose,
            ..
        } => {
            let who = names.organization(*organization);
            Line::new(
                format!(
                    "{}工作人员查阅{}，用途：{}",
                    who.zh,
                    class.zh(),
                    purpose.zh()
                ),
                format!(
                    "Staff of {} opened a {}, for {}",
                    who.en,
                    words(*class),
                    words(*purpose)
                ),
            )
        }
    }
}

pub(super) fn of_erasure(event: &ErasureEvent) -> Line {
    match event {
        ErasureEvent::ErasureProposed { ground, .. } => Line::new(
            format!("提议删除个人信息：{}", ground.zh()),
            format!("Erasure of personal data proposed: {}", words(*ground)),
        ),
        ErasureEvent::ErasureOrdered { ground, .. } => Line::new(
            format!("决定删除个人信息：{}", ground.zh()),
            format!("Erasure of personal data ordered: {}", words(*ground)),
        ),
        ErasureEvent::Erased { keys, .. } => Line::new(
            format!("个人信息已删除，销毁密钥 {} 把", keys.len()),
            format!("Personal data erased: {} keys destroyed", keys.len()),
        ),
        ErasureEvent::CopiesErased { keys, .. } => Line::new(
            format!("本地区所持副本已删除，销毁密钥 {} 把", keys.len()),
            format!("Copies held here erased: {} keys destroyed", keys.len()),
        ),
    }
}
