//! The followup service, alone in its process.

fn main() -> anyhow::Result<()> {
    Ok(node::alone::run(followup::HOSTING)?)
}
