#!/usr/bin/env python3
"""Draws a terminal session as SVG, from a real run of the program.

Usage: python3 docs/terminal.py target/release/switchboard > docs/terminal.svg

The session is the same in every run: the friend has a fixed seed, and the port that the kernel chose is shown as 1212.
"""

import subprocess
import sys
from html import escape

SAID = ["I need a holiday", "My boss never lets me go", "Because of a deadline", "bye"]

# What is drawn: typed text behind a prompt, typed text alone, output.
PROMPT, INPUT, OUTPUT = "prompt", "input", "output"

FONT_SIZE, LINE, MARGIN, BAR = 14, 20, 16, 28


def session(program):
    """Runs the server and a client; returns the lines of the terminal, each with its kind."""
    command = [program, "serve", "eliza", "--seed", "1", "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        announced = server.stderr.readline().rstrip()
        port = announced.rsplit(" ", 1)[1]
        client = subprocess.Popen(
            ["nc", "-N", "127.0.0.1", port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        lines = [
            (PROMPT, "switchboard serve eliza --seed 1 --listen 127.0.0.1:1212 &"),
            (OUTPUT, announced.replace(port, "1212")),
            (PROMPT, "nc localhost 1212"),
            (OUTPUT, client.stdout.readline().rstrip()),
        ]
        for said in SAID:
            client.stdin.write(said + "\n")
            client.stdin.flush()
            lines += [(INPUT, said), (OUTPUT, client.stdout.readline().rstrip())]
        client.stdin.close()
        client.wait(timeout=30)
    finally:
        server.terminate()
        server.wait()
    return lines


def svg(lines):
    """Draws the lines as text in a window."""
    columns = max(len(text) + 2 for _, text in lines)
    width = round(columns * FONT_SIZE * 0.602) + 2 * MARGIN
    height = BAR + len(lines) * LINE + 2 * MARGIN
    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    yield "<title>A terminal: a server is started, and a client has a conversation with the friend</title>"
    yield "<style>"
    yield f"text {{ font: {FONT_SIZE}px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; white-space: pre; }}"
    yield ".prompt, .input { fill: #ffffff; font-weight: bold; } .output { fill: #c9d1d9; } .sign { fill: #7ee787; }"
    yield "</style>"
    yield f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>'
    for place, colour in enumerate(["#ff5f56", "#ffbd2e", "#27c93f"]):
        yield f'<circle cx="{MARGIN + 6 + 20 * place}" cy="{BAR // 2 + 4}" r="6" fill="{colour}"/>'
    for row, (kind, text) in enumerate(lines):
        y = BAR + MARGIN + row * LINE + FONT_SIZE
        sign = '<tspan class="sign">$ </tspan>' if kind == PROMPT else ""
        yield f'<text x="{MARGIN}" y="{y}" class="{kind}" xml:space="preserve">{sign}{escape(text)}</text>'
    yield "</svg>"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: terminal.py PROGRAM > terminal.svg")
    print("\n".join(svg(session(sys.argv[1]))))
