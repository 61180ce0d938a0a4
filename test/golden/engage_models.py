"""engage_models.py - what the golden tests of models share: a server to ask, stored models to read

Nothing here comes from engage's own code: artifacts are read as docs/format.md describes them, rows
are turned into vectors as docs/format.md and the design say, and scores are compared bit by bit.
Needs numpy and xgboost only.
"""
import csv
import io
import math
import os
import struct
import subprocess
import sys

import numpy as np

ROOT = os.environ.get('ENGAGE_ROOT') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(ROOT, 'test', 'data')
NULL = '\\N'


# ---------------------------------------------------------------------------
# TAP
# ---------------------------------------------------------------------------

class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, what):
        self.count += 1
        self.failed += not good
        print('%sok %d - %s' % ('' if good else 'not ', self.count, what), flush=True)
        return good

    def note(self, text):
        for line in str(text).splitlines():
            print('#', line, flush=True)

    def done(self):
        print('1..%d' % self.count, flush=True)
        sys.exit(self.failed > 0)


# ---------------------------------------------------------------------------
# The server (libpq's environment says where it is)
# ---------------------------------------------------------------------------

class SqlError(Exception):
    pass


def sql(text):
    """Run SQL with psql; the output's lines."""
    p = subprocess.run(['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-f', '-'],
                       input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.returncode != 0:
        raise SqlError(p.stderr.strip())
    return p.stdout.rstrip('\n')


def rows(query):
    """Column names and rows of a query, as texts; None for NULL."""
    out = sql("COPY (%s) TO STDOUT (FORMAT csv, HEADER, NULL '%s')" % (query, NULL))
    table = list(csv.reader(io.StringIO(out)))
    return table[0], [[None if v == NULL else v for v in r] for r in table[1:]]


def literal(v):
    return "'" + str(v).replace("'", "''") + "'"


def number_kind(values):
    kind = 'integer'
    for v in values:
        try:
            if not float(v).is_integer() or '.' in v:
                kind = 'numeric'
        except ValueError:
            return 'text'
    return kind if values else 'text'


def load_table(name, file, types={}):
    """A table from a data set of test/data: integers, numerics and texts, empty is NULL."""
    with open(os.path.join(DATA, file), newline='') as f:
        table = list(csv.reader(f))
    columns = []
    for i, c in enumerate(table[0]):
        columns.append('%s %s' % (c, types.get(c) or number_kind([r[i] for r in table[1:] if r[i] != ''])))
    sql("CREATE TABLE %s (%s);\n\\copy %s FROM '%s' CSV HEADER\n"
        % (name, ', '.join(columns), name, os.path.join(DATA, file)))


def export(model, form):
    return bytes.fromhex(sql("SELECT encode(engage_export(%s, %s), 'hex')" % (literal(model), literal(form))))


# ---------------------------------------------------------------------------
# Stored models, as docs/format.md has them
# ---------------------------------------------------------------------------

NUMBER, CATEGORY, DATE, INTERVAL, ARRAY = range(5)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        v = struct.unpack_from('<' + form, self.data, self.at)
        self.at += struct.calcsize('<' + form)
        return v[0]

    def bytes(self, n):
        self.at += n
        assert self.at <= len(self.data)
        return self.data[self.at - n:self.at]

    def string(self):
        n = self.take('I')
        return None if n == 0xffffffff else self.bytes(n).decode()


class Column:
    pass


def crc32c(data):
    """CRC-32C bit by bit, without a table: slow, and nobody else's."""
    table = []
    for i in range(256):
        c = i
        for _ in range(8):
            c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
        table.append(c)
    crc = 0xffffffff
    for b in data:
        crc = crc >> 8 ^ table[(crc ^ b) & 0xff]
    return crc ^ 0xffffffff


def read_container(data):
    """Algorithm, its format, the sections by tag."""
    r = Reader(data)
    assert r.bytes(4) == b'EGMD'
    version = r.take('H')
    assert version in (1, 2, 3, 4) and r.take('H') == 0
    algorithm, form, sections = r.string(), r.take('H'), {}
    for tag in (b'TASK', b'SCHM', b'PARM', b'DATA'):
        assert r.bytes(4) == tag
        sections[tag.decode()] = r.bytes(r.take('Q'))
    later = {b'CALB': 2, b'CONF': 2, b'BASE': 3, b'SCOR': 4, b'SEAL': 2}
    for tag in later:
        if r.data[r.at:r.at + 4] == tag:
            assert version >= later[tag]
            r.bytes(4)
            sections[tag.decode()] = r.bytes(r.take('Q'))
    assert version == max([1] + [v for t, v in later.items() if t.decode() in sections])
    checksum = r.take('I')
    assert r.at == len(data)
    if len(data) < 50000:       # Python is slow
        assert checksum == crc32c(data[:-4])
    return algorithm, form, sections


def read_schema(data):
    """The columns of a model, and its labels."""
    r = Reader(read_container(data)[2]['SCHM'])
    columns = []
    for _ in range(r.take('I')):
        c = Column()
        c.name, c.kind, c.type, c.width, c.origin = r.string(), r.take('B'), r.string(), r.take('I'), r.take('d')
        c.categories = [r.string() for _ in range(r.take('I'))]
        assert c.categories == sorted(c.categories, key=lambda s: s.encode())
        columns.append(c)
    if r.take('B'):
        for _ in range(sum(c.width for c in columns)):
            for _ in range(4):
                r.take('d')
    r.string()
    r.string()
    labels = [r.string() for _ in range(r.take('I'))]
    assert r.at == len(r.data)
    return columns, labels


# ---------------------------------------------------------------------------
# Rows to vectors
# ---------------------------------------------------------------------------

def encode_value(c, v):
    """A text that the server printed, to the float that stands for it."""
    if v is None:
        return math.nan
    if c.kind == CATEGORY:
        return float(c.categories.index(v)) if v in c.codes else math.nan
    if c.kind == DATE:
        return (np.datetime64(v) - np.datetime64('2000-01-01')) / np.timedelta64(1, 'D') - c.origin
    if v in ('t', 'f'):
        return float(v == 't')
    f = float(v)
    return f if math.isfinite(f) else math.nan


def encode(columns, header, table):
    """Matrix of single precision numbers, one row for each row of the table."""
    at = {name: i for i, name in enumerate(header)}
    x = np.empty((len(table), sum(c.width for c in columns)), dtype=np.float32)
    j = 0
    for c in columns:
        c.codes = set(c.categories)
        known = {}
        for i, r in enumerate(table):
            v = r[at[c.name]]
            if v not in known:
                known[v] = encode_value(c, v)
            x[i, j] = known[v]
        j += c.width
    return x


def feature_types(columns):
    return ['c' if c.kind == CATEGORY else 'q' for c in columns]


def names(columns):
    return [c.name for c in columns]


def bits_differ(ours, theirs):
    """How many single precision numbers differ, and by how much at most."""
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float32).astype(np.float64)
    assert a.shape == b.shape, '%s and %s' % (a.shape, b.shape)
    return int(np.sum(~((a == b) | (np.isnan(a) & np.isnan(b))))), float(np.nanmax(np.abs(a - b))) if a.size else 0.0


def auc(y, score):
    """Area under the ROC curve by ranks, ties counted half."""
    y, score = np.asarray(y), np.asarray(score)
    values, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    npos = int(np.sum(y == 1))
    return (np.sum(rank[y == 1]) - npos * (npos + 1) / 2.0) / (npos * (len(y) - npos))
