#!/usr/bin/env python3
"""The command `vq serve blk` from outside, as TAP: serve.py VQ DESCRIPTION"""
import ctypes
import fcntl
import json
import os
import pathlib
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
import frontend  # noqa: E402 pylint: disable=wrong-import-position

VQ, DESCRIPTION = map(os.path.abspath, sys.argv[1:3])
MIB = 1 << 20
# Instrumented programs are slow to start and to end; no test says how fast anything is.
PATIENCE = 30


class Skip(Exception):
    """What a case would have needed."""


class Server:
    def __init__(self, *arguments, expect="ready", **popen):
        self.process = subprocess.Popen([VQ, "serve", "blk", *arguments],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        encoding="utf-8", **popen)
        self.pid = self.process.pid
        self.ready = self.line() if expect else ""
        assert self.ready.startswith(expect) or json.loads(self.ready)["event"] == "ready", self.ready

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err

    def held(self):
        """Descriptors and mappings."""
        maps = pathlib.Path(f"/proc/{self.pid}/maps").read_text().splitlines()
        return len(os.listdir(f"/proc/{self.pid}/fd")), sum("memfd" in m for m in maps)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def run(*arguments):
    return subprocess.run([VQ, "serve", *arguments], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)


def until(condition):
    for _ in range(PATIENCE * 100):
        if condition():
            return True
        time.sleep(0.01)
    return False


# ---- cases ----

def capabilities():
    for junk in ([], ["--no-such-option", "x"], ["--socket-path=s", "--fd=0"]):
        done = run("blk", *junk, "--print-capabilities")
        assert done.returncode == 0, done
        said = json.loads(done.stdout)
        assert said == {"type": "block", "features": ["read-only", "blk-file"]}, said
    assert not os.path.exists("s")


def described():
    file = pathlib.Path(DESCRIPTION)
    said = json.loads(file.read_text(encoding="ascii"))
    assert set(said) == {"description", "type", "binary"} and said["type"] == "block", said
    assert said["binary"].startswith("/") and said["description"], said
    assert re.fullmatch(r"[0-9]{2}-[a-z-]+\.json", file.name), file


def wrong_options():
    memory = ["--memory", "1M"]
    for options, word in [
            (["--socket-path", "s", "--fd", "0", *memory], "one of them"),
            (memory, "--socket-path"),
            (["--socket-path", "s"], "--blk-file"),
            (["--socket-path", "s", *memory, "--null", "1M"], "only one"),
            (["--socket-path", "s", "--memory", "1Q"], "size"),
            (["--socket-path", "s", "--memory", "1000"], "multiple"),
            (["--socket-path", "s", *memory, "--num-queues", "0"], "--num-queues"),
            (["--socket-path", "s", *memory, "--queue-size", "100"], "power of two"),
            (["--socket-path", "s", *memory, "--disable", "event_idx,warp"], "'warp'"),
            (["--socket-path", "s", *memory, "--serial", "x" * 21], "20"),
            (["--socket-path", "s", *memory, "--wibble"], "--wibble"),
            (["--socket-path", "s", *memory, "left"], "left")]:
        done = run("blk", *options)
        assert done.returncode == 2 and word in done.stderr, (options, done)
    assert not os.path.exists("s")


def no_image():
    done = run("blk", "--socket-path", "s", "--blk-file", "missing.img")
    assert done.returncode == 1 and "missing.img" in done.stderr, done
    done = run("blk", "--socket-path", "s", "--blk-file", "./" * 1000 + "missing.img")
    assert done.returncode == 1 and "make it first" in done.stderr, done
    assert not os.path.exists("s")
    done = run("blk", "--socket-path", "x" * 200, "--memory", "1M")
    assert done.returncode == 1 and "shorter" in done.stderr, done


def ready_and_end():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Server("--socket-path=s", "--memory=8M") as server:
            assert "8 MiB" in server.ready and "s" in server.ready, server.ready
            assert os.path.exists("s")
            status, _, err = server.end(number)
            assert status == 0 and err == "", (status, err)
            assert not os.path.exists("s")


