#!/usr/bin/env python3
"""between.py LISTEN SERVER HIDE

Stands between one vhost-user front end and its server, passes every message and descriptor on, hides
the protocol features of which HIDE is the mask, and prints what was sent: "request N COUNT" lines for
the front end's requests and "set N VALUE" for the features that it chose, when the connection ends.
"""
import collections
import os
import socket
import struct
import sys
import threading

GET_PROTOCOL_FEATURES = 15
CHOICES = (2, 16)  # SET_FEATURES, SET_PROTOCOL_FEATURES
HEADER = struct.Struct("=III")
MOST_FDS = 8


def exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def messages(sock):
    """(request, flags, payload, descriptors) until the other end closes."""
    while True:
        head, fds, _, _ = socket.recv_fds(sock, HEADER.size, MOST_FDS)
        if not head:
            return
        head += exactly(sock, HEADER.size - len(head))
        request, flags, size = HEADER.unpack(head)
        yield request, flags, exactly(sock, size), fds


def carry(source, target, look):
    try:
        for request, flags, payload, fds in messages(source):
            payload = look(request, payload)
            data = HEADER.pack(request, flags, len(payload)) + payload
            sent = socket.send_fds(target, [data], fds) if fds else 0
            target.sendall(data[sent:])
            for fd in fds:
                os.close(fd)
    except (EOFError, OSError):
        pass
    for sock in (source, target):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main():
    listen, server, hide = sys.argv[1], sys.argv[2], int(sys.argv[3], 0)
    counts, choices = collections.Counter(), {}
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(listen)
    listener.listen(1)
    front, _ = listener.accept()
    back = socket.socket(socket.AF_UNIX)
    back.connect(server)

    def asked(request, payload):
        counts[request] += 1
        if request in CHOICES:
            choices[request] = struct.unpack("=Q", payload)[0]
        return payload

    def answered(request, payload):
        if request == GET_PROTOCOL_FEATURES and len(payload) == 8:
            return struct.pack("=Q", struct.unpack("=Q", payload)[0] & ~hide)
        return payload

    threading.Thread(target=carry, args=(back, front, answered), daemon=True).start()
    carry(front, back, asked)
    for request, value in sorted(choices.items()):
        print(f"set {request} {value:#x}")
    for request, count in sorted(counts.items()):
        print(f"request {request} {count}")


if __name__ == "__main__":
    main()
