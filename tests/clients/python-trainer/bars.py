"""Bars of a sealed snapshot, which the lake keeps under the hash of their content."""

import hashlib
import sys
from dataclasses import dataclass, fields
from pathlib import Path

import numpy
import pyarrow
import pyarrow.parquet
import yaml
from pyarrow import fs

# Options of lake.properties, and pyarrow's names for them.
S3_OPTIONS = {
    "aws_access_key_id": "access_key",
    "aws_secret_access_key": "secret_key",
    "aws_session_token": "session_token",
    "aws_region": "region",
    "aws_endpoint": "endpoint_override",
}
PRICES = ("open", "high", "low", "close", "open_spread", "close_spread")
# One bar in the bytes that are hashed: see crates/lake/src/canonical.rs.
ROW = numpy.dtype(
    [(name, "<i8") for name in ("open_time", "close_time", "time", "open", "high", "low", "close")]
    + [("present", "u1")]
    + [(name, "<i8") for name in ("open_spread", "close_spread", "volume", "ticks")]
)


class Unavailable(Exception):
    """The data are gone or are not what their name says: trying again does not help."""


@dataclass
class Bars:
    """Columns of one length, oldest first: times in nanoseconds since 1970, prices as floating-point numbers."""

    open_time: list
    close_time: list
    open: list
    high: list
    low: list
    close: list
    open_spread: list
    close_spread: list

    def __len__(self):
        return len(self.close)

    def __add__(self, later):
        return Bars(*(getattr(self, field.name) + getattr(later, field.name) for field in fields(Bars)))


def opened(environment):
    """The lake that Gauntlet's own settings name, in its directory without them. Options of S3 are translated, any other
    store is opened as pyarrow opens it."""
    address = environment.get("GAUNTLET_LAKE__URL")
    if not address:
        if not environment.get("GAUNTLET_DIR"):
            sys.exit("set GAUNTLET_LAKE__URL to the lake's address, or GAUNTLET_DIR to the directory that it is in")
        address = Path(environment["GAUNTLET_DIR"], "lake").resolve().as_uri()
    properties = environment.get("GAUNTLET_LAKE__PROPERTIES", "")
    if not address.startswith("s3://"):
        return Lake(*fs.FileSystem.from_uri(address))
    options = {name.lower(): str(value) for name, value in (yaml.safe_load(properties) or {}).items()}
    given = {ours: options[theirs] for theirs, ours in S3_OPTIONS.items() if theirs in options}
    endpoint = given.get("endpoint_override", "")
    if "://" in endpoint:
        given["scheme"], given["endpoint_override"] = endpoint.split("://", 1)
    return Lake(fs.S3FileSystem(**given), address.removeprefix("s3://").rstrip("/"))


class Lake:
    """Files under a root, in a folder or a store."""

    def __init__(self, files, root):
        self.files, self.root = files, root
        self.latest = {}

    def bars(self, data):
        """The bars that a request names, checked against their hash; the last few are kept."""
        name = data["content_hash"]
        if name not in self.latest:
            self.latest = {**dict(list(self.latest.items())[-3:]), name: self.read(data)}
        return self.latest[name]

    def read(self, data):
        path = f"{self.root}/snapshots/{data['content_hash']}.parquet"
        # A lake that does not respond is an OSError and nobody's answer.
        try:
            with self.files.open_input_stream(path) as stream:
                content = stream.read()
        except FileNotFoundError as error:
            raise Unavailable(f"{path} is not on the lake") from error
        try:
            rows = columns(pyarrow.parquet.read_table(pyarrow.BufferReader(content)))
        except (pyarrow.ArrowException, OSError, KeyError) as error:
            raise Unavailable(f"{path} is damaged: {error}") from error
        found = content_hash(rows, data["instrument"], data["spec"])
        if found != data["content_hash"] or len(rows) != data["rows"]:
            raise Unavailable(f"{path} has {len(rows)} other bars than its name says, {data['rows']} with {found}")
        prices = {name: (rows[name] / 1e9).tolist() for name in PRICES}
        return Bars(rows["open_time"].tolist(), rows["close_time"].tolist(), **prices)


def columns(table):
    """The table's rows in the layout of the hash; an absent spread is zero."""
    rows = numpy.zeros(len(table), ROW)
    for name in ROW.names:
        if name != "present":
            rows[name] = table[name].cast("int64").fill_null(0).to_numpy()
    for bit, name in enumerate(("open_spread", "close_spread")):
        rows["present"] |= (table[name].is_valid().to_numpy().astype("u1")) << bit
    return rows


def content_hash(rows, instrument, spec):
    hasher = hashlib.sha256(b"gauntlet.bars.v1")
    for text in (instrument, spec):
        hasher.update(len(text).to_bytes(4, "little") + text.encode())
    hasher.update(rows.tobytes())
    return hasher.hexdigest()