def null_streams():
    """0, 1 and 2 may be /dev/null."""
    with open(os.devnull, "r+b") as null:
        process = subprocess.Popen([VQ, "serve", "blk", "--socket-path=s", "--memory=1M"],
                                   stdin=null, stdout=null, stderr=null)
        try:
            assert until(lambda: os.path.exists("s"))
            fe = frontend.FrontEnd("s").connect()
            assert fe.request(frontend.IN, 0, room=512)[0] == 0
            fe.close()
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def as_json():
    with Server("--socket-path", "s", "--memory", "1M", "--json") as server:
        ready = json.loads(server.ready)
        assert (ready["bytes"], ready["queues"], ready["socket_path"]) == (MIB, 4, "s"), ready
        fe = frontend.FrontEnd("s").connect()
        fe.request(frontend.IN, 0, room=512)
        connected = json.loads(server.line())
        assert connected["event"] == "connected" and "version_1" in connected["features"], connected
        fe.close()
        gone = json.loads(server.line())
        assert gone["event"] == "disconnected" and gone["requests"] == 1, gone
        assert server.end()[0] == 0


def odd_names():
    """What a path holds is neither a second line nor the end of a string."""
    # Too long, a surrogate, beyond the last one, and what ends in the middle of a character.
    disk = ["--blk-file", "a\nready: b\\\u0085.img", "--socket-path",
            b"s\x1b[2J\"\xe9\xed\xa0\x80\xc3\xa9\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf"
            b"\xf4\x90\x80\x80\xf0\x9f\x98\x80\xf0\x9f\x98"]
    done = run("blk", *disk)
    assert done.returncode == 1 and "a\\x0aready: b\\\\\\xc2\\x85.img" in done.stderr, done
    assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done
    pathlib.Path("a\nready: b\\\u0085.img").write_bytes(bytes(MIB))
    with Server(*disk) as server:
        assert "from a\\x0aready: b\\\\\\xc2\\x85.img (" in server.ready, server.ready
        assert server.ready.endswith(
            "s\\x1b[2J\"\\xe9\\xed\\xa0\\x80\u00e9\\xc0\\xaf\\xe0\\x80\\xaf\\xf0\\x80\\x80\\xaf"
            "\\xf4\\x90\\x80\\x80\U0001f600\\xf0\\x9f\\x98"), server.ready
        assert server.end()[0] == 0
    with Server(*disk, "--json") as server:
        path = json.loads(server.ready)["socket_path"]
        bad = "\ufffd"
        assert path == f's\x1b[2J"{bad * 4}\u00e9{bad * 13}\U0001f600{bad * 3}', path
        assert server.end()[0] == 0


def live_and_stale():
    with Server("--socket-path", "s", "--memory", "1M") as first:
        done = run("blk", "--socket-path", "s", "--memory", "1M")
        assert done.returncode == 1 and "another server" in done.stderr, done
        # The first one is none the worse.
        fe = frontend.FrontEnd("s").connect()
        assert fe.request(frontend.IN, 0, room=512)[0] == 0
        fe.close()
        first.process.kill()
        first.process.wait()
    assert os.path.exists("s")
    with Server("--socket-path", "s", "--memory", "1M") as second:
        frontend.FrontEnd("s").connect().close()
        assert second.end()[0] == 0
    with open("s", "w", encoding="ascii") as file:
        file.write("precious")
    done = run("blk", "--socket-path", "s", "--memory", "1M")
    assert done.returncode == 1 and "not a socket" in done.stderr, done
    assert pathlib.Path("s").read_text(encoding="ascii") == "precious"


