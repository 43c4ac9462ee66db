"""Writes inference_oracle.json: inference about Sharpe ratios, computed by libraries that this project did not write.

    python -m venv venv && venv/bin/pip install arch==8.0.0 scipy==1.17.1 statsmodels==0.15.0 mpmath==1.4.1 jsharpe==0.6.3
    git clone https://github.com/esvhd/pypbo  # AGPL-3.0: run, not copied
    venv/bin/python inference_oracle.py DATA_DIRECTORY pypbo/pypbo/pbo.py inference_oracle.json

DATA_DIRECTORY has `bars/us_stocks_adjclose_10.csv.gz` (adjusted closes, from the Python package skfolio, BSD-3-Clause). The
trials are eight stocks held always and held above their means of 10 and 50 days: real returns, correlated, some flat for weeks.

Nothing here may re-derive a statistic where a library offers it. Two helpers say what they derive: the influence series whose
HAC variance statsmodels computes, and the gradient of the second route to it.
"""

import json
import platform
import sys
import types
import warnings
from importlib.metadata import version
from pathlib import Path

import mpmath
import numpy as np
import pandas as pd
import scipy.stats
import statsmodels.api as sm
from arch.bootstrap import SPA, StepM, optimal_block_length
from jsharpe import probabilistic_sharpe_ratio, sharpe_ratio_variance
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.sandwich_covariance import S_hac_simple

warnings.filterwarnings("ignore")
mpmath.mp.dps = 60

ROWS = 510  # 510 = 16 * 31 + 14: some rows are left over
BLOCK = 10
REPLICATES = 20_000


def trials(data):
    closes = pd.read_csv(data / "bars/us_stocks_adjclose_10.csv.gz", index_col="Date", parse_dates=True)
    closes = closes.loc["2012-01-01":].iloc[: ROWS + 1, :8]
    returns = closes.pct_change()
    columns = {}
    for name in closes:
        columns[name] = returns[name]
        for days in (10, 50):
            above = closes[name] > closes[name].rolling(days).mean()
            columns[f"{name}_{days}"] = returns[name] * above.shift(1, fill_value=False)
    table = pd.DataFrame(columns).iloc[1:].round(6)
    assert len(table) == ROWS and not table.isna().any().any()
    return table


def normal(points, probabilities):
    def quantile(p):
        with mpmath.workdps(400):  # 1 - 2p must keep digits of p
            return -mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * mpmath.mpf(p))

    return {
        "cdf": [[x, float(mpmath.ncdf(mpmath.mpf(x)))] for x in points],
        "quantile": [[p, float(quantile(p))] for p in probabilities],
        "source": "mpmath.ncdf, mpmath.erfinv, 60 digits and more",
    }


def student(points):
    def tail(t, nu):
        t, nu = mpmath.mpf(t), mpmath.mpf(nu)
        return float(mpmath.betainc(nu / 2, mpmath.mpf(1) / 2, 0, nu / (nu + t * t), regularized=True) / 2)

    return {"upper_tail": [[t, nu, tail(t, nu)] for t, nu in points], "source": "mpmath.betainc, 60 digits"}


def influence(r):
    z = (r - r.mean()) / r.std()
    return z - r.mean() / r.std(ddof=1) / 2 * (z * z - 1)


def sharpe(r):
    n, sr = len(r), r.mean() / r.std(ddof=1)
    skew, kurtosis = scipy.stats.skew(r), scipy.stats.kurtosis(r, fisher=False)
    lag = int(4 * (n / 100) ** (2 / 9))
    hac = sm.OLS(influence(r), np.ones(n)).fit(
        cov_type="HAC", cov_kwds={"maxlags": lag, "kernel": "bartlett", "use_correction": False}
    )
    # The same by the gradient of m1/sqrt(m2 - m1^2), which has the population standard deviation throughout.
    moments = np.column_stack([r, r * r])
    spread = S_hac_simple(moments - moments.mean(0), nlags=lag) / n
    m1, m2 = moments.mean(0)
    gradient = np.array([m2, -m1 / 2]) / (m2 - m1**2) ** 1.5
    return {
        "sharpe": sr,
        "skewness": skew,
        "kurtosis": kurtosis,
        "mertens": sharpe_ratio_variance(sr, n, gamma3=skew, gamma4=kurtosis) ** 0.5,
        "lo": sharpe_ratio_variance(sr, n) ** 0.5,
        "hac_lag": lag,
        "hac": float(hac.bse[0]),
        "hac_by_gradient": float(np.sqrt(gradient @ spread @ gradient / n)),
        # PSR as published in 2012 is the normal probability at the variance of n - 1 observations.
        "psr": probabilistic_sharpe_ratio(
            sr, 0.02, variance=sharpe_ratio_variance(sr, n - 1, gamma3=skew, gamma4=kurtosis)
        ),
        "dsr_2025": probabilistic_sharpe_ratio(sr, 0.02, T=n, gamma3=skew, gamma4=kurtosis),
        "p_value": float(2 * scipy.stats.t.sf(abs(sr * np.sqrt(n)), n - 1)),
    }


