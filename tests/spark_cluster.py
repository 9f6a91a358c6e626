"""A standalone Spark cluster on loopback for tests: a master and two workers, each a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType


def lacking() -> tuple[str, str] | None:
    """What is not there to run a cluster, and how to get it; None where all is there."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        return "PySpark", "pip install 'stillwatch[spark]'"
    return None if shutil.which("java") else ("Java", "apt-get install default-jre-headless")


class SparkCluster:
    """Processes with addresses on loopback; whoever is killed takes its executors with it."""

    def __init__(self, folder: Path) -> None:
        import pyspark

        self.folder = folder
        self._program = str(Path(pyspark.__file__).parent / "bin" / "spark-class")
        self._port = _free_port()
        self.address = f"spark://127.0.0.1:{self._port}"
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> SparkCluster:
        web = ["--webui-port", "0"]
        where = ["--host", "127.0.0.1"]
        self._start("master", "master.Master", *where, "--port", str(self._port), *web)
        self._wait_for("master", "I have been elected leader")
        for name in ("one", "two"):
            self.start_worker(name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self._started):
            self.kill(name)

    def start_worker(self, name: str) -> None:
        """Add a worker of one core, and wait until the master knows it."""
        where = ["--host", "127.0.0.1", "--webui-port", "0", "--work-dir", str(self.folder / f"{name}-work")]
        self._start(name, "worker.Worker", *where, "--cores", "1", "--memory", "1g", self.address)
        self._wait_for(name, "Successfully registered with master")

    def kill(self, name: str) -> None:
        """End a process and its children at once, as a machine that fails."""
        process = self._started.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def environment(self) -> dict[str, str]:
        """What a scan's process needs so that it and its workers fit a small machine."""
        root = Path(__file__).parents[1] / "src"
        # Most of the time goes into compiling what runs once: the first tier of the compiler is enough.
        brief = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
        options = {
            "spark.driver.memory": "600m",
            "spark.driver.extraJavaOptions": brief,
            "spark.executor.memory": "600m",
            "spark.executor.extraJavaOptions": brief,
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.executorEnv.PYTHONPATH": str(root),
            "spark.sql.shuffle.partitions": "4",
        }
        confs = " ".join(f"--conf '{name}={value}'" for name, value in options.items())
        return {
            **os.environ,
            "PYTHONPATH": str(root),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_SUBMIT_ARGS": f"{confs} pyspark-shell",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(self.folder / "local"),
        }

    def _start(self, name: str, what: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self._started[name] = subprocess.Popen(
                [self._program, f"org.apache.spark.deploy.{what}", *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(self.folder / "local")},
                cwd=self.folder,
                start_new_session=True,
            )

    def _wait_for(self, name: str, said: str, seconds: float = 90) -> None:
        until = time.monotonic() + seconds
        log = self.folder / f"{name}.log"
        while said not in log.read_text():
            if time.monotonic() > until or self._started[name].poll() is not None:
                raise RuntimeError(f"{name} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
