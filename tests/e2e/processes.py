"""What runs and what listens on this machine, read from /proc."""

import socket
import struct
from pathlib import Path

LISTEN = "0A"


def processes_of(group: int) -> list[int]:
    """Return the ids of the living processes in the process group `group`."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the name, which may hold spaces and brackets: state, parent, group.
            state, _parent, its_group = status.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue  # it ended while we looked
        if int(its_group) == group and state != "Z":
            found.append(int(status.parent.name))
    return found


def listening(processes: list[int]) -> set[tuple[str, int]]:
    """Return the addresses and ports on which the `processes` listen for TCP."""
    sockets = {inode for process in processes for inode in _sockets_of(process)}
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and fields[9] in sockets:
                address, port = fields[1].split(":")
                found.add((socket.inet_ntop(family, _network_order(address)), int(port, 16)))
    return found


def _sockets_of(process: int) -> set[str]:
    found = set()
    for entry in Path(f"/proc/{process}/fd").iterdir():
        try:
            target = str(entry.readlink())
        except OSError:
            continue  # closed while we looked
        if target.startswith("socket:["):
            found.add(target[len("socket:[") : -1])
    return found


def _network_order(text: str) -> bytes:
    """Turn the kernel's words, which are in this machine's byte order, into an address."""
    raw = bytes.fromhex(text)
    return struct.pack(f">{len(raw) // 4}I", *struct.unpack(f"={len(raw) // 4}I", raw))
