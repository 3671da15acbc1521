//! The program people run.

fn main() -> std::process::ExitCode {
    liandong::run()
}
