//! Results as JSON, one object per line.

use std::borrow::Cow;

use base64ct::{Base64, Encoding};
use clap::Args;
use serde::Serialize;

/// The option `--json`, which means the same in every command.
#[derive(Args)]
pub(crate) struct JsonOption {
    /// Print the results as JSON, one object per line
    #[arg(long)]
    pub(crate) json: bool,
}

/// A name that may be no UTF-8: as text for people, and then also its bytes.
#[derive(Serialize)]
pub(crate) struct JsonName<'a> {
    name: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
}

impl<'a> JsonName<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            name: String::from_utf8_lossy(bytes),
            name_base64: base64_unless_text(bytes),
        }
    }
}

/// The bytes of a name that is no UTF-8.
pub(crate) fn base64_unless_text(bytes: &[u8]) -> Option<String> {
    let is_text = str::from_utf8(bytes).is_ok();
    (!is_text).then(|| Base64::encode_string(bytes))
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
    fn a_name_that_is_no_utf_8_has_its_bytes_too() {
        assert_eq!(line(&JsonName::new(b"a")), r#"{"name":"a"}"#);
        let lossless = r#"{"name":"a\ufffd","name_base64":"Yf8="}"#;
        assert_eq!(line(&JsonName::new(b"a\xff")), lossless);
    }

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
