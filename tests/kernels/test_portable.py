"""What is to run on any processor is compiled without x86's headers, and for arm64 where a
compiler for it is there.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from ostinato import kernels

NATIVE = Path(kernels.__file__).parent / "native"
FLAGS = ["-std=c++17", "-Wno-psabi"]


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++")
def test_portable_code_needs_no_header_of_x86():
    command = ["g++", *FLAGS, "-M", "recurrence.cpp"]
    included = subprocess.run(
        command, cwd=NATIVE, capture_output=True, text=True, check=True
    ).stdout
    assert "simd.h" in included and "immintrin" not in included


@pytest.mark.skipif(shutil.which("aarch64-linux-gnu-g++") is None, reason="no compiler for arm64")
def test_compiles_for_arm64():
    command = ["aarch64-linux-gnu-g++", *FLAGS, "-fsyntax-only", "-fopenmp", "recurrence.cpp"]
    assert subprocess.run(command, cwd=NATIVE, capture_output=True, text=True).returncode == 0