def data_in_file():
    image = pathlib.Path("disk.img")
    image.write_bytes(bytes(MIB))
    data = os.urandom(65536)
    with Server("--socket-path", "s", "--blk-file", image, "--num-queues", "2",
                "--serial", "a-disk") as server:
        fe = frontend.FrontEnd("s", queues=2).connect()
        assert struct.unpack("<Q", fe.config(0, 8))[0] == MIB // 512
        assert fe.ask_u64(frontend.GET_QUEUE_NUM) == 2
        assert fe.request(frontend.OUT, 16, data=data)[0] == 0
        assert fe.request(frontend.FLUSH, q=1)[0] == 0
        assert fe.request(frontend.IN, 16, room=65536, q=1) == (0, data)
        assert fe.request(frontend.GET_ID, room=20)[1].rstrip(b"\0") == b"a-disk"
        assert fe.request(frontend.IN, MIB // 512, room=512)[0] == 1
        assert fe.stop() == [3, 2]
        fe.close()
        assert server.end()[0] == 0
    assert image.read_bytes()[16 * 512:16 * 512 + 65536] == data


def read_only():
    image = pathlib.Path("disk.img")
    image.write_bytes(b"x" * MIB)
    with Server("--socket-path", "s", "--blk-file", image, "--read-only") as server:
        assert "read-only" in server.ready
        fe = frontend.FrontEnd("s").connect(frontend.VERSION_1 | 1 << 5)
        assert fe.offered & 1 << 5
        assert fe.request(frontend.OUT, 0, data=bytes(512))[0] == 1
        assert fe.request(frontend.IN, 0, room=512) == (0, b"x" * 512)
        fe.close()
    assert image.read_bytes() == b"x" * MIB


def disabled_features():
    with Server("--socket-path", "s", "--memory", "1M", "--disable", "version_1,event_idx"):
        fe = frontend.FrontEnd("s").connect()
        assert not fe.offered & (frontend.VERSION_1 | 1 << 29)
        assert fe.offered & 1 << 28
        assert fe.request(frontend.IN, 0, room=512)[0] == 0
        fe.close()


def many_queues():
    pathlib.Path("disk.img").write_bytes(bytes(MIB))
    with Server("--socket-path", "s", "--blk-file", "disk.img", "--num-queues=16",
                "--queue-size=16"):
        fe = frontend.FrontEnd("s", queues=16).connect()
        for q in range(16):
            assert fe.request(frontend.OUT, q, data=bytes([q]) * 512, q=q)[0] == 0
        for q in range(16):
            assert fe.request(frontend.IN, 15 - q, room=512, q=q) == (0, bytes([15 - q]) * 512)
        fe.close()


def inherited():
    """A listening socket, and a connection, at a descriptor that is not 3."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        listener.listen()
        with Server("--fd", str(listener.fileno()), "--memory=1M",
                    pass_fds=[listener.fileno()]) as server:
            for _ in range(2):
                fe = frontend.FrontEnd("s").connect()
                assert fe.request(frontend.IN, 0, room=512)[0] == 0
                fe.close()
            assert server.end()[0] == 0
        # Who made it removes it.
        assert os.path.exists("s")
    done = run("blk", "--fd", "77", "--memory", "1M")
    assert done.returncode == 1 and "--fd" in done.stderr, done


def one_at_a_time():
    with Server("--socket-path", "s", "--memory", "1M"):
        first = frontend.FrontEnd("s").connect()
        second = frontend.FrontEnd("s", timeout=PATIENCE)
        second.send(frontend.GET_FEATURES)
        assert first.request(frontend.IN, 0, room=512)[0] == 0
        first.close()
        second.receive(20)
        second.connect()
        assert second.request(frontend.IN, 0, room=512)[0] == 0
        second.close()


LOAD = """
import os, sys
sys.path.insert(0, sys.argv[1])
import frontend
fe = frontend.FrontEnd(sys.argv[2], queues=2).connect()
data = os.urandom(65536)
done = False
while True:
    for q in range(2):
        for n in range(4):
            fe.add(q, n, frontend.OUT, n * 128, data)
        fe.notify(q)
    for q in range(2):
        fe.wait(q, 4)
    # Only answers show that the server knows of this front end.
    if not done:
        print("busy", flush=True)
        done = True
"""


class Load:
    """A front end in a process of its own, writing as fast as it can."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOAD, os.path.dirname(frontend.__file__), "s"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout.readline() == "busy\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def end_under_load():
    pathlib.Path("disk.img").write_bytes(bytes(MIB))
    with Server("--socket-path", "s", "--blk-file", "disk.img") as server, Load():
        status, out, err = server.end()
        assert status == 0 and err == "", (status, err)
        assert "disconnected" in out and "stopped" in out, out
        assert not os.path.exists("s")


def killed_client():
    pathlib.Path("disk.img").write_bytes(bytes(MIB))
    with Server("--socket-path", "s", "--blk-file", "disk.img") as server:
        for _ in range(3):
            with Load():
                pass
        fe = frontend.FrontEnd("s", timeout=PATIENCE).connect()
        assert fe.request(frontend.OUT, 0, data=b"y" * 512)[0] == 0
        assert fe.request(frontend.IN, 0, room=512) == (0, b"y" * 512)
        fe.close()
        assert server.end()[0] == 0


def truncated_memory():
    """Buffers and rings are gone when a worker touches them."""
    pathlib.Path("disk.img").write_bytes(bytes(MIB))
    for disk in (["--memory", "1M"], ["--blk-file", "disk.img"]):
        with Server("--socket-path", "s", *disk) as server:
            before = server.held()
            fe = frontend.FrontEnd("s", timeout=PATIENCE).connect()
            assert fe.request(frontend.OUT, 0, data=b"z" * 512)[0] == 0
            fe.add(0, 0, frontend.IN, 0, room=512)
            os.ftruncate(fe.fd, 0)
            fe.notify(0)
            assert fe.socket.recv(1) == b""
            fe.close()
            lines = [server.line()]
            while not lines[-1].startswith("disconnected"):
                lines.append(server.line())
                assert lines[-1], lines
            assert "truncated" in lines[-1], lines
            fe = frontend.FrontEnd("s", timeout=PATIENCE).connect()
            assert fe.request(frontend.IN, 0, room=512) == (0, b"z" * 512)
            fe.close()
            assert until(lambda: server.held() == before), (before, server.held())
            assert server.end()[0] == 0


def no_leak():
    pathlib.Path("disk.img").write_bytes(bytes(MIB))
    with Server("--socket-path", "s", "--blk-file", "disk.img") as server:
        before = server.held()
        for turn in range(100):
            fe = frontend.FrontEnd("s", queues=2, timeout=PATIENCE).connect()
            for q in range(2):
                for n in range(4):
                    fe.add(q, n, frontend.OUT, n, os.urandom(4096))
                fe.notify(q)
            if turn % 4 == 0:
                fe.wait(0, 4)
            fe.close()
        assert until(lambda: server.held() == before), (before, server.held())
        assert server.end()[0] == 0


def at_once_again():
    """Whatever way the former one ended, the next one gets the image."""
    pathlib.Path("disk.img").write_bytes(bytes(MIB))
    for number in [signal.SIGKILL, signal.SIGTERM] * 5:
        with Server("--socket-path", "s", "--blk-file", "disk.img") as server:
            with Load():
                server.end(number)


def sleeping_in(pid):
    """The number of the system call in which the program sleeps, and how many descriptors if that is
    poll or its like; None while it runs."""
    try:
        number, *more = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()
    except PermissionError as error:
        raise Skip("/proc/PID/syscall") from error
    if not number.isdigit():
        return None
    return int(number), int(more[1], 16) if number in ("7", "73", "271") else 0


def asleep(pid, instead_of=None):
    """Where it sleeps, as soon as it does; not in the one call that is named."""
    seen = []
    assert until(lambda: seen.append(sleeping_in(pid)) or seen[-1] not in (None, instead_of)), seen[-1]
    return seen[-1]


def no_descriptors():
    """Who cannot be accepted waits, and the server goes on listening to signals."""
    with Server("--socket-path", "s", "--memory", "1M") as server:
        frontend.FrontEnd("s").connect().close()
        assert until(lambda: server.held()[1] == 0)
        sleeping_on = asleep(server.pid)
        limit = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, limit[1]))
        fe = frontend.FrontEnd("s", timeout=PATIENCE)
        said = server.process.stderr.readline()
        assert "cannot accept a front end" in said, said
        # Nobody else writes or reads: it sleeps, and not on nothing.
        assert asleep(server.pid) == sleeping_on
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limit)
        assert fe.connect().request(frontend.IN, 0, room=512)[0] == 0
        fe.close()
        status, _, err = server.end()
        assert status == 0 and err == "", (status, err)


