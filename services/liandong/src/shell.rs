//! Commands to paste into a shell: this program as it was called, and words that stay one word.

/// This program, as it was called.
pub(crate) fn program() -> String {
    let called = std::env::args_os().next();
    let called = called.unwrap_or_else(|| "liandong".into());
    word(&called.to_string_lossy())
}

/// The text as one word of a POSIX shell.
pub(crate) fn word(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_./:=@%+,".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_every_word_as_it_was() {
        for text in [
            "/tmp/story",
            "a path/with spaces",
            "it's",
            "$HOME `id`",
            "数据",
            "",
            "*",
            "a\"b\\c",
        ] {
            let echo = format!("printf %s {}", word(text));
            let said = Command::new("sh").args(["-c", &echo]).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), text);
        }
        assert_eq!(word("./a-b_c.d"), "./a-b_c.d", "plain words stay readable");
    }
}
