"""Keys and certificates, and how a service with them is asked."""

import ssl
import urllib.error
import urllib.request

import grpc
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

HOST = "127.0.0.1"


class Files:
    """A certificate authority, and what it has signed, in files."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca)
        self.issue("server")
        self.issue("client")

    def issue(self, name, authority=None):
        """A fresh pair, NAME.pem and NAME.key."""
        made = (authority or self.authority).issue_cert(HOST)
        chain = b"".join(part.bytes() for part in made.cert_chain_pems)
        for path, data in (
            (self.folder / f"{name}.key", made.private_key_pem.bytes()),
            (self.folder / f"{name}.pem", chain),
        ):
            fresh = path.with_suffix(".fresh")
            fresh.write_bytes(data)
            fresh.replace(path)

    def flags(self, mutual=False):
        flags = [
            "--tls-cert",
            f"{self.folder}/server.pem",
            "--tls-key",
            f"{self.folder}/server.key",
        ]
        return [*flags, "--tls-client-ca", str(self.ca)] if mutual else flags

    def read(self, name):
        return (self.folder / name).read_bytes()


def health(service, credentials=None):
    """SERVING, or the status that a new connection ends in."""
    address = service.ready["grpc"]
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = (
        grpc.secure_channel(address, credentials, options)
        if credentials
        else grpc.insecure_channel(address, options)
    )
    with channel:
        try:
            request = health_pb2.HealthCheckRequest()
            return health_pb2_grpc.HealthStub(channel).Check(request, timeout=5).status
        except grpc.RpcError as error:
            return error.code()


def page(service, context):
    """The metrics page's text. Raises: OSError."""
    url = "https://" + service.ready["metrics"].partition("://")[2]
    with urllib.request.urlopen(url, context=context, timeout=5) as answer:
        return answer.read().decode()


def trusting(files, client=None):
    context = ssl.create_default_context(cafile=files.ca)
    if client:
        context.load_cert_chain(files.folder / f"{client}.pem", files.folder / f"{client}.key")
    return context


def serial(service, port_of):
    """Which certificate a new connection is shown."""
    port = int(service.ready[port_of].rpartition(":")[2].partition("/")[0])
    return ssl.get_server_certificate((HOST, port), timeout=5)
