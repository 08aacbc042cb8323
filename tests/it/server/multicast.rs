//! Multicast groups as listen addresses, and addresses that receive nothing.

use crate::support::{
    MODELS, Server, installed, is_root, program, run_program, shell, stdout_of,
    with_another_machine,
};

/// Runs a script of bash in a network namespace with two interfaces, `va` at 192.0.2.1, fd00:1::1 and
/// `wa` at 198.51.100.1, each connected to a second namespace, in which `there COMMAND` runs
/// a command and the interfaces `vb` at .2 and `wb` at .2 are. `server ARGS` starts a server and sets
/// `port`.
#[track_caller]
fn in_two_networks(script: &str) -> Vec<String> {
    let script = format!(
        r#"
        server() {{
            : > log
            "$PROGRAM" serve "$@" 2> log &
            until grep -q listens log; do sleep 0.02; done
            port=$(sed -n 's/.* on .*:\([0-9]*\); try.*/\1/p' log)
        }}
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
        cat > send.py <<'END'
{SEND}
END
        {script}"#
    );
    let output = with_another_machine(&script);
    output.lines().map(str::to_owned).collect()
}

/// Sends a datagram to each of the hosts in turn, until an answer comes to that to the last host, and
/// prints which were answered and from where.
const SEND: &str = "
import errno, socket, sys
interface, port, hosts = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
index = socket.if_nametoindex(interface)
is_v6 = ':' in hosts[0]
s = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM)
if is_v6:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
else:
    membership = bytes(8) + index.to_bytes(4, sys.byteorder)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, membership)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.settimeout(0.2)
answered = set()
while True:
    try:
        for host in hosts:
            s.sendto(f'{host} x'.encode(), (host, port))
        while True:
            text, address = s.recvfrom(100)
            answered.add(f'{text.decode()} from {address[0]}')
            if text.decode().split()[0] == hosts[-1]:
                print(interface, ', '.join(sorted(answered)))
                sys.exit()
    except TimeoutError:
        pass # the interface is not up yet
    except OSError as error:
        if error.errno != errno.ENETUNREACH:
            raise
";

fn can_make_networks() -> bool {
    is_root() && installed(&["unshare", "nsenter", "ip", "python3"])
}

#[test]
fn a_group_is_received_on_every_interface_and_nothing_else() {
    if !can_make_networks() {
        return;
    }
    for model in MODELS {
        let lines = in_two_networks(&format!(
            "server echo --model {model} --listen udp://239.1.2.3:0
             for link in vb wb; do
                 there python3 send.py $link $port 239.1.2.4 192.0.2.1 192.0.2.255 239.1.2.3
             done
             server echo --model {model} --listen 'udp://[ff15::5]:0'
             there python3 send.py vb $port ff15::6 fd00:1::1 ff15::5"
        ));
        let expected = [
            "vb 239.1.2.3 x from 192.0.2.1",
            "wb 239.1.2.3 x from 198.51.100.1",
            "vb ff15::5 x from fd00:1::1",
        ];
        assert_eq!(lines, expected, "{model}");
    }
}

#[test]
fn a_group_is_received_on_the_given_interface() {
    if !can_make_networks() {
        return;
    }
    // The other server shows that the datagram of `wb` has arrived.
    let lines = in_two_networks(
        "server echo --interface va --listen udp://239.1.2.3:0
         first=$port
         there python3 send.py vb $port 239.1.2.3
         server uppercase --interface wa --listen udp://239.1.2.3:$port
         there python3 send.py vb $port 239.1.2.3
         there python3 send.py wb $port 239.1.2.3
         server echo --interface va --listen 'udp://[ff02::5]:0'
         there python3 send.py vb $port ff02::5
         server echo --listen 'udp://[ff02::6%va]:0'
         there python3 send.py vb $port ff02::6",
    );
    let [first, second, third, link, zone] = lines.try_into().expect("five answers");
    assert_eq!(first, "vb 239.1.2.3 x from 192.0.2.1");
    assert_eq!(second, first);
    assert_eq!(third, "wb 239.1.2.3 X from 198.51.100.1");
    // The address of the link may not be usable yet; then the other one is.
    assert!(link.starts_with("vb ff02::5 x from f"), "{link}");
    assert!(zone.starts_with("vb ff02::6 x from f"), "{zone}");
}

#[test]
fn addresses_that_receive_nothing_are_refused() {
    let refused = |args: &str, message: &str| {
        let (code, _, stderr) = run_program(&format!("serve {args}"), "");
        assert!(code != 0 && stderr.contains(message), "{args}: {stderr}");
    };
    for address in ["239.1.2.3:0", "[ff15::1]:0"] {
        refused(
            &format!("echo --listen {address}"),
            "it is a multicast group; only a UDP server can join it",
        );
    }
    for scheme in ["tcp", "udp"] {
        refused(
            &format!("echo --listen {scheme}://255.255.255.255:0"),
            "it is a broadcast address",
        );
    }
    refused(
        "files . --interface lo --listen udp://239.1.2.3:0",
        "TFTP requests are not sent to multicast groups",
    );
    refused(
        "echo --interface lo --listen 0",
        "--interface is for multicast groups",
    );
    refused(
        "echo --interface no-such --listen udp://239.1.2.3:0",
        "no interface has this name",
    );
    if is_root() && installed(&["unshare"]) {
        let command = format!(
            "unshare -n {} serve echo --listen udp://239.1.2.3:0",
            program().display()
        );
        let output = shell(&command, b"");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let message = "no interface is up and able to receive multicast";
        assert!(stderr.contains(message), "{stderr}");
    }
}

#[test]
fn the_broadcast_address_of_a_network_is_refused() {
    if !can_make_networks() {
        return;
    }
    // The interface `wa` was set up without one.
    let lines = in_two_networks(
        r#"for address in 192.0.2.255 198.51.100.255; do
               for scheme in tcp udp; do
                   timeout 20 "$PROGRAM" serve echo --listen $scheme://$address:0 2>&1 || true
               done
           done"#,
    );
    assert_eq!(lines.len(), 4, "{lines:?}");
    for line in lines {
        assert!(line.contains("it is a broadcast address;"), "{line}");
    }
}

#[test]
fn the_example_of_a_group_is_answered() {
    if !installed(&["socat"]) {
        return;
    }
    let server = Server::serve("uppercase --interface lo --listen udp://239.1.2.3:0");
    let line = server.log("listens on");
    let (_, example) = line.split_once("try: ").expect("an example");
    let output = stdout_of(&example.replace("socat", "socat -t 1"), "hello\n");
    assert_eq!(output, "HELLO\n");
}
