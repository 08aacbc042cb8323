//! Two networks in namespaces of their own.

use super::shell::{installed, is_root, shell};

/// Whether [`in_two_networks`] can run scripts.
pub(crate) fn can_make_networks() -> bool {
    is_root() && installed(&["unshare", "nsenter", "ip", "python3"])
}

/// Runs a script of bash in a network namespace with two interfaces, `va` at 192.0.2.1, fd00:1::1 and
/// `wa` at 198.51.100.1, each connected to a second namespace, in which `there COMMAND` runs
/// a command and the interfaces `vb` at .2 and `wb` at .2 are. `server ARGS` starts a server and sets
/// `port`.
#[track_caller]
pub(crate) fn in_two_networks(script: &str) -> Vec<String> {
    let script = format!(
        r#"
        set -e
        cd "$(mktemp -d)"
        trap 'kill $(jobs -p); rm -r "$PWD"' EXIT
        there() {{ nsenter --target "$other" --net "$@"; }}
        server() {{
            : > log
            "$PROGRAM" serve "$@" 2> log &
            until grep -q listens log; do sleep 0.02; done
            port=$(sed -n 's/.* on .*:\([0-9]*\); try.*/\1/p' log)
        }}
        unshare --net sleep 600 &
        other=$!
        until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do
            sleep 0.02
        done
        for link in v w; do
            ip link add name ${{link}}a type veth peer name ${{link}}b netns $other
        done
        ip address add 192.0.2.1/24 broadcast + dev va
        there ip address add 192.0.2.2/24 broadcast + dev vb
        ip address add fd00:1::1/64 dev va nodad
        there ip address add fd00:1::2/64 dev vb nodad
        ip address add 198.51.100.1/24 dev wa
        there ip address add 198.51.100.2/24 dev wb
        for link in v w; do
            ip link set ${{link}}a up
            there ip link set ${{link}}b up
        done
        {script}"#
    );
    let script = format!("unshare -n bash -c '{}'", script.replace('\'', r"'\''"));
    let output = shell(&script, b"");
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines.lines().map(str::to_owned).collect()
}
