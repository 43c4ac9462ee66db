"""`gauntlet` as a child process."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

SPEC = """\
name: peers
data: {{ instrument: {instrument}, venue: PEERS, bars: "{spec}", {period}, path: {path} }}
account: {{ currency: USD, periods_per_year: 252, capital: {capital}, sizing: {{ percent: {percent} }}, allow_short: {short} }}
model: {{ strategy: {strategy}, parameters: {parameters} }}
costs: {{ commission_bps: {commission}, spread: {spread}, slippage_bps: {slippage}, latency_ms: {latency} }}
"""


@dataclass(frozen=True)
class Costs:
    name: str
    commission_bps: float = 0.0
    spread_bps: float = 0.0
    slippage_bps: float = 0.0
    quoted: bool = False
    latency_bars: int = 0


class Gauntlet:
    def __init__(self, binary, scratch):
        self.binary, self.scratch = Path(binary).resolve(), scratch

    def call(self, *arguments):
        done = subprocess.run([self.binary, "--json", *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"gauntlet {arguments[0]}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def backtest(self, bars, strategy, parameters, short, costs, percent, capital):
        """Trades, closes of the bars that were traded, and the equity at them."""
        document = self.scratch / "spec.yaml"
        length = bars.frame["close_time"][0] - bars.frame["open_time"][0]
        first, last = bars.frame["open_time"].iloc[0], bars.frame["close_time"].iloc[-1]
        text = SPEC.format(
            instrument=bars.instrument,
            spec=bars.spec,
            path=bars.path,
            capital=capital,
            percent=percent,
            short=str(short).lower(),
            strategy=strategy,
            parameters=json.dumps(parameters),
            commission=costs.commission_bps,
            slippage=costs.slippage_bps,
            spread="quoted" if costs.quoted else costs.spread_bps or "none",
            period=f"from: {first:%Y-%m-%dT%H:%M:%SZ}, to: {last:%Y-%m-%dT%H:%M:%SZ}",
            latency=costs.latency_bars * length.total_seconds() * 1000,
        )
        document.write_text(text)
        answer = self.call("backtest", document)
        names = [
            "entry_time",
            "exit_time",
            "side",
            "quantity",
            "entry_price",
            "exit_price",
            "fees",
            "pnl",
            "exit_reason",
        ]
        trades = pd.DataFrame(answer["trades"], columns=names)
        for name in ("entry_time", "exit_time"):
            trades[name] = pd.to_datetime(trades[name], utc=True).astype("datetime64[ns, UTC]")
        trades["side"] = trades["side"].map({"long": 1, "short": -1})
        trades = trades.sort_values("entry_time", ignore_index=True)
        times = pd.to_datetime([time for time, _ in answer["equity"]], utc=True)
        return trades, times, [value for _, value in answer["equity"]]
