//! Results as JSON, one object per line.

use clap::Args;
use serde::Serialize;

/// The option `--json`, which means the same in every command.
#[derive(Args)]
pub(crate) struct JsonOption {
    /// Print the results as JSON, one object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// The value as one line of ASCII: other characters are escaped, so that none acts on a terminal.
pub(crate) fn line(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("the results are text, numbers and lists");
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            ' '..='~' => ascii.push(character),
            // Other characters occur only inside strings.
            _ => character
                .encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_json_acts_on_a_terminal() {
        let name = "\u{1b}[2J\u{202e}é\u{9b}\u{7f}👩\"";
        let line = line(&name);
        assert!(
            line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{line}"
        );
        assert_eq!(
            serde_json::from_str::<String>(&line).expect("it is JSON"),
            name
        );
    }
}
