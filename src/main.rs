//! The program `switchboard`. Its code is in the library, where other programs can use it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    switchboard::main()
}
