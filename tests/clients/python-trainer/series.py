"""The trades and the equity of a run, in chunks: records of their own, which come with the answer."""

# Rows in a full chunk.
ROWS = 8192


def series(experiment_id, model_id, phase, run, plan):
    """The chunks of a run, as (record, fields). A run is a finalist in one phase, or a walk-forward, whose model has the
    experiment's id."""
    of_run = {"experiment_id": experiment_id, "model_id": model_id, "phase": phase, "phase_code": phase}
    chunks = []
    for number, rows in enumerate(cut(fills(run))):
        times, actions, prices, quantities, pnls = (list(column) for column in zip(*rows))
        chunks.append(("TradeLogChunk", {
            **of_run, "chunk": number, "asset": plan["data"]["instrument"], "times": times, "actions": actions,
            "prices": prices, "quantities": quantities, "pnls": pnls,
        }))
    for number, rows in enumerate(cut(equity(run, plan["account"]["capital"]))):
        times, values = (list(column) for column in zip(*rows))
        chunks.append(("EquityCurveChunk", {**of_run, "chunk": number, "times": times, "values": values}))
    return chunks


def fills(run):
    """Two for each trade, in the order of the exits; the one that opens has realised nothing."""
    for trade in run.trades:
        entry, leave = ("buy", "sell") if trade.side > 0 else ("sell", "buy")
        yield trade.entry_time, entry, trade.entry_price, trade.quantity, 0.0
        yield trade.exit_time, leave, trade.exit_price, trade.quantity, trade.pnl


def equity(run, capital):
    """At the close of each bar: what the returns make of the capital."""
    for time, bar_return in zip(run.times, run.returns):
        capital *= 1.0 + bar_return
        yield time, capital


def cut(rows):
    rows = list(rows)
    return [rows[first:first + ROWS] for first in range(0, len(rows), ROWS)]
