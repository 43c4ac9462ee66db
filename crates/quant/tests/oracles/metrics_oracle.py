"""Writes metrics_oracle.json: metrics of real return series, computed by libraries that this project did not write.

    python -m venv venv && venv/bin/pip install empyrical-reloaded==0.7.1 quantstats==0.0.86
    venv/bin/python metrics_oracle.py DATA_DIRECTORY metrics_oracle.json

DATA_DIRECTORY has `bars/sp500_index_daily.csv.gz` (S&P 500 index, from the Python package arch, NCSA licence) and
`bars/us_stocks_adjclose_10.csv.gz` (adjusted closes, from the Python package skfolio, BSD-3-Clause).

Every value names its source, and where our definition differs from the library's, what was done to its answer:
sign, annualisation, divisor. Nothing here may re-derive a metric where a library offers it; the few plain counts
and means come from numpy or pandas.
"""

import json
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import empyrical as ep
import numpy as np
import pandas as pd
import quantstats.stats as qs
import scipy.stats

warnings.filterwarnings("ignore")

# Drawdown tables count calendar days; on this index a day is a period.
FIRST_DAY = "2000-01-01"


def by_day(values):
    return pd.Series(values, index=pd.date_range(FIRST_DAY, periods=len(values), freq="D"), dtype=float)


def simple_returns(prices):
    return (prices / prices.shift(1) - 1).dropna().to_numpy()


def of_returns(r, year, risk_free):
    free = (1 + risk_free) ** (1 / year) - 1  # the libraries take the rate of one period
    n = len(r)
    drawdowns = qs.drawdown_details(qs.to_drawdown_series(by_day(r)))
    traded = np.count_nonzero(r)
    return {
        "total_return": (ep.cum_returns_final(r), "empyrical.cum_returns_final"),
        "annual_return": (ep.annual_return(r, annualization=year), "empyrical.annual_return"),
        "annual_volatility": (ep.annual_volatility(r, annualization=year), "empyrical.annual_volatility"),
        "sharpe": (ep.sharpe_ratio(r, risk_free=free, annualization=year), "empyrical.sharpe_ratio"),
        "sortino": (ep.sortino_ratio(r, required_return=free, annualization=year), "empyrical.sortino_ratio"),
        "calmar": (ep.calmar_ratio(r, annualization=year), "empyrical.calmar_ratio"),
        "omega": (ep.omega_ratio(pd.Series(r), risk_free=free, annualization=year), "empyrical.omega_ratio"),
        "max_drawdown": (-ep.max_drawdown(r), "empyrical.max_drawdown, sign changed"),
        "max_drawdown_duration": (float(drawdowns["days"].max()), "quantstats.drawdown_details, longest of days"),
        "average_drawdown": (
            -drawdowns["max drawdown"].mean() / 100,
            "quantstats.drawdown_details, mean of max drawdown, from percent, sign changed",
        ),
        "ulcer_index": (
            float(qs.ulcer_index(by_day(r))) * np.sqrt((n - 1) / n),
            "quantstats.ulcer_index, divisor n - 1 changed to n",
        ),
        "downside_deviation": (
            ep.downside_risk(r, required_return=free, annualization=year),
            "empyrical.downside_risk",
        ),
        "skewness": (scipy.stats.skew(r, bias=True), "scipy.stats.skew(bias=True)"),
        "kurtosis": (scipy.stats.kurtosis(r, bias=True), "scipy.stats.kurtosis(bias=True)"),
        "value_at_risk": (-ep.value_at_risk(r), "empyrical.value_at_risk, sign changed"),
        "expected_shortfall": (
            -ep.conditional_value_at_risk(r),
            "empyrical.conditional_value_at_risk, sign changed",
        ),
        "tail_ratio": (ep.tail_ratio(r), "empyrical.tail_ratio"),
        "gain_to_pain": (qs.gain_to_pain_ratio(by_day(r)), "quantstats.gain_to_pain_ratio"),
        "best_period": (qs.best(by_day(r)), "quantstats.best"),
        "worst_period": (qs.worst(by_day(r)), "quantstats.worst"),
        "positive_periods": (
            qs.win_rate(by_day(r)) * traded / n,
            "quantstats.win_rate, periods of zero put back into the divisor",
        ),
        "stability": (ep.stability_of_timeseries(r), "empyrical.stability_of_timeseries"),
        "autocorrelation": (pd.Series(r).autocorr(lag=1), "pandas.Series.autocorr(lag=1)"),
    }


