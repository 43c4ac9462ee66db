"""The client against a running Gauntlet, whose directory GAUNTLET_DIR names. It has one experiment, `mini`, that has ended.

Frames are tried where pyarrow, pandas and polars are installed; GAUNTLET_FRAMES=1 asks for them.
"""

import importlib.util
import os
import unittest

from gauntlet_client import Gauntlet, Problem

DIRECTORY = os.environ["GAUNTLET_DIR"]
HAS_FRAMES = all(importlib.util.find_spec(name) for name in ("pyarrow", "pandas", "polars"))
if os.environ.get("GAUNTLET_FRAMES") and not HAS_FRAMES:
    raise ImportError("pyarrow, pandas and polars are asked for and not installed")

DOCUMENT = """\
name: from-python
data: { instrument: XAUUSD, venue: OANDA, bars: "time:1h", from: 2010-01-01, to: 2014-05-01 }
model:
  strategy: ma-cross
  parameters: { fast: { int: [5, 60] }, slow: { int: [80, 400] } }
tuning: { sampler: random, trials: 5, seed: 11 }
validation: { holdout: 20%, finalists: 1, folds: 2 }
sensitivity: none
"""

TICKS = [
    {"time": 1_700_000_000_000_000_000 + second * 1_000_000_000, "price": 10 + second % 7 / 4, "size": 1}
    for second in range(600)
]


class Client(unittest.TestCase):
    def setUp(self) -> None:
        self.gauntlet = Gauntlet.of_directory(DIRECTORY)

    def test_who_asks_is_known_and_a_stranger_is_refused(self) -> None:
        self.assertEqual(self.gauntlet.me()["by"], "directory")
        stranger = Gauntlet(self.gauntlet._http.url, "gtl_none")
        with self.assertRaises(Problem) as refused:
            stranger.me()
        self.assertEqual((refused.exception.status, refused.exception.type), (401, "/problems/sign-in-required"))
        with self.assertRaises(ConnectionError) as nobody:
            Gauntlet.of_directory("/no/such/directory")
        self.assertIn("no gauntlet up is running", str(nobody.exception))

    def test_an_experiment_is_submitted_once_followed_and_subscribed_to(self) -> None:
        here = self.gauntlet.subscribe(records=["ExperimentJudged"])
        experiment = self.gauntlet.submit(DOCUMENT)
        lines: list[str] = []
        report = experiment.wait(progress=lines.append, timeout=120)
        self.assertEqual((report["status"], report["name"]), ("completed", "from-python"))
        self.assertTrue(all(line.startswith("from-python: ") for line in lines), lines)
        self.assertEqual(self.gauntlet.submit(DOCUMENT).id, experiment.id)
        self.assertEqual(self.gauntlet.experiment("from-python").id, experiment.id)
        self.assertEqual(len(experiment.trials().rows()), 15)
        self.assertEqual(len(experiment.trials(filter="state = 'completed'", limit=4).rows()), 4)
        told = self.gauntlet.subscribe(records=["ExperimentJudged"], experiments=[experiment.id], start="start")
        event = next(told)
        self.assertEqual((event.record, event["data"]["judgement"]), ("ExperimentJudged", report["judgement"]))
        again = self.gauntlet.subscribe(records=["ExperimentJudged"], start="start")
        first = next(again)
        behind = next(self.gauntlet.subscribe(records=["ExperimentJudged"], start="start", after=first.id))
        self.assertNotEqual(first["id"], behind["id"])
        del here

    def test_tables_come_page_by_page_with_filter_and_order(self) -> None:
        rows = self.gauntlet.table("runs", sort="-sharpe", fields=["run_id", "sharpe"]).rows()
        values = [row["sharpe"] for row in rows if row["sharpe"] is not None]
        self.assertEqual(values, sorted(values, reverse=True))
        self.assertGreater(len(values), 20)
        few = self.gauntlet.table("runs", filter="sharpe > 0", sort="-sharpe", fields=["sharpe"], limit=3).rows()
        self.assertEqual([row["sharpe"] for row in few], values[:3])
        with self.assertRaises(Problem) as wrong:
            self.gauntlet.table("runs", filter="sharpee > 0").rows()
        self.assertEqual(wrong.exception.members["suggestion"], "sharpe")
        self.assertEqual(self.gauntlet.compare("mini", "mini")[0]["name"], "mini")

    def test_ticks_are_sent_in_turn_and_read_again(self) -> None:
        define = "instrument: PY.TEST\nclass: crypto\nbars: [time:1m]\n"
        self.gauntlet._command("/instruments", define.encode(), None)
        batches = [TICKS[:250], TICKS[250:]]
        self.assertEqual(self.gauntlet.ingest("PY.TEST", "unit", batches), 2)
        self.assertEqual(self.gauntlet.ingest("PY.TEST", "unit", batches), 2, "the same batches again")
        with self.assertRaises(Problem) as early:
            self.gauntlet.ingest("PY.TEST", "unit", [TICKS[:1]], first=5)
        self.assertEqual((early.exception.status, early.exception.members["expected"]), (409, 2))
        read = self.gauntlet.ticks("PY.TEST").rows()
        self.assertEqual([tick["price"] for tick in read], [tick["price"] for tick in TICKS])
        with self.assertRaises(Problem) as wrong:
            self.gauntlet.ingest("PY.TEST", "other", [[{"time": 0, "bid": 1.0}]])
        self.assertEqual(wrong.exception.members["errors"][0]["pointer"], "/ticks/0/")

    def test_sql_reads_and_nothing_else(self) -> None:
        counted = self.gauntlet.sql("SELECT status, count(*) AS n FROM runs GROUP BY status ORDER BY status")
        rows = counted.rows()
        self.assertGreater(sum(row["n"] for row in rows), 20)
        self.assertEqual(counted.csv().splitlines()[0], "status,n")
        with self.assertRaises(Problem) as refused:
            self.gauntlet.sql("DROP TABLE runs").rows()
        self.assertEqual((refused.exception.status, refused.exception.type), (400, "/problems/sql-statement"))

    @unittest.skipUnless(HAS_FRAMES, "pyarrow, pandas and polars are not installed")
    def test_frames_say_what_rows_say(self) -> None:
        table = self.gauntlet.table("runs", sort="-sharpe", fields=["run_id", "sharpe", "end"])
        rows, pandas, polars = table.rows(), table.pandas(), table.polars()
        self.assertEqual(list(pandas.run_id), [row["run_id"] for row in rows])
        self.assertEqual(polars["sharpe"].to_list(), [row["sharpe"] for row in rows])
        run = next(row["run_id"] for row in self.gauntlet.table("runs", filter="phase = 'holdout'"))
        equity = self.gauntlet.equity(run)
        self.assertEqual(equity.polars()["equity"].to_list(), [row["equity"] for row in equity])
        bars = self.gauntlet.bars("XAUUSD", "time:1h", start="2014-04-30").pandas()
        self.assertEqual(str(bars.open_time.dtype), "datetime64[ns, UTC]")
        self.assertGreater(len(bars), 10)
        asked = self.gauntlet.sql("SELECT run_id, start FROM runs ORDER BY run_id")
        self.assertEqual(list(asked.pandas().run_id), [row["run_id"] for row in asked])
        self.assertEqual(asked.polars()["run_id"].to_list(), asked.arrow()["run_id"].to_pylist())


if __name__ == "__main__":
    unittest.main()
