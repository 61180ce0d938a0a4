"""GFLOP/s of OpenBLAS's sgemm, 512 x 512 x 512 on one thread, with the kernels that the environment names."""

import ctypes
import json
import time

import numpy as np

N = 512
blas = ctypes.CDLL("libopenblas.so.0")
blas.openblas_get_corename.restype = ctypes.c_char_p
blas.openblas_set_num_threads(1)
rng = np.random.default_rng(1)
a, b, c = (rng.random((N, N), dtype=np.float32) for _ in range(3))
pointer = ctypes.POINTER(ctypes.c_float)
best = float("inf")
for _ in range(30):
    start = time.perf_counter()
    blas.cblas_sgemm(101, 111, 111, N, N, N, ctypes.c_float(1), a.ctypes.data_as(pointer), N, b.ctypes.data_as(pointer), N,
                     ctypes.c_float(0), c.ctypes.data_as(pointer), N)
    best = min(best, time.perf_counter() - start)
print(json.dumps({"kernels": blas.openblas_get_corename().decode(), "gflops": 2 * N**3 / best / 1e9}))
