"""The scenarios: what the load is, and what the proxy is told."""

from dataclasses import dataclass, field

FIELDS = [
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    "Accept: */*",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-GB,en;q=0.8",
]


@dataclass(frozen=True)
class Scenario:
    """A load and the settings of the proxy."""

    about: str
    tool: str  # wrk, h2load or own
    arguments: tuple  # {clear}, {tls}, {address}, {seconds}, {rate}, {data}, {load} are filled in
    environment: dict = field(default_factory=dict)
    protocol: str = "http1"
    policy: str = "round-robin"
    access_log: bool = False
    workers: int = 1
    hosts: int = 0
    paths: int = 0
    is_latency: bool = False  # at a constant rate: its figures are latencies


def wrk(about, connections, url, *more, **settings):
    """Closed loop over HTTP/1.1."""
    fields = [word for each in FIELDS for word in ("-H", each)]
    arguments = ("-t1", f"-c{connections}", "-d{seconds}s", "--timeout", "10s", *fields, *more, url)
    return Scenario(about, "wrk", arguments, **settings)


def h2load(about, connections, streams, url, *more, **settings):
    """Closed loop over HTTP/2."""
    fields = [word for each in FIELDS[1:] for word in ("-H", each)]
    arguments = ("-t1", f"-c{connections}", f"-m{streams}", "-D{seconds}", *fields, *more, url)
    return Scenario(about, "h2load", arguments, **settings)


def own(about, *more, **settings):
    """Our own client: WebSocket, long uploads, constant rates, very many connections."""
    return Scenario(about, "own", ("load", "address={address}", "seconds={seconds}", *more), **settings)


CLOSE = ("-H", "Connection: close")
GRPC = ("-d", "{data}", "-H", "content-type: application/grpc", "-H", "te: trailers")

SCENARIOS = {
    "h1_64": wrk("HTTP/1.1, 64 connections, 1 KiB", 64, "{clear}/1k"),
    "h1_1024": wrk("HTTP/1.1, 1,024 connections", 1024, "{clear}/1k"),
    "h1_10k": own("HTTP/1.1, 10,000 connections, opened before the time begins", "connections=10000"),
    "tls_h1_64": wrk("HTTP/1.1 over TLS 1.3, 64 connections", 64, "{tls}/1k"),
    "h2_tls": h2load("HTTP/2 over TLS 1.3, 16 connections of 10 streams", 16, 10, "{tls}/1k"),
    "h2c": h2load("HTTP/2 in clear text, 16 connections of 10 streams", 16, 10, "{clear}/1k"),
    "grpc": h2load(
        "gRPC unary in clear text, to endpoints that speak HTTP/2", 16, 10, "{clear}/bench.Echo/Call", *GRPC, protocol="http2"
    ),
    "h1_1mib": wrk("1 MiB answers, 16 connections", 16, "{clear}/1m"),
    "tls_1mib": wrk("1 MiB answers over TLS 1.3, 16 connections", 16, "{tls}/1m"),
    "h1_64mib": wrk("64 MiB answers, 4 connections", 4, "{clear}/64m"),
    "post_16k": wrk(
        "POSTs of 16 KiB, 64 connections", 64, "{clear}/1k", "-s", "{load}/post.lua", environment={"BODY": "16384"}
    ),
    "post_1mib": own("POSTs of 1 MiB, 16 connections", "connections=16", "body=1048576"),
    "post_64mib": own("POSTs of 64 MiB, 4 connections", "connections=4", "body=67108864"),
    "newconn": wrk("a connection per request, 64 at once", 64, "{clear}/1k", *CLOSE),
    "newtls": wrk("a connection and a full handshake per request, 64 at once", 64, "{tls}/1k", *CLOSE),
    "websocket": own("WebSocket echo of 64 bytes, 64 connections", "connections=64", "protocol=websocket", "body=64", "path=/ws"),
    "routes": wrk(
        "1,000 hosts with 100 routes each", 64, "{clear}", "-s", "{load}/hosts.lua",
        environment={"HOSTS": "1000", "PATHS": "100"}, hosts=1000, paths=100,
    ),
    "least": wrk("least requests instead of round robin", 64, "{clear}/1k", policy="least-requests"),
    "log": wrk("with an access log into a file", 64, "{clear}/1k", access_log=True),
    "workers_2": wrk("2 workers on 2 cores, 64 connections", 64, "{clear}/1k", workers=2),
    "workers_2_h2": h2load("2 workers on 2 cores, 8 connections of HTTP/2", 8, 10, "{clear}/1k", workers=2),
    "rate": own(
        "constant rate over 32 connections", "connections=32", "rate={rate}", "skip=0.5", is_latency=True
    ),
    # What needs no program from elsewhere: the test of the bench runs these.
    "own_h1": own("HTTP/1.1 by our own client, 8 connections", "connections=8"),
}

# Without SCENARIOS: about half an hour with six proxies and three rounds of two seconds.
USUAL = (
    "h1_64 h1_1024 tls_h1_64 h2_tls h2c grpc h1_1mib tls_1mib post_16k post_1mib newconn newtls websocket routes least log "
    "workers_2 rate"
).split()
ALL = [name for name in SCENARIOS if name != "own_h1"]
