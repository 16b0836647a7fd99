"""OpenSearch's security plugin: TLS, users that exist in one sandbox only, and what each may do."""

import base64
import hashlib
import json
import secrets
import shutil
import subprocess
import sys
import zipfile

from processes import Failed, install_packages, say

PLUGIN = "org.opensearch.plugin:opensearch-security:2.19.4.0"
CLASS = "org.opensearch.security.OpenSearchSecurityPlugin"
JARS = "opensearch-security"
ITERATIONS = 10_000

OPENSSL = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[node]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = NAMES
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""

SETTINGS = {
    **{
        f"plugins.security.ssl.{layer}.{key}": value
        for layer in ("http", "transport")
        for key, value in {
            "pemcert_filepath": "node.pem",
            "pemkey_filepath": "node.key",
            "pemtrustedcas_filepath": "ca.pem",
        }.items()
    },
    "plugins.security.ssl.http.enabled": "true",
    "plugins.security.allow_default_init_securityindex": "true",
    "plugins.security.audit.type": "noop",
    "plugins.security.restapi.roles_enabled": "all_access",
    # Otherwise a request for all indices is refused, because nobody may touch this one.
    "plugins.security.filter_securityindex_from_all_requests": "true",
    "plugins.security.password.hashing.algorithm": "pbkdf2",
    "plugins.security.password.hashing.pbkdf2.function": "sha256",
    "plugins.security.password.hashing.pbkdf2.iterations": str(ITERATIONS),
}

BASIC = {
    "http_enabled": True,
    "order": 0,
    "http_authenticator": {"type": "basic", "challenge": True},
    "authentication_backend": {"type": "internal"},
}

# Writes into logctl-* and does nothing else: not even reads.
WRITER = {
    "cluster_permissions": ["indices:data/write/bulk"],
    "index_permissions": [
        {
            "index_patterns": ["logctl-*"],
            "allowed_actions": [
                "indices:data/write/*",
                "indices:admin/create",
                "indices:admin/mapping/put",  # Asked for by a first document; without it that is refused.
            ],
        }
    ],
}


def install(cache):
    """Fetches the plugin, once. It goes on the class path, where nothing compares its version with the engine's."""
    if not shutil.which("openssl"):
        install_packages("openssl")
    jars = cache / JARS
    done = jars / ".complete"
    if done.exists():
        return
    say(f"fetching {JARS}")
    jars.mkdir(parents=True, exist_ok=True)
    maven = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={PLUGIN}:zip", f"-DoutputDirectory={jars}"]
    if subprocess.run(maven, cwd=jars, stdout=sys.stderr).returncode:
        raise Failed(f"Maven could not fetch {JARS}")
    for archive in jars.glob("*.zip"):
        with zipfile.ZipFile(archive) as plugin:
            plugin.extractall(jars, [name for name in plugin.namelist() if name.endswith(".jar")])
        archive.unlink()
    done.touch()


def configure(folder):
    """Makes certificates and users in the engine's configuration folder. Returns what a client needs to know."""
    certificates(folder, "IP:127.0.0.1, DNS:localhost")
    passwords = {name: secrets.token_hex(16) for name in ("admin", "writer")}
    files = {
        "config": {"config": {"dynamic": {"authc": {"basic": BASIC}}}},
        "internalusers": {name: {"hash": _hash(password)} for name, password in passwords.items()},
        "roles": {"writer": WRITER},
        "rolesmapping": {"all_access": {"users": ["admin"]}, "writer": {"users": ["writer"]}},
        "actiongroups": {},
        "tenants": {},
    }
    names = {"internalusers": "internal_users", "rolesmapping": "roles_mapping", "actiongroups": "action_groups"}
    (folder / "opensearch-security").mkdir()
    for kind, content in files.items():  # JSON is YAML.
        text = json.dumps({"_meta": {"type": kind, "config_version": 2}, **content}, indent=2)
        (folder / "opensearch-security" / f"{names.get(kind, kind)}.yml").write_text(text)
    return {
        "OPENSEARCH_CA": str(folder / "ca.pem"),
        "OPENSEARCH_USERNAME": "admin",
        "OPENSEARCH_PASSWORD": passwords["admin"],
        "OPENSEARCH_WRITER": "writer",
        "OPENSEARCH_WRITER_PASSWORD": passwords["writer"],
    }


def certificates(folder, names):
    """Makes an authority, ca.pem, and by it a certificate for these names: node.pem, node.key."""
    (folder / "openssl.cnf").write_text(OPENSSL.replace("NAMES", names))
    request = "req -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    for command in [
        f"{request} -x509 -extensions ca -days 365 -subj /CN=sandbox-ca -keyout ca.key -out ca.pem",
        f"{request} -subj /CN=sandbox -keyout node.key -out node.csr",
        "x509 -req -in node.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile openssl.cnf"
        " -extensions node -out node.pem",
    ]:
        done = subprocess.run(["openssl", *command.split()], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"openssl could not make a certificate: {done.stderr.strip()}")
    (folder / "ca.key").unlink()  # Nobody signs with it again.


def _hash(password):
    """As the plugin writes it: SHA-256 is number 3; the iterations and the bits share one number."""
    salt = secrets.token_bytes(16)
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    return f"$3${(ITERATIONS << 32) + 256}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"
