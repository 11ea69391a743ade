"""The Dockerfile and the manifests for Kubernetes: each is whole in itself, and what they start is a cluster that works."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

from harness import client
from harness.case import Case, main
from harness.nodes import free_ports
from harness.router import run

ROOT = pathlib.Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "packaging/kubernetes/echelon.yaml"
DOCKERFILE = ROOT / "packaging/docker/Dockerfile"


def instructions():
    """(instruction, rest) of the Dockerfile, lines that go on joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


class Image(unittest.TestCase):
    def stages(self):
        found = []
        for name, rest in instructions():
            if name == "FROM":
                found.append([])
            found[-1].append((name, rest))
        return found

    def one(self, stage, name):
        rest, = [x for n, x in stage if n == name]
        return rest

    def test_every_instruction_is_one_and_every_file_exists(self):
        known = {"FROM", "WORKDIR", "COPY", "RUN", "ARG", "USER", "ENV", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
                 "ENTRYPOINT", "CMD"}
        for name, rest in instructions():
            self.assertIn(name, known)
            if name == "COPY" and "--from" not in rest:
                for source in rest.split()[:-1]:
                    self.assertTrue((ROOT / source).exists(), source)
            if name == "RUN":
                self.assertEqual(subprocess.run(["sh", "-n", "-c", rest], check=False).returncode, 0, rest)
            if name == "FROM":
                self.assertRegex(rest, r"^\S+:\d\S*( AS \w+)?$")
        ignored = (ROOT / ".dockerignore").read_text().split()
        self.assertIn(".git", ignored)
        self.assertIn("build", ignored)

    def test_it_is_built_of_the_package_and_runs_without_rights(self):
        build, final = self.stages()
        self.assertIn("scripts/setup --build", self.one(build[:4], "RUN"))
        self.assertIn("echelon_*.deb", self.one(final, "COPY"))
        self.assertRegex(self.one(final, "USER"), r"^[1-9]\d{3,}:[1-9]\d{3,}$")
        self.assertFalse([x for n, x in final if n == "RUN" and "apt-get update" in x and "rm -rf" not in x])

    def test_what_it_starts_answers_and_is_healthy(self):
        final = self.stages()[1]
        command = json.loads(self.one(final, "ENTRYPOINT")) + json.loads(self.one(final, "CMD"))
        self.assertEqual(command[0], "/usr/bin/echelon")
        self.assertEqual(command[-1], "/etc/echelon")
        name, listen = self.one(final, "ENV").split("=")
        self.assertEqual((name, listen), ("ECHELON_LISTEN", f"0.0.0.0:{self.one(final, 'EXPOSE').split()[0]}"))
        health = json.loads(self.one(final, "HEALTHCHECK").split("CMD", 1)[1])
        port, = free_ports(1)
        binary = os.environ["ECHELON_BIN"]
        process = subprocess.Popen([binary, *command[1:-1], str(ROOT / "packaging/debian/echelon.yaml")],
                                   env={**os.environ, name: f"127.0.0.1:{port}"}, stderr=subprocess.DEVNULL)
        try:
            url = f"http://127.0.0.1:{port}"
            self.assertTrue(health[-1].startswith("http://127.0.0.1:8080/"))
            check = [x.replace("http://127.0.0.1:8080", url) for x in health]

            def healthy():
                return subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode == 0
            self.assertTrue(client.until(healthy, 20))
            self.assertEqual(client.chat(url, "demo_group").status, 200)
            process.terminate()
            self.assertEqual(process.wait(20), 0)
            self.assertFalse(healthy())
        finally:
            process.kill()
            process.wait()


def pick(documents, kind, name="echelon"):
    found, = [x for x in documents if x["kind"] == kind and x["metadata"]["name"] == name]
    return found


