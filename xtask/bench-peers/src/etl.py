"""Prints the texts of Windows Update's traces with dissect.etl, one a line.

dissect.etl gives the payload of an event that describes itself as bytes; the lines that find the
text in it are ours.
"""

import struct
import sys

from dissect.etl.etl import ETL


def text_of(payload):
    """The text behind the items that describe the event; each says whether another follows."""
    at = 0
    more = True
    while more:
        size, _, linkage, _ = struct.unpack_from("<HHHH", payload, at)
        at += size
        more = bool(linkage & 1)
    return payload[at:].decode("utf-16-le", "replace").split("\0")[0]


def main():
    out = []
    for path in sys.argv[1:]:
        with open(path, "rb") as trace:
            for record in ETL(trace):
                try:
                    event = record.event
                    event.ts()
                    event.event_values()
                except AttributeError:
                    # Events of the system at the head of each trace.
                    continue
                text = text_of(bytes(record.header.payload))
                if text:
                    out.append(" ".join(text.split()))
    sys.stdout.write("\n".join(out) + "\n")


main()
