//! The program. Everything is in the library, so that other programs can be the same with services
//! of their own.

use std::process::ExitCode;

fn main() -> ExitCode {
    switchboard::main()
}