def ended_while_locked():
    pathlib.Path("disk.img").write_bytes(bytes(MIB))
    with open("disk.img", "r+b") as image:
        fcntl.lockf(image, fcntl.LOCK_EX)
        with Server("--socket-path", "s", "--blk-file", "disk.img", expect="") as server:
            said = server.process.stderr.readline()
            assert "waiting for it" in said, said
            status, out, err = server.end()
            assert (status, out, err) == (0, "stopped: SIGTERM\n", ""), (status, out, err)


class Frozen:
    """The threads that serve the rings of a server, held by a debugger's means: as if the disk below
    did not answer."""
    SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000

    def __init__(self, server):
        self.held = []
        for task in pathlib.Path(f"/proc/{server.pid}/task").iterdir():
            if (task / "comm").read_text().startswith("vq-worker"):
                tid = int(task.name)
                if not self.ptrace(self.SEIZE, tid):
                    self.release()
                    raise Skip("ptrace")
                self.ptrace(self.INTERRUPT, tid)
                os.waitpid(tid, self.WALL)
                self.held.append(tid)
        assert self.held

    @staticmethod
    def ptrace(request, tid):
        return ctypes.CDLL(None).ptrace(request, tid, None, None) == 0

    def reap(self):
        while self.held:
            os.waitpid(self.held.pop(), self.WALL)

    def release(self):
        while self.held:
            tid = self.held.pop()
            if not self.ptrace(self.DETACH, tid):  # It was killed.
                os.waitpid(tid, self.WALL)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()


