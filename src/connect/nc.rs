//! The options of nc that `connect` has under another name.

/// What to use in place of an option of nc that `connect` does not know. `-q` takes a time in nc, which
/// is an unexpected argument here.
pub(crate) fn tip(arg: &str, has_quiet: bool) -> Option<&'static str> {
    Some(match arg {
        "-N" => "the end of input closes the sending side without an option, as '--eof half'",
        "-p" => "to connect from a port, use '--source :PORT'",
        "-w" => "use '--connect-timeout TIME' to connect, and '--idle-timeout TIME' after that",
        "-U" => "for a Unix socket, use the address 'unix:PATH'",
        "-z" => "to see only whether a server accepts, use '--eof close < /dev/null'",
        "-n" => "an IP address is never looked up, leave out '-n'",
        _ if has_quiet && !arg.starts_with('-') => {
            "'-q' is --quiet here; to wait for 1 s after the end of input, use '--eof wait:1s'"
        }
        _ => return None,
    })
}
