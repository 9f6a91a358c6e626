"""Real servers for tests: started for the session, on no fixed port, gone afterwards.

Where a server's program is not installed the test is skipped and says so; with CI=true it fails, since there a skip
would hide that nothing was proved.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from spark_cluster import SparkCluster, lacking


def missing(what: str, how: str) -> NoReturn:
    """Skip the test, or fail where CI=true."""
    reason = f"{what} is not installed ({how})"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason + "; CI=true wants it", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_address() -> Iterator[str]:
    """The address of a database on a PostgreSQL server of this session's own."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[4].split(".")[0])
    )
    found = str(folders[-1]) if folders else shutil.which("pg_ctl")
    if found is None:
        missing("PostgreSQL", "apt-get install postgresql")
    programs = Path(found).parent
    # A socket's path may be about 100 bytes long, so pytest's own folders are too deep.
    home = Path(tempfile.mkdtemp(prefix="sw-pg-"))
    as_user: list[str] = []
    user = pwd.getpwuid(os.getuid()).pw_name
    if os.getuid() == 0:
        # The server refuses to run as root; the Debian package made a user for it.
        user = "postgres"
        # In sbin, which is not on everybody's path.
        runuser = shutil.which("runuser", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
        as_user = [runuser or "runuser", "-u", user, "--"]
        shutil.chown(home, user)
    data = str(home / "data")

    def run(*command: str) -> None:
        done = subprocess.run([*as_user, *command], capture_output=True, text=True, cwd=home, timeout=120)
        if done.returncode:
            log = home / "log"
            raise RuntimeError(f"{command[0]}: {done.stderr}\n{log.read_text() if log.exists() else ''}")

    try:
        run(str(programs / "initdb"), "-D", data, "-A", "trust", "-U", user, "-E", "UTF8", "--no-sync", "--locale=C")
        options = f"-k {home} -c listen_addresses='' -c fsync=off -c synchronous_commit=off"
        run(str(programs / "pg_ctl"), "-D", data, "-w", "-l", str(home / "log"), "-o", options, "start")
        try:
            yield f"postgresql:///postgres?host={home}&user={user}"
        finally:
            run(str(programs / "pg_ctl"), "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def clickhouse_address() -> Iterator[str]:
    """The address of a ClickHouse server of this session's own, by its HTTP interface; users `default` and `reader`."""
    program = shutil.which("clickhouse-server", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if program is None:
        offered = shutil.which("apt-cache") is None or subprocess.run(
            ["apt-cache", "show", "clickhouse-server"], capture_output=True, text=True
        )
        if offered is True or not offered.stdout:
            # Not every Debian has it, and there is nowhere else to get it.
            pytest.skip("ClickHouse is not installed, and not to be had from this system's packages")
        missing("ClickHouse", "apt-get install clickhouse-server")
    home = Path(tempfile.mkdtemp(prefix="sw-ch-"))
    ports = [_free_port(), _free_port()]
    profile = "<profiles><default/><reading><readonly>1</readonly></reading></profiles><quotas><default/></quotas>"
    networks = "<networks><ip>127.0.0.1</ip></networks><quota>default</quota>"
    (home / "users.xml").write_text(
        f"<yandex>{profile}<users><default><password/>{networks}<profile>default</profile></default>"
        f"<reader><password>s3cret</password>{networks}<profile>reading</profile></reader></users></yandex>"
    )
    (home / "config.xml").write_text(
        f"<yandex><logger><level>warning</level><console>1</console></logger><listen_host>127.0.0.1</listen_host>"
        f"<http_port>{ports[0]}</http_port><tcp_port>{ports[1]}</tcp_port><path>{home}/data/</path>"
        f"<tmp_path>{home}/tmp/</tmp_path><users_config>{home}/users.xml</users_config><mark_cache_size>5368709"
        f"</mark_cache_size><default_profile>default</default_profile><timezone>Asia/Tokyo</timezone></yandex>"
    )
    with (home / "log").open("wb") as log:
        server = subprocess.Popen([program, f"--config-file={home}/config.xml"], stdout=log, stderr=log, cwd=home)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/ping", timeout=5).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"ClickHouse did not start:\n{(home / 'log').read_text()[-2000:]}") from None
                time.sleep(0.1)
        yield f"127.0.0.1:{ports[0]}"
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(home, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def lake() -> None:
    """The libraries for tables of lakes."""
    try:
        import deltalake  # noqa: F401
        import pyiceberg.catalog.sql  # noqa: F401
    except ImportError:
        missing("deltalake or pyiceberg", "make test sets them up; for reading alone: pip install 'stillwatch[lake]'")


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """The address of an object store that speaks S3, on this machine."""
    try:
        from moto.server import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import make_server
    except ImportError:
        missing("moto", "make test sets it up")
    port = _free_port()
    server = make_server("127.0.0.1", port, DomainDispatcherApplication(create_backend_app), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def bucket(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """A fresh bucket's name, and a function that puts an object into it."""
    import boto3

    for name, value in (
        ("AWS_ACCESS_KEY_ID", "testing"),
        ("AWS_SECRET_ACCESS_KEY", "testing"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL", s3_address),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ):
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3_address, region_name="us-east-1")
    name = f"logs-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    yield name, lambda key, body: client.put_object(Bucket=name, Key=key, Body=body)
    client.close()


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    """A Spark cluster of this session's own: a master and two workers of one core."""
    what = lacking()
    if what is not None:
        missing(*what)
    with SparkCluster(tmp_path_factory.mktemp("spark")) as cluster:
        yield cluster
