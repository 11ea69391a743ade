"""Clients by the networks they come from: server.max_connections_per_client (docs/security.md)."""
import subprocess

from harness import client, network, sockets, steps
from harness.case import Case, main

HERE = "2001:db8:ffff::1"  # Where the router is asked.
ONE = [f"2001:db8:1:1::{x}" for x in ("1", "2", "3")]
OTHER = [f"2001:db8:1:2::{x}" for x in ("1", "2", "3")]


def settle(addresses):
    """This machine has these addresses from now on."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for x in addresses:
        subprocess.run(["ip", "addr", "add", f"{x}/128", "dev", "lo", "nodad"], check=True)


class Networks(Case):
    def serve_two_each(self):
        self.upstream(steps.ok())
        router = self.serve(server={"max_connections_per_client": 2, "admin_token": "t"}, listen="[::]:0")
        self.port = sockets.port_of(router.url)
        return router

    def come(self, source):
        """A connection from there that stays, and the answer it got."""
        url = f"http://{f'[{HERE}]' if ':' in source else '127.0.0.1'}:{self.port}"
        c = client.Connection(url, source=source)
        self.addCleanup(c.close)
        c.send("GET", "/healthz")
        return c, c.reply()

    def assertTaken(self, source):
        c, reply = self.come(source)
        self.assertEqual(reply.status, 200, source)
        return c

    def assertRefused(self, source):
        _, reply = self.come(source)
        self.assertEqual(self.assertError(reply, 503)["code"], "too_many_connections", source)
        self.assertRetryAfter(reply, 1, 1)

    def test_the_addresses_of_one_network_are_one_client(self):
        router = self.serve_two_each()
        first = self.assertTaken(ONE[0])
        self.assertTaken(ONE[1])
        for source in ONE:
            self.assertRefused(source)
        self.assertIn("a connection from 2001:db8:1:1::/64 is refused", router.log())
        # The next network is another client, though it is the next.
        for source in OTHER[:2]:
            self.assertTaken(source)
        self.assertRefused(OTHER[2])
        self.assertIn(b'echelon_http_shed_total{reason="client_connections"} 4\n', router.get("/metrics").body)
        first.close()
        self.assertTrue(client.until(lambda: self.come(ONE[2])[1].status == 200))

    def test_IPv4_clients_of_a_listener_for_both_are_one_each(self):
        router = self.serve_two_each()
        for source in ("127.0.0.2", "127.0.0.3"):
            for _ in range(2):
                self.assertTaken(source)
            self.assertRefused(source)
        self.assertIn(b'echelon_http_shed_total{reason="client_connections"} 2\n', router.get("/metrics").body)


if __name__ == "__main__":
    network.alone()
    settle([HERE, *ONE, *OTHER])
    main()
