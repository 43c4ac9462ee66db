"""Writes the calendars in crates/instruments/calendars and what they are held against, from exchange_calendars (PyPI, Apache-2.0).

    python -m venv v && v/bin/pip install exchange_calendars==4.13.2 && v/bin/python tests/oracles/calendars.py

Days and hours are facts; the library is named in each file. A calendar begins where the library's hours are those that the
exchange had: it knows one break for all years.
"""

import collections
import pathlib

import exchange_calendars
import pandas

FIRST, LAST = "1990-01-01", "2027-12-31"
# First and last day where they are others: a break has had its hours since then, holidays are published until then.
DAYS = {
    "XNYS": (FIRST, LAST),
    "XLON": (FIRST, LAST),
    "XETR": (FIRST, LAST),
    "XPAR": (FIRST, LAST),
    "XTSE": (FIRST, LAST),
    "XASX": (FIRST, LAST),
    "XHKG": ("2012-03-05", LAST),
    "XTKS": ("2011-11-21", LAST),
    "XSHG": ("1993-01-01", "2026-12-31"),
    "XSES": ("2017-11-13", "2026-12-31"),
    "CMES": (FIRST, LAST),
}
# The library has no break for Singapore, which has had one since 2017-11-13 (rules of SGX-ST, market phases).
BREAKS = {"XSES": (pandas.Timedelta(hours=12), pandas.Timedelta(hours=13))}
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "instruments" / "calendars"
WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def sessions(calendar, day):
    """Openings and closings of a day, as the library's times."""
    row = calendar.schedule.loc[day]
    pause = (row["break_start"], row["break_end"])
    if calendar.name in BREAKS:
        pause = tuple((day + at).tz_localize(calendar.tz) for at in BREAKS[calendar.name])
    if pandas.isna(pause[0]):
        return [(row["open"], row["close"])]
    return [(row["open"], pause[0]), (pause[1], row["close"])]


def clock(time, calendar, day):
    """Hours and minutes after midnight of the day; below zero on the day before."""
    seconds = (time.tz_convert(calendar.tz).tz_localize(None) - day).total_seconds()
    assert seconds % 60 == 0
    sign = "-" if seconds < 0 else ""
    return f"{sign}{int(abs(seconds) // 3600):02}:{int(abs(seconds) % 3600 // 60):02}"


def hours(calendar, day):
    of_day = sessions(calendar, day)
    return ", ".join(f"{clock(opening, calendar, day)}-{clock(closing, calendar, day)}" for opening, closing in of_day)


def lines(name):
    first, last = DAYS[name]
    calendar = exchange_calendars.get_calendar(name, start=first, end=last)
    by_day = {day: hours(calendar, day) for day in calendar.schedule.index}
    week = {}
    for weekday in range(7):
        of_day = [text for day, text in by_day.items() if day.day_of_week == weekday]
        if len(of_day) > 100:
            week[weekday] = collections.Counter(of_day).most_common(1)[0][0]
    days = pandas.date_range(first, last)
    holidays = [f"{day:%Y-%m-%d}" for day in days if day.day_of_week in week and day not in by_day]
    special = {day: text for day, text in by_day.items() if week.get(day.day_of_week) != text}
    yield f"# Days and hours of {name}, from exchange_calendars {exchange_calendars.__version__} (Apache-2.0) by"
    yield "# tests/oracles/calendars.py."
    yield f"name: {name}"
    yield f"zone: {calendar.tz}"
    yield f"from: {first}"
    yield f"to: {last}"
    yield "week:"
    yield from (f"  {WEEK[weekday]}: {text}" for weekday, text in sorted(week.items()))
    yield "holidays:"
    yield from (f"- {day}" for day in holidays)
    if special:
        yield "special_days:"
    yield from (f"  {day:%Y-%m-%d}: {text}" for day, text in sorted(special.items()))


def opened(name):
    """Every hundredth day in seconds of the epoch: what crates/instruments/tests/sessions.rs holds the calendars against."""
    first, last = DAYS[name]
    calendar = exchange_calendars.get_calendar(name, start=first, end=last)
    for day in calendar.schedule.index[::100]:
        for opening, closing in sessions(calendar, day):
            yield f"{name}\t{day:%Y-%m-%d}\t{int(opening.timestamp())}\t{int(closing.timestamp())}"


tests = FOLDER.parent / "tests"
tests.mkdir(exist_ok=True)
tests.joinpath("sessions.tsv").write_text("\n".join(line for name in DAYS for line in opened(name)) + "\n", encoding="utf-8")
for name in DAYS:
    FOLDER.joinpath(f"{name}.yaml").write_text("\n".join(lines(name)) + "\n", encoding="utf-8")