def shapes(r, year, risk_free):
    """The second version of the set: what users of quantstats look for. Its functions run on the series beyond the
    risk-free return, with no rate of their own. Where its form is another (the head of each metric's file says why), the
    parts come from libraries and only their quotient or product is taken here."""
    free = (1 + risk_free) ** (1 / year) - 1
    days, beyond = by_day(r), by_day(r - free)
    n = len(r)
    ulcer = float(qs.ulcer_index(days)) * np.sqrt((n - 1) / n)
    deepest = -ep.conditional_value_at_risk(qs.to_drawdown_series(days).to_numpy())
    pitfall = deepest / ep.annual_volatility(r, annualization=year)
    normality = scipy.stats.jarque_bera(r)
    return {
        "smart_sharpe": (qs.smart_sharpe(beyond, periods=year), "quantstats.smart_sharpe"),
        "smart_sortino": (qs.smart_sortino(beyond, periods=year), "quantstats.smart_sortino"),
        "probabilistic_sharpe_ratio": (
            with_biased_moments(lambda: qs.probabilistic_sharpe_ratio(beyond)),
            "quantstats.probabilistic_sharpe_ratio, with the moments of scipy.stats.skew and kurtosis(bias=True)",
        ),
        "recovery_factor": (
            ep.cum_returns_final(r) / -ep.max_drawdown(r),
            "empyrical.cum_returns_final over empyrical.max_drawdown",
        ),
        "serenity_index": (
            ep.annual_return(r, annualization=year) / (ulcer * pitfall),
            "empyrical.annual_return over quantstats.ulcer_index (divisor n) times pitfall, which is "
            "empyrical.conditional_value_at_risk of quantstats.to_drawdown_series over empyrical.annual_volatility",
        ),
        "common_sense_ratio": (qs.common_sense_ratio(days), "quantstats.common_sense_ratio"),
        "cpc_index": (qs.cpc_index(days), "quantstats.cpc_index"),
        "kelly_criterion": (qs.kelly_criterion(days), "quantstats.kelly_criterion"),
        "win_rate_periods": (qs.win_rate(days), "quantstats.win_rate"),
        "profit_factor_periods": (qs.profit_factor(days), "quantstats.profit_factor"),
        "payoff_ratio_periods": (qs.payoff_ratio(days), "quantstats.payoff_ratio"),
        "longest_winning_streak": (float(qs.consecutive_wins(days)), "quantstats.consecutive_wins"),
        "longest_losing_streak": (float(qs.consecutive_losses(days)), "quantstats.consecutive_losses"),
        "jarque_bera": (normality.statistic, "scipy.stats.jarque_bera, statistic"),
        "jarque_bera_p_value": (normality.pvalue, "scipy.stats.jarque_bera, pvalue"),
    }


def with_biased_moments(call):
    """quantstats takes bias-adjusted moments; the paper, and this project, the biased ones."""
    skew, kurtosis = qs.skew, qs.kurtosis
    qs.skew = lambda x, **_: scipy.stats.skew(x, bias=True)
    qs.kurtosis = lambda x, **_: scipy.stats.kurtosis(x, bias=True)
    try:
        return call()
    finally:
        qs.skew, qs.kurtosis = skew, kurtosis


def drawdown_table(r):
    """Every drawdown as positions in the series; the libraries' end is the last day below the peak."""
    details = qs.drawdown_details(qs.to_drawdown_series(by_day(r)))
    place = {day: at for at, day in enumerate(by_day(r).index.strftime("%Y-%m-%d"))}
    return [
        {
            "start": place[row["start"]],
            "trough": place[row["valley"]],
            "last_below": place[row["end"]],
            "periods": int(row["days"]),
            "depth": -row["max drawdown"] / 100,
        }
        for _, row in details.iterrows()
    ]


def of_benchmark(r, b, year, risk_free):
    free = (1 + risk_free) ** (1 / year) - 1
    assert year == 252, "empyrical's captures know named periods only"
    return {
        "alpha": (ep.alpha(r, b, risk_free=free, annualization=year), "empyrical.alpha"),
        "beta": (ep.beta(r, b, risk_free=free), "empyrical.beta"),
        "correlation": (scipy.stats.pearsonr(r, b).statistic, "scipy.stats.pearsonr"),
        "tracking_error": (
            ep.annual_volatility(r - b, annualization=year),
            "empyrical.annual_volatility of the difference",
        ),
        "information_ratio": (
            qs.information_ratio(by_day(r), by_day(b)) * np.sqrt(year),
            "quantstats.information_ratio, annualised by the root of time",
        ),
        "up_capture": (ep.up_capture(pd.Series(r), pd.Series(b), period="daily"), "empyrical.up_capture"),
        "down_capture": (ep.down_capture(pd.Series(r), pd.Series(b), period="daily"), "empyrical.down_capture"),
    }


