#!/usr/bin/python3
"""Great-circle distances to 50 digits, for test/sql/velocity.sql.

The angle between two unit vectors a and b is atan2(|a x b|, a . b): another formula than engage's haversine, in
decimal arithmetic of 50 digits (mpmath, in Debian's python3-mpmath), radius 6371.0088 km.
"""
from mpmath import mp, mpf, sin, cos, atan2, sqrt, radians

mp.dps = 50
PAIRS = [
    ("Berlin to Paris", "52.52", "13.405", "48.8566", "2.3522"),
    ("New York to Tokyo", "40.7128", "-74.006", "35.6762", "139.6503"),
    ("across the date line", "-17.7", "179.9", "-17.7", "-179.9"),
    ("pole to pole", "90", "0", "-90", "0"),
    ("a metre", "48.8566", "2.3522", "48.856609", "2.3522"),
    ("a micrometre", "0", "0", "0", "0.00000000001"),
    ("almost antipodes", "30", "40", "-29.9999", "-139.9999"),
    ("nearer to antipodes", "0.0000001", "0", "0", "180"),
    ("round the world", "10", "-180", "10", "180"),
]


def vector(lat, lon):
    lat, lon = radians(mpf(float(lat))), radians(mpf(float(lon)))
    return cos(lat) * cos(lon), cos(lat) * sin(lon), sin(lat)


lines = []
for name, *p in PAIRS:
    a, b = vector(*p[:2]), vector(*p[2:])
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    angle = atan2(sqrt(sum(x * x for x in cross)), sum(x * y for x, y in zip(a, b)))
    km = mpf("6371.0088") * angle
    lines.append("\t('%s', %s, %s::float8)" % (name, ", ".join(p), mp.nstr(km, 20) if km > mpf("1e-40") else "0"))
print(",\n".join(lines))
