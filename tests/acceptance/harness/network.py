"""Hosts with addresses of their own, and links between them that are slow, lose packets or are cut.

Each host is a network namespace with a TUN device; a switch of ours (harness.switch) joins them. The test itself
is the host 10.77.0.1, in a namespace of its own as well: nothing of it is seen on the machine's network.
"""
import ctypes
import fcntl
import json
import os
import pathlib
import struct
import subprocess
import sys
import threading

from harness.nodes import Nodes

OWN = "10.77.0.1"
CLUSTER_PORT = 4801
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


own_device = None


def alone(*needs):
    """Runs this program again, in a network namespace of its own. Ends it as skipped where there can be none, or where
    this command fails there."""
    if os.environ.get("ECHELON_TEST_NETWORK"):
        return
    own = ["unshare", *(["--user", "--map-root-user"] if os.geteuid() else []), "--net"]
    probe = subprocess.run([*own, *(needs or ["true"])], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        print(f"skipped: no network namespace or TUN device to be had here {probe.stderr}")
        sys.exit(77)
    os.environ["ECHELON_TEST_NETWORK"] = "1"
    os.execvp(own[0], [*own, sys.executable, "-B", *sys.argv])


def enter():
    """As alone(); there this program has the address OWN."""
    global own_device
    alone("test", "-c", "/dev/net/tun")
    own_device = attach(OWN)


def attach(address):
    """A TUN device with this address in the calling thread's namespace; its descriptor."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"net0", IFF_TUN | IFF_NO_PI))
    for command in (f"addr add {address}/24 dev net0", "link set net0 up", "link set lo up"):
        subprocess.run(["ip", *command.split()], check=True)
    return device


def host(address):
    """A namespace with such a device: descriptors of both. The namespace lives as long as they do."""
    made = []

    def make():
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        made.append(os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY))
        made.append(attach(address))
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made


class Network:
    """Named hosts on one switch."""

    def __init__(self, names, seed=1):
        self.addresses = {name: f"10.77.0.{11 + i}" for i, name in enumerate(names)}
        self.namespaces, self.links = {}, {}
        devices = {OWN: own_device}
        for name, address in self.addresses.items():
            self.namespaces[name], devices[address] = host(address)
        self.switch = subprocess.Popen(
            [sys.executable, "-B", pathlib.Path(__file__).with_name("switch.py"), str(seed),
             *[f"{address}={fd}" for address, fd in devices.items()]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=devices.values())
        self.devices = devices

    def close(self):
        self.switch.kill()
        self.switch.communicate()
        for fd in [*self.devices.values(), *self.namespaces.values()]:
            if fd != own_device:
                os.close(fd)

    def inside(self, name):
        """What to put before a command so that it runs at this host."""
        return ("nsenter", f"--net=/proc/{os.getpid()}/fd/{self.namespaces[name]}")

    def link(self, source, target, delay=0.0, jitter=0.0, loss=0.0):
        """How packets are to go from one host to another, once apply() was called."""
        self.links[source, target] = [delay, jitter, loss]

    def links_of_all(self, **how):
        for a in self.addresses:
            for b in self.addresses:
                if a != b:
                    self.link(a, b, **how)
        self.apply()

    def cut(self, source, target):
        """Nothing is to pass from one to the other; the other way it does. Connections do not learn of it."""
        self.link(source, target, loss=1.0)

    def apply(self):
        """Puts all links in force; returns when they are."""
        rules = {f"{self.addresses[a]}>{self.addresses[b]}": rule for (a, b), rule in self.links.items()}
        self.switch.stdin.write(json.dumps(rules) + "\n")
        self.switch.stdin.flush()
        if self.switch.stdout.readline() != "ok\n":
            raise RuntimeError("the switch has ended")


class NetworkNodes(Nodes):
    """Nodes a, b, c, ... each on a host of its own. Upstreams must listen at OWN."""

    def __init__(self, case, settings, count, weather=None, **more):
        super().__init__(case, settings, count, **more)
        self.weather = weather or {}
        self.network = Network(self.names)
        case.addCleanup(self.network.close)
        self.cluster["seeds"] = [f"{a}:{CLUSTER_PORT}" for a in self.network.addresses.values()]
        self.heal()

    def place(self, name):
        address = self.network.addresses[name]
        return {"args": ("--node", name, "--cluster-listen", f"{address}:{CLUSTER_PORT}"),
                "wrap": self.network.inside(name), "listen": f"{address}:0"}

    def heal(self):
        self.network.links_of_all(**self.weather)

    def split(self, *sides):
        """Between these sides nothing passes any more."""
        for side in sides:
            for a in side:
                for b in self.names:
                    if b not in side:
                        self.network.cut(a, b)
        self.network.apply()
