//! The referral service, alone in its process.

fn main() -> anyhow::Result<()> {
    Ok(node::alone::run(referral::HOSTING)?)
}