def of_trades(pnls):
    p = pd.Series(pnls)
    decided = np.count_nonzero(pnls)
    return {
        "trade_count": (float(p.count()), "pandas.Series.count"),
        "win_rate": (
            qs.win_rate(p, prepare_returns=False) * decided / len(pnls),
            "quantstats.win_rate, trades that break even put back into the divisor",
        ),
        "profit_factor": (qs.profit_factor(p, prepare_returns=False), "quantstats.profit_factor"),
        "payoff_ratio": (qs.payoff_ratio(p, prepare_returns=False), "quantstats.payoff_ratio"),
        "expectancy": (p.mean(), "pandas.Series.mean"),
        "average_win": (qs.avg_win(p, prepare_returns=False), "quantstats.avg_win"),
        "average_loss": (-qs.avg_loss(p, prepare_returns=False), "quantstats.avg_loss, sign changed"),
        "largest_loss": (-p.min(), "pandas.Series.min, sign changed"),
    }


def of_positions(positions):
    return {"time_in_market": (np.mean(positions != 0), "numpy.mean of positions other than zero")}


def case(name, returns, year, risk_free, benchmark=None, trade_pnls=None, positions=None):
    expected = of_returns(returns, year, risk_free) | shapes(returns, year, risk_free)
    inputs = {"returns": returns}
    if benchmark is not None:
        inputs["benchmark"] = benchmark
        expected |= of_benchmark(returns, benchmark, year, risk_free)
    if trade_pnls is not None:
        inputs["trade_pnls"] = trade_pnls
        expected |= of_trades(trade_pnls)
    if positions is not None:
        inputs["positions"] = positions
        expected |= of_positions(positions)
    assert all(np.isfinite(value) for value, _ in expected.values()), name
    return {
        "name": name,
        "periods_per_year": year,
        "risk_free": risk_free,
        **{key: [float(x) for x in values] for key, values in inputs.items()},
        "expected": {key: {"value": float(value), "source": source} for key, (value, source) in expected.items()},
        "drawdowns": drawdown_table(returns),
    }


def main(data, out):
    stocks = pd.read_csv(data / "bars/us_stocks_adjclose_10.csv.gz", index_col="Date", parse_dates=True)
    index = pd.read_csv(data / "bars/sp500_index_daily.csv.gz", index_col="Date", parse_dates=True)["Adj Close"]

    # Three years through the crash of 2008, of the daily stocks and of the index.
    stocks = stocks.loc["2007-01-01":].iloc[:751]
    crash = index.loc["2007-01-01":].iloc[:751]
    assert stocks.index.equals(crash.index), "stocks and index must cover the same days"
    # A rule with gaps: hold while the close before is above its mean of 50 days.
    above = (stocks["AAPL"] > stocks["AAPL"].rolling(50).mean()).shift(1, fill_value=False)
    # Trades: a hundred shares for five days each, rounded to whole dollars so that some break even.
    five_days = (stocks["AAPL"].iloc[::5].diff().dropna() * 100).round()
    months = index.groupby([index.index.year, index.index.month]).last()

    cases = [
        case(
            "AAPL against MSFT, 750 days from 2007",
            simple_returns(stocks["AAPL"]),
            252,
            0.02,
            benchmark=simple_returns(stocks["MSFT"]),
            trade_pnls=five_days.to_numpy(),
            positions=above.to_numpy(dtype=float)[1:],
        ),
        case(
            "AAPL above its 50-day mean, else flat, against the S&P 500, no risk-free rate",
            simple_returns(stocks["AAPL"]) * above.to_numpy(dtype=float)[1:],
            252,
            0.0,
            benchmark=simple_returns(crash),
        ),
        case("S&P 500, months 1999 to 2018", simple_returns(months), 12, 0.03),
    ]
    document = {
        "written_by": "metrics_oracle.py",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("empyrical-reloaded", "quantstats", "scipy", "numpy", "pandas")},
        "cases": cases,
    }
    out.write_text(json.dumps(document, indent=None, separators=(",", ":")).replace("},", "},\n") + "\n")
    print(sum(len(case["expected"]) for case in cases), "values in", len(cases), "cases")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
