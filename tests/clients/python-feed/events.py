"""The three records of a live feed of quotes, with the ids and headers that make them Gauntlet events.

Prices are whole billionths and times whole nanoseconds since 1970: nothing here goes through binary fractions.
"""

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal

SECOND = 1_000_000_000
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


@dataclass
class Event:
    """A record with its body, and what it is about: its id is made of that, so publishing it again gives the same."""

    record: str
    fields: dict
    about: list[bytes]

    def id(self):
        """UUIDv5 under the DNS namespace; each part of the name has its length in four bytes before it."""
        parts = [b"event", self.record.rpartition(".")[2].encode(), *self.about]
        name = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        # As uuid.uuid5, which takes bytes for a name only from Python 3.12 on.
        return uuid.UUID(bytes=hashlib.sha1(uuid.NAMESPACE_DNS.bytes + name).digest()[:16], version=5)

    def headers(self):
        """CloudEvents in binary mode. What comes from outside is its own cause."""
        own = str(self.id())
        headers = {
            "ce_specversion": "1.0",
            "ce_id": own,
            "ce_type": self.record.rpartition(".")[2],
            "ce_source": "feed",
            "ce_time": datetime.now(timezone.utc).isoformat().replace("+00:00", "Z"),
            "ce_causationid": own,
            "ce_correlationid": own,
            "content-type": "application/avro",
        }
        return [(name, value.encode()) for name, value in headers.items()]


def quote(instrument, source, sequence, time, bid, ask):
    fields = {
        "instrument": instrument, "source": source, "sequence": sequence, "time": nanos(time),
        "bid": billionths(bid), "ask": billionths(ask), "bid_size": None, "ask_size": None,
    }
    about = [instrument.encode(), source.encode(), sequence.to_bytes(8, "big")]
    return Event("gauntlet.market.Quote", fields, about)


def feed_completed(instrument, source, name, rows):
    # Blocks are what files are cut into; a live feed has none.
    fields = {"instrument": instrument, "source": source, "name": name, "rows": rows, "blocks": 0}
    return Event("gauntlet.market.FeedCompleted", fields, [instrument.encode(), source.encode()])


def instrument_defined(instrument, bars, currency="USD"):
    """Bars from the mid of bid and ask, cleaned by Gauntlet's own thresholds."""
    cleaning = {
        "lateness_nanos": 0,
        "outlier_centi_bps": 400,
        "absurd_factor": 10,
        "gap_nanos": 900 * SECOND,
        "stale_nanos": 600 * SECOND,
    }
    fields = {
        "instrument": instrument, "currency": currency, "bars": bars, "price": "quotes", "stamp": "close",
        "empty_bars": "skip", "session": None, "cleaning": cleaning,
    }
    # A definition is about all that it says.
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return Event("gauntlet.market.InstrumentDefined", fields, [text.encode()])


def billionths(text):
    return int((Decimal(text) * 10**9).to_integral_value(ROUND_HALF_UP))


def nanos(text):
    found = TIME.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not a time in UTC: write 2024-03-04T09:00:00.250Z")
    whole = datetime.fromisoformat(found[1] + "+00:00")
    return int(whole.timestamp()) * SECOND + int((found[2] or "").ljust(9, "0"))
