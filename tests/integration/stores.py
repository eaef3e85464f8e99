#!/usr/bin/python3
"""Redis and PostgreSQL through two sidecars, with the load generators that come with them: no error."""
import case
import programs
from bridge import Bridge

REQUESTS = 20000
SECONDS = 2


class Redis(case.Case):
    def test_r48_redis_benchmark(self):
        bridge = Bridge(self, programs.redis(self))
        for pipeline in (1, 64):
            with self.subTest(f"pipelining_{pipeline}"):
                said = programs.client(self, "redis-benchmark", "-p", bridge.port, "-t", "ping,set,get,lrange_100", "-n",
                                       REQUESTS if pipeline > 1 else REQUESTS // 10, "-c", 16, "-P", pipeline, "-d", 512, "--csv")
                self.assertNotIn("rror", said)
                self.assertIn('"GET"', said)
        bridge.clean(at_least=16)


class Postgres(case.Case):
    def test_r48_pgbench(self):
        bridge = Bridge(self, programs.postgres(self))
        server = {"PGHOST": bridge.entry[0], "PGPORT": str(bridge.port), "PGUSER": "postgres"}
        programs.client(self, "pgbench", "-i", "-s", 1, "-q", env=server)
        rows = {"simple": ["-M", "simple"], "prepared": ["-M", "prepared"], "reconnecting": ["-C"]}
        for name, options in rows.items():
            with self.subTest(name):
                said = programs.client(self, "pgbench", "-n", "-c", 4, "-T", SECONDS, *options, env=server)
                self.assertRegex(said, r"number of failed transactions: 0 ")
                self.assertRegex(said, r"number of transactions actually processed: [1-9]")
                self.assertNotIn("error", said.lower())
        bridge.clean(at_least=10)


if __name__ == "__main__":
    case.main()
