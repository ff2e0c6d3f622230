"""A vhost-user front end with a block driver, small and slow: for tests of `vq serve`.

It shares no code with the project, so that both cannot be wrong in the same way.
"""
import mmap
import os
import select
import socket
import struct

SET_FEATURES, GET_FEATURES, SET_OWNER, SET_MEM_TABLE = 2, 1, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE = 8, 9, 10, 11
SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ENABLE = 12, 13, 18
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM, GET_CONFIG = 15, 16, 17, 24

VERSION_1, PROTOCOL_FEATURES = 1 << 32, 1 << 30
P_MQ, P_REPLY_ACK, P_CONFIG = 1 << 0, 1 << 3, 1 << 9
IN, OUT, FLUSH, GET_ID = 0, 1, 4, 8

SIZE = 16            # descriptors of a ring
SLOT = 1 << 17       # memory of one request: header, data, status
AREA = 1 << 16       # memory of the parts of one ring
USER = 0x7F0000000000
NEXT, WRITE = 1, 2


class FrontEnd:
    def __init__(self, path, queues=1, timeout=10):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.timeout = timeout
        self.queues = queues
        self.bytes = queues * (AREA + SIZE * SLOT)
        self.fd = os.memfd_create("memory")
        os.ftruncate(self.fd, self.bytes)
        self.memory = mmap.mmap(self.fd, self.bytes)
        self.kick = [os.eventfd(0) for _ in range(queues)]
        self.call = [os.eventfd(0) for _ in range(queues)]
        self.available = [0] * queues
        self.used = [0] * queues

    def close(self):
        self.socket.close()
        self.memory.close()
        for fd in [self.fd, *self.kick, *self.call]:
            os.close(fd)

    # ---- messages ----

    def send(self, request, payload=b"", fds=()):
        header = struct.pack("=III", request, 1, len(payload))
        socket.send_fds(self.socket, [header + payload], list(fds))

    def receive(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError("the back end closed the connection")
            data += more
        return data

    def ask(self, request, payload=b""):
        self.send(request, payload)
        number, flags, size = struct.unpack("=III", self.receive(12))
        assert (number, flags) == (request, 5), (number, flags)
        return self.receive(size)

    def ask_u64(self, request):
        return struct.unpack("=Q", self.ask(request))[0]

    def config(self, offset, count):
        reply = self.ask(GET_CONFIG, struct.pack("=III", 0, offset + count, 0) + bytes(offset + count))
        return reply[12 + offset:]

    def negotiate(self, wanted=VERSION_1):
        self.offered = self.ask_u64(GET_FEATURES)
        protocol = self.ask_u64(GET_PROTOCOL_FEATURES)
        self.send(SET_PROTOCOL_FEATURES, struct.pack("=Q", protocol & (P_MQ | P_REPLY_ACK | P_CONFIG)))
        self.send(SET_OWNER)
        self.send(SET_FEATURES, struct.pack("=Q", self.offered & (wanted | PROTOCOL_FEATURES)))

    def start(self):
        self.send(SET_MEM_TABLE, struct.pack("=IIQQQQ", 1, 0, 0, self.bytes, USER, 0), [self.fd])
        for q in range(self.queues):
            base = USER + q * AREA
            self.send(SET_VRING_NUM, struct.pack("=II", q, SIZE))
            self.send(SET_VRING_BASE, struct.pack("=II", q, 0))
            self.send(SET_VRING_ADDR,
                      struct.pack("=IIQQQQ", q, 0, base, base + 8192, base + 4096, 0))
            self.send(SET_VRING_CALL, struct.pack("=Q", q), [self.call[q]])
            self.send(SET_VRING_KICK, struct.pack("=Q", q), [self.kick[q]])
            self.send(SET_VRING_ENABLE, struct.pack("=II", q, 1))
        return self

    def connect(self, wanted=VERSION_1):
        self.negotiate(wanted)
        return self.start()

    def stop(self):
        """Where each ring stood."""
        return [struct.unpack("=II", self.ask(GET_VRING_BASE, struct.pack("=II", q, 0)))[1]
                for q in range(self.queues)]

    # ---- requests ----

    def slot(self, q, number):
        return self.queues * AREA + (q * (SIZE // 4) + number) * SLOT

    def add(self, q, number, kind, sector, data=b"", room=0):
        """Makes request `number` (0 to 3) available in four descriptors at most."""
        address, head = self.slot(q, number), number * 4
        self.memory[address:address + 16] = struct.pack("<IIQ", kind, 0, sector)
        self.memory[address + 16:address + 16 + len(data)] = data
        status = address + SLOT - 1
        self.memory[status:status + 1] = b"\xff"
        parts = [(address, 16, 0)]
        if data:
            parts.append((address + 16, len(data), 0))
        if room:
            parts.append((address + 16, room, WRITE))
        parts.append((status, 1, WRITE))
        for i, (where, length, flags) in enumerate(parts):
            last = i == len(parts) - 1
            at = q * AREA + (head + i) * 16
            self.memory[at:at + 16] = struct.pack(
                "<QIHH", where, length, flags | (0 if last else NEXT), 0 if last else head + i + 1)
        ring = q * AREA + 4096
        entry = ring + 4 + 2 * (self.available[q] % SIZE)
        self.memory[entry:entry + 2] = struct.pack("<H", head)
        self.available[q] = (self.available[q] + 1) & 0xFFFF
        self.memory[ring + 2:ring + 4] = struct.pack("<H", self.available[q])

    def notify(self, q):
        os.write(self.kick[q], struct.pack("=Q", 1))

    def wait(self, q, count=1):
        """Waits until `count` more are used."""
        self.used[q] = (self.used[q] + count) & 0xFFFF
        while struct.unpack_from("<H", self.memory, q * AREA + 8192 + 2)[0] != self.used[q]:
            if not select.select([self.call[q]], [], [], self.timeout)[0]:
                raise TimeoutError("no used buffer notification")
            os.read(self.call[q], 8)

    def request(self, kind, sector=0, data=b"", room=0, q=0):
        self.add(q, 0, kind, sector, data, room)
        self.notify(q)
        self.wait(q)
        address = self.slot(q, 0)
        return self.memory[address + SLOT - 1], self.memory[address + 16:address + 16 + room]
