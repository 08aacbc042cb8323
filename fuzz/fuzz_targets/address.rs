//! Words that say where to listen: refused, or read back as what they are shown as.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_core::ListenAddr;

fuzz_target!(|words: &str| {
    if let Ok(listen) = words.parse::<ListenAddr>() {
        assert_eq!(listen.to_string().parse(), Ok(listen));
    }
});