def hanging_disk():
    """A ring cannot be stopped before its requests are done; signals are heard all the same."""
    for second in (True, False):
        with Server("--socket-path", "s", "--memory", "1M") as server:
            fe = frontend.FrontEnd("s", timeout=PATIENCE).connect()
            assert fe.request(frontend.IN, 0, room=512)[0] == 0
            with Frozen(server) as frozen:
                idle = asleep(server.pid)
                fe.send(frontend.GET_VRING_BASE, struct.pack("=II", 0, 0))
                # It has read the message, and waits for a worker, before there is a signal.
                asleep(server.pid, instead_of=idle)
                server.process.send_signal(signal.SIGTERM)
                said = server.process.stderr.readline()
                while "queue 0 waits" in said:
                    said = server.process.stderr.readline()
                assert "SIGTERM: ends when" in said and "second one" in said, said
                if second:
                    server.process.send_signal(signal.SIGTERM)
                    frozen.reap()
                    assert server.process.wait(PATIENCE) == -signal.SIGTERM
                    os.unlink("s")
            if not second:
                assert fe.receive(20)[16:] == struct.pack("=I", 1)
                assert server.process.wait(PATIENCE) == 0
            fe.close()


def lost_server():
    for poll in ([], ["--poll"]):
        with Server("--socket-path", "s", "--null", "1G") as server:
            client = subprocess.Popen([VQ, "bench", "blk", "--socket-path", "s", "--count",
                                       "10000000000", *poll], stderr=subprocess.PIPE, text=True)
            try:
                assert server.line().startswith("connected")
                server.process.kill()
                said = client.communicate(timeout=PATIENCE)[1]
                assert client.returncode == 1 and "closed the connection" in said, said
            finally:
                client.kill()
                client.communicate()


def torn_messages():
    """Cut the stream anywhere: the next one is served."""
    whole = struct.pack("=III", frontend.SET_FEATURES, 1, 8) + struct.pack("=Q", 0)
    with Server("--socket-path", "s", "--memory", "1M") as server:
        before = server.held()
        for cut in range(len(whole)):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect("s")
                s.sendall(whole[:cut])
        with socket.socket(socket.AF_UNIX) as s:
            s.connect("s")
            s.sendall(os.urandom(4096))
        fe = frontend.FrontEnd("s", timeout=PATIENCE).connect()
        assert fe.request(frontend.IN, 0, room=512)[0] == 0
        fe.close()
        assert until(lambda: server.held() == before), (before, server.held())


