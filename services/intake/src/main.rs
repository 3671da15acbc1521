//! The intake service, alone in its process.

fn main() -> anyhow::Result<()> {
    Ok(node::alone::run(intake::HOSTING)?)
}