def superiority(losses_of):
    """arch 8.0.0 accepts `studentize` and leaves it out of its p-values, so the studentised test is arch's on differentials that
    are divided by their own standard deviations, whose variance is then one."""
    zero = np.zeros(ROWS)
    plain = SPA(zero, losses_of, block_size=BLOCK, reps=REPLICATES, seed=1)
    plain.compute()
    variances = plain._loss_diff_var
    studentised = losses_of / np.sqrt(variances)
    spa = SPA(zero, studentised, block_size=BLOCK, reps=REPLICATES, seed=2)
    spa.compute()
    step = StepM(zero, studentised, size=0.05, block_size=BLOCK, reps=REPLICATES, seed=3)
    step.compute()
    return {
        "variances": variances.tolist(),
        "statistic": float((-studentised.mean(0)).max() * np.sqrt(ROWS)),
        "spa": {name: float(value) for name, value in spa.pvalues.items()},
        "reality_check": float(plain.pvalues["upper"]),
        "superior": [int(model) for model in step.superior_models],
    }


def overfitting(path, table, blocks):
    """pypbo with what it only plots with, and its parallel mode, replaced by empty modules."""
    names = "seaborn matplotlib matplotlib.pyplot joblib psutil pypbo pypbo.perf"
    for name in names.split():
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["pypbo"].perf = sys.modules["pypbo.perf"]
    sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]
    module = types.ModuleType("pbo")
    exec(compile(path.read_text(), str(path), "exec"), module.__dict__)
    found = module.pbo(table, blocks, lambda m: m.mean(0) / m.std(0, ddof=1), 0.0)
    gap = (found.stochastic["optimized_IS"] - found.stochastic["non_optimized_OOS"]).max()
    line = found.linear_model
    return {
        "blocks": blocks,
        "trials": table.shape[1],
        "pbo": float(found.pbo),
        "probability_of_loss": float(found.prob_oos_loss),
        "slope": float(line.slope),
        "intercept": float(line.intercept),
        "r_squared": float(line.rvalue**2),
        "first_order_gap_on_a_grid": float(gap),
    }


def clusters(table):
    distance = np.sqrt((1 - np.clip(np.corrcoef(table.T), -1, 1)) / 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="complete")
    return fcluster(tree, t=np.sqrt((1 - 0.7) / 2), criterion="distance").tolist()


def main(data, pypbo, out):
    table = trials(data)
    values = table.to_numpy()
    p_values = [sharpe(values[:, k])["p_value"] for k in range(values.shape[1])]
    adjusted = {
        name: multipletests(p_values, method=method)[1].tolist()
        for name, method in (("bonferroni", "bonferroni"), ("holm", "holm"), ("bh", "fdr_bh"), ("by", "fdr_by"))
    }
    lifted = values + np.where(np.arange(values.shape[1]) % 5 == 0, 0.0015, 0.0)
    # Every other trial is hopeless, so that the three ways to centre differ.
    lowered = values - 0.0008 - np.where(np.arange(values.shape[1]) % 2 == 1, 0.003, 0.0)
    blocks = optimal_block_length(table)["stationary"]
    walk = np.cumsum(values, axis=0)
    document = {
        "written_by": "inference_oracle.py",
        "versions": {"python": platform.python_version(), "pypbo": "ddbc63143dad5cec3d8e5711b1265d9dc963ffce"}
        | {
            name: version(name)
            for name in ("arch", "scipy", "statsmodels", "mpmath", "jsharpe", "numpy", "pandas")
        },
        "normal": normal(
            [-37.0, -20.0, -12.5, -8.3, -5.1, -3.7, -2.2, -1.3, -0.7, -0.1, 0.0, 0.3, 0.9, 1.6, 2.8, 4.4, 7.0],
            [1e-300, 1e-50, 1e-20, 1e-9, 1e-5, 0.001, 0.02425, 0.05, 0.075, 0.2, 0.4, 0.5, 0.61, 0.9, 0.925, 0.99, 0.999999],
        ),
        "student": student(
            [(t, nu) for nu in (1, 2, 4, 9, 29, 60, 61, 119, 999, 100_000) for t in (0.01, 0.5, 1.7, 2.9, 6.0, 15.0)]
        ),
        "names": list(table.columns),
        "series": [[float(x) for x in values[:, k]] for k in range(values.shape[1])],
        "sharpe": [sharpe(values[:, k]) for k in range(values.shape[1])],
        "block_length": blocks.tolist(),
        "block_length_of_sums": optimal_block_length(walk)["stationary"].tolist(),
        "adjusted_p_values": adjusted,
        "clusters": clusters(table),
        "superiority": {"block": BLOCK, "replicates": REPLICATES, "lift": 0.0015, "lower_all": 0.0008, "lower_odd": 0.003}
        | {"as_is": superiority(-values), "lifted": superiority(-lifted), "lowered": superiority(-lowered)},
        "overfitting": [overfitting(pypbo, values, 12), overfitting(pypbo, values[:, :6], 16)],
    }
    out.write_text(json.dumps(document, indent=None, allow_nan=False, separators=(",", ":")).replace("],[", "],\n[") + "\n")
    print(values.shape, "returns,", len(set(document["clusters"])), "clusters")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