def broken_ring():
    with Server("--socket-path", "s", "--memory", "1M", "--num-queues", "2") as server:
        fe = frontend.FrontEnd("s", queues=2).connect()
        fe.add(0, 0, frontend.IN, 0, room=512)
        # A chain that never ends.
        fe.memory[14:16] = struct.pack("<H", 0)
        fe.notify(0)
        lines = [server.line(), server.line()]
        assert any("queue 0 is broken" in line and "[" in line for line in lines), lines
        assert fe.request(frontend.IN, 0, room=512, q=1)[0] == 0
        fe.close()
        fe = frontend.FrontEnd("s", queues=2).connect()
        assert fe.request(frontend.IN, 0, room=512)[0] == 0
        fe.close()


CASES = [
    (capabilities, "prints its capabilities and does nothing else "
                   "[VU-BE-PROG-12 VU-BE-PROG-13 VU-BE-PROG-14 VU-BE-JSON-01 VU-BE-JSON-02]"),
    (described, "is described for management layers [VU-BE-JSON-06 VU-BE-JSON-08]"),
    (wrong_options, "options that make no sense end it with words [VU-BE-PROG-11]"),
    (no_image, "what cannot be had ends it before there is a socket [VU-BE-PROG-02 VU-BE-PROG-03]"),
    (ready_and_end, "a line when it is ready; a signal ends it and removes the socket "
                    "[VU-BE-PROG-04 VU-BE-PROG-09]"),
    (null_streams, "standard streams may be /dev/null [VU-BE-PROG-05]"),
    (as_json, "says the same in JSON"),
    (odd_names, "names of any bytes leave a line a line, and JSON JSON"),
    (live_and_stale, "replaces a dead socket, and neither a living one nor a file"),
    (data_in_file, "what is written over one queue is read over another, and is in the file "
                   "[VU-BE-PROG-17 VU-BE-MQ-02 VU-BE-BASE-01]"),
    (read_only, "a read-only disk stays as it is [VU-BE-PROG-18 VU-BE-JSON-03]"),
    (disabled_features, "features that were disabled are not offered"),
    (many_queues, "serves sixteen queues"),
    (inherited, "takes over a listening socket [VU-BE-PROG-10]"),
    (one_at_a_time, "a second front end waits for its turn"),
    (end_under_load, "SIGTERM under load ends it in order [VU-BE-PROG-06]"),
    (killed_client, "a front end that is killed while writing hurts nobody [VU-BE-RING-23]"),
    (truncated_memory, "a front end that truncates its memory under a worker hurts nobody "
                       "[VU-BE-MEM-13 BUG-74]"),
    (no_leak, "a hundred front ends torn off leave no descriptor and no mapping [VU-BE-HOST-04]"),
    (at_once_again, "a server that was killed can be started again at once"),
    (ended_while_locked, "a signal while it waits for the image's lock is no error"),
    (no_descriptors, "a front end that cannot be accepted waits, and signals are heard meanwhile"),
    (hanging_disk, "a disk that hangs holds up who stops a ring, and no signal"),
    (lost_server, "a driver that sleeps, and one that polls, find out that the server is gone"),
    (torn_messages, "a stream cut at any byte or of noise hurts nobody [VU-BE-TRANS-08]"),
    (broken_ring, "a broken ring is named, and its neighbour and the next front end are served"),
]


def main():
    bad = 0
    print(f"1..{len(CASES)}", flush=True)
    for number, (case, name) in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as directory:
            os.chdir(directory)
            try:
                case()
                print(f"ok {number} - {name}", flush=True)
            except Skip as wanted:
                print(f"ok {number} - {name} # SKIP wanted {wanted}", flush=True)
            except Exception:  # pylint: disable=broad-except
                bad += 1
                print(f"not ok {number} - {name}")
                for line in traceback.format_exc().splitlines():
                    print("#", line)
                sys.stdout.flush()
            os.chdir("/")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