class Manifests(Case):
    def setUp(self):
        super().setUp()
        self.all = list(yaml.safe_load_all(MANIFESTS.read_text()))
        self.set = pick(self.all, "StatefulSet")["spec"]
        self.pod = self.set["template"]["spec"]
        self.container, = self.pod["containers"]

    def test_what_refers_to_another_one_finds_it(self):
        labels = self.set["template"]["metadata"]["labels"].items()
        ports = {x["name"]: x["containerPort"] for x in self.container["ports"]}
        for selector in (self.set["selector"]["matchLabels"],
                         pick(self.all, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
                         *(x["spec"]["selector"] for x in self.all if x["kind"] == "Service")):
            self.assertLessEqual(selector.items(), labels)
        for service in (x["spec"] for x in self.all if x["kind"] == "Service"):
            for port in service["ports"]:
                self.assertEqual(ports[port["targetPort"]], port["port"])
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            self.assertIn(self.container[probe]["httpGet"]["port"], ports)
        nodes = pick(self.all, "Service", self.set["serviceName"])["spec"]
        self.assertEqual(nodes["clusterIP"], "None")
        self.assertTrue(nodes["publishNotReadyAddresses"])
        mount, = self.container["volumeMounts"]
        volume, = self.pod["volumes"]
        self.assertEqual(mount["name"], volume["name"])
        pick(self.all, "ConfigMap", volume["configMap"]["name"])
        pick(self.all, "Secret", self.container["envFrom"][0]["secretRef"]["name"])
        self.assertIn(f"--config={mount['mountPath']}", self.container["args"])

    def test_a_disruption_leaves_a_quorum_and_a_stop_the_time_to_drain(self):
        settings = yaml.safe_load(pick(self.all, "ConfigMap")["data"]["echelon.yaml"])
        replicas = self.set["replicas"]
        self.assertGreater(replicas - pick(self.all, "PodDisruptionBudget")["spec"]["maxUnavailable"], replicas / 2)
        self.assertEqual(self.set["podManagementPolicy"], "Parallel")
        port = settings["cluster"]["seeds"][0].split(":")[1]
        self.assertEqual(settings["cluster"]["seeds"],
                         [f"echelon-{i}.{self.set['serviceName']}:{port}" for i in range(replicas)])
        pause = int(self.container["lifecycle"]["preStop"]["exec"]["command"][1])
        self.assertGreater(self.pod["terminationGracePeriodSeconds"], settings["server"]["drain_timeout"] + pause)

    def test_it_runs_as_the_image_s_user_without_rights(self):
        user = [rest for name, rest in instructions() if name == "USER"][-1].split(":")
        context = self.pod["securityContext"]
        self.assertEqual([str(context["runAsUser"]), str(context["runAsGroup"])], user)
        self.assertTrue(context["runAsNonRoot"])
        self.assertTrue(self.container["securityContext"]["readOnlyRootFilesystem"])
        self.assertEqual(self.container["securityContext"]["capabilities"], {"drop": ["ALL"]})
        version = re.search(r"project\(echelon VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
        self.assertEqual(self.container["image"], f"echelon:{version}")

    def mount(self, folder, text, generation):
        """As a kubelet mounts a ConfigMap: links by way of a link that is put in place at once."""
        data = folder / f"..{generation}"
        data.mkdir()
        (data / "echelon.yaml").write_text(text)
        (folder / "..new").symlink_to(data.name)
        (folder / "..new").rename(folder / "..data")
        if not (folder / "echelon.yaml").exists():
            (folder / "echelon.yaml").symlink_to("..data/echelon.yaml")

    def test_the_pods_become_a_cluster_that_takes_a_changed_config_map(self):
        secret = pick(self.all, "Secret")["stringData"]
        pods = [f"echelon-{i}" for i in range(self.set["replicas"])]
        text = pick(self.all, "ConfigMap")["data"]["echelon.yaml"]
        # Names stand for addresses here too; each has a port of its own, as they share this machine's.
        places = {f"{pod}.{self.set['serviceName']}:4801": f"localhost:{port}"
                  for pod, port in zip(pods, free_ports(len(pods)))}
        for name, place in places.items():
            text = text.replace(name, place)
        folder = tempfile.TemporaryDirectory(prefix="echelon-mount-")
        self.addCleanup(folder.cleanup)
        mounts = {pod: pathlib.Path(folder.name, pod) for pod in pods}
        token = [("Authorization", f"Bearer {secret['ECHELON_ADMIN_TOKEN']}")]
        for pod, mount in mounts.items():
            mount.mkdir()
            self.mount(mount, text, 1)
            args = [x.replace("$(POD_NAME)", pod) for x in self.container["args"]]
            args = [f"--cluster-listen={places[x.split('=')[1]]}" if x.startswith("--cluster-listen=") else x
                    for x in args if x != "serve" and not x.startswith(("--config=", "--listen="))]
            self.serve(mount, args, env=secret)
        self.assertEqual(run("validate", "--config", str(mounts[pods[0]]), "--strict", env=secret).returncode, 0)
        for router in self.routers:
            self.assertEqual(router.get(self.container["livenessProbe"]["httpGet"]["path"]).status, 200)
        ready = self.container["readinessProbe"]["httpGet"]["path"]
        self.assertTrue(client.until(lambda: all(x.get(ready).status == 200 for x in self.routers), 20))

        def members(router):
            cluster = router.get("/admin/state", token).json()["cluster"]
            return [x["node"] for x in cluster["members"]]
        self.assertTrue(client.until(lambda: all(members(x) == pods for x in self.routers), 20))
        for router in self.routers:
            self.assertOk(router.chat("demo_group"))
        for mount in mounts.values():
            self.mount(mount, text.replace("demo_group", "changed_group"), 2)
        self.assertTrue(client.until(lambda: all(x.chat("changed_group").status == 200 for x in self.routers), 20))


if __name__ == "__main__":
    main()
