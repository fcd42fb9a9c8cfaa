"""Begins calls and resets them at once, as many as are asked for: see ../test_hostile_peers.py."""

import socket
import sys

import h2.config
import h2.connection
import h2.exceptions

address, calls = sys.argv[1], int(sys.argv[2])
host, _, port = address.rpartition(":")
HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", address),
    (":path", "/wattscan.v1.ImagingService/Segment"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]
sent = connections = 0
while sent < calls and connections < calls:
    connections += 1
    state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    with socket.create_connection((host, int(port)), 10) as peer:
        state.initiate_connection()
        try:
            while sent < calls:
                for _ in range(100):
                    stream = state.get_next_available_stream_id()
                    state.send_headers(stream, HEADERS)
                    state.reset_stream(stream)
                    sent += 1
                peer.sendall(state.data_to_send())
        except (OSError, h2.exceptions.ProtocolError):
            continue  # sent away: once more
print(sent, connections)
