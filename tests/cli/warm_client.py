# SPDX-License-Identifier: Apache-2.0
"""What a shell runs as tdxctl: has a process that is warm (tests/cli/warm.py) run it, and waits.

    python -ISE warm_client.py SOCKET ARGUMENT...

It imports next to nothing; a start of it costs less than a tenth of one of tdxctl.
"""

import json
import os
import socket
import sys

link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
asked = {"argv": sys.argv[2:], "cwd": os.getcwd(), "environment": dict(os.environ)}
data = json.dumps(asked).encode()
link.sendall(len(data).to_bytes(8, "big"))
socket.send_fds(link, [b"f"], [0, 1, 2])
link.sendall(data)
for stream in range(3):
    os.close(stream)  # whoever reads what is printed waits for its last writer
answer = b""
while len(answer) < 8:
    answer += link.recv(8 - len(answer)) or sys.exit("error: the process that is warm is gone")
code = int.from_bytes(answer, "big", signed=True)
os._exit(code if code >= 0 else 128 - code)
