//! Listen addresses: each text is rejected, or parses again from its displayed form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_core::ListenAddr;

fuzz_target!(|text: &str| {
    if let Ok(listen) = text.parse::<ListenAddr>() {
        assert_eq!(listen.to_string().parse(), Ok(listen));
    }
});
