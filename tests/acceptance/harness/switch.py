"""The switch between the hosts of harness.network: a process that passes IP packets on as its rules say.

usage: switch.py SEED ADDRESS=DESCRIPTOR...   each descriptor is the TUN device of one host
A line on standard input is a JSON object of rules, {"FROM>TO": [delay, jitter, loss]}, which replaces all
rules: delay and jitter in seconds, loss from 0 (passes) to 1 (cut). It is in force once "ok" was written.
"""
import heapq
import json
import os
import random
import select
import socket
import sys
import time


class Switch:
    def __init__(self, seed, devices):
        self.random = random.Random(seed)
        self.devices = devices  # Packed address -> descriptor.
        self.rules = {}
        self.waiting = []  # (due, number, descriptor, packet)
        self.number = 0

    def obey(self, line):
        self.rules = {tuple(socket.inet_aton(a) for a in link.split(">")): rule
                      for link, rule in json.loads(line).items()}

    def take(self, packet):
        if packet[0] >> 4 != 4:
            return  # The hosts' own IPv6 chatter.
        link = packet[12:16], packet[16:20]
        to = self.devices.get(link[1])
        if to is None:
            return
        delay, jitter, loss = self.rules.get(link, (0, 0, 0))
        if loss and self.random.random() < loss:
            return
        if not delay and not jitter:
            send(to, packet)
            return
        self.number += 1
        due = time.monotonic() + delay + jitter * self.random.random()
        heapq.heappush(self.waiting, (due, self.number, to, packet))

    def deliver(self):
        """Sends what is due; milliseconds until the next one, or None."""
        while self.waiting:
            left = self.waiting[0][0] - time.monotonic()
            if left > 0:
                return left * 1000 + 0.5
            _, _, to, packet = heapq.heappop(self.waiting)
            send(to, packet)
        return None


def send(to, packet):
    try:
        os.write(to, packet)
    except OSError:
        pass  # The host is gone, or its queue is full: lost, as on any network.


def main():
    devices = {socket.inet_aton(a): int(fd) for a, fd in (x.split("=") for x in sys.argv[2:])}
    switch = Switch(int(sys.argv[1]), devices)
    poll = select.poll()
    for fd in devices.values():
        os.set_blocking(fd, False)
        poll.register(fd, select.POLLIN)
    poll.register(0, select.POLLIN)
    while True:
        for fd, _ in poll.poll(switch.deliver()):
            if fd == 0:
                line = sys.stdin.readline()
                if not line:
                    return
                switch.obey(line)
                print("ok", flush=True)
                continue
            try:
                for _ in range(64):
                    switch.take(os.read(fd, 65536))
            except OSError:
                pass


if __name__ == "__main__":
    main()
