"""Writes the calendars in crates/instruments/calendars and what they are held against, from exchange_calendars (PyPI, Apache-2.0).

    python -m venv v && v/bin/pip install exchange_calendars==4.13.2 && v/bin/python tests/oracles/calendars.py

Days and hours are facts; the library is named in each file. Exchanges with a break at noon are left out: a day has one session.
"""

import collections
import pathlib

import exchange_calendars
import pandas

FIRST, LAST = "1990-01-01", "2027-12-31"
NAMES = ["XNYS", "XLON", "XETR", "XPAR", "XTSE", "XASX"]
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "crates" / "instruments" / "calendars"
WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def minutes(time, day):
    seconds = (time.tz_localize(None) - day).total_seconds()
    assert seconds % 60 == 0
    return f"{int(seconds // 3600):02}:{int(seconds % 3600 // 60):02}"


def hours(calendar, day):
    row = calendar.schedule.loc[day]
    opening, closing = (row[name].tz_convert(calendar.tz) for name in ("open", "close"))
    return f"{minutes(opening, day)}-{minutes(closing, day)}"


def lines(name):
    calendar = exchange_calendars.get_calendar(name, start=FIRST, end=LAST)
    sessions = {day: hours(calendar, day) for day in calendar.schedule.index}
    week = {}
    for weekday in range(7):
        of_day = [text for day, text in sessions.items() if day.day_of_week == weekday]
        if len(of_day) > 100:
            week[weekday] = collections.Counter(of_day).most_common(1)[0][0]
    days = pandas.date_range(FIRST, LAST)
    holidays = [f"{day:%Y-%m-%d}" for day in days if day.day_of_week in week and day not in sessions]
    special = {day: text for day, text in sessions.items() if week.get(day.day_of_week) != text}
    yield f"# Days and hours of {name}, from exchange_calendars {exchange_calendars.__version__} (Apache-2.0) by"
    yield "# tests/oracles/calendars.py."
    yield f"name: {name}"
    yield f"zone: {calendar.tz}"
    yield f"from: {FIRST}"
    yield f"to: {LAST}"
    yield "week:"
    yield from (f"  {WEEK[weekday]}: {text}" for weekday, text in sorted(week.items()))
    yield "holidays:"
    yield from (f"- {day}" for day in holidays)
    yield "special_days:"
    yield from (f"  {day:%Y-%m-%d}: {text}" for day, text in sorted(special.items()))


def opened(name):
    """Every hundredth session in seconds of the epoch: what crates/instruments/tests/sessions.rs holds the calendars against."""
    schedule = exchange_calendars.get_calendar(name, start=FIRST, end=LAST).schedule
    for day, row in schedule.iloc[::100].iterrows():
        yield f"{name}\t{day:%Y-%m-%d}\t{int(row['open'].timestamp())}\t{int(row['close'].timestamp())}"


tests = FOLDER.parent / "tests"
tests.mkdir(exist_ok=True)
tests.joinpath("sessions.tsv").write_text("\n".join(line for name in NAMES for line in opened(name)) + "\n", encoding="utf-8")
for name in NAMES:
    FOLDER.joinpath(f"{name}.yaml").write_text("\n".join(lines(name)) + "\n", encoding="utf-8")
