"""Spark's Thrift server, with PySpark's jars."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from servers.folders import program, temporary_folder
from servers.ports import HOST, answers, free_port
from servers.processes import running


@contextlib.contextmanager
def spark() -> Iterator[str]:
    """A server over two executors of their own processes, gone with the block; gives its URI without a database."""
    import pyspark  # a test engine only: the demo and the stack do without

    home = Path(pyspark.__file__).parent
    program("java", "default-jre-headless")
    with temporary_folder("spark") as folder:
        port = free_port()
        settings = {
            "spark.hadoop.hive.server2.thrift.port": port,
            "spark.hadoop.hive.server2.thrift.bind.host": HOST,
            "spark.hadoop.hive.server2.authentication": "NOSASL",
            "spark.driver.host": HOST,
            "spark.driver.bindAddress": HOST,
            "spark.driver.memory": "1g",
            "spark.executor.memory": "1g",
            "spark.ui.enabled": "false",
            "spark.log.level": "WARN",
            "spark.local.dir": folder / "local",
            "spark.sql.warehouse.dir": folder / "warehouse",
            "spark.sql.catalogImplementation": "in-memory",
            # A zone that is not UTC: the report must not show it.
            "spark.sql.session.timeZone": "America/Los_Angeles",
            # The data are tiny: what Spark does for large ones only costs time.
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.files.minPartitionNum": "1",
            "spark.sql.autoBroadcastJoinThreshold": "-1",
            "spark.sql.codegen.wholeStage": "false",
        }
        command: list[object] = [home / "bin" / "spark-submit", "--master", "local-cluster[2,1,1024]"]
        command += ["--class", "org.apache.spark.sql.hive.thriftserver.HiveThriftServer2"]
        for name, value in settings.items():
            command += ["--conf", f"{name}={value}"]
        variables = {
            **os.environ,
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_WORKER_DIR": str(folder / "work"),
            "PYSPARK_PYTHON": sys.executable,
        }
        with running(
            "Spark", (*command, "spark-internal"), folder / "server.log", environment=variables, folder=folder
        ) as server:
            server.wait_until(lambda: answers(port), seconds=180)
            yield f"hive://{HOST}:{port}"
