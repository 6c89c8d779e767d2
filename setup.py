"""The optional part of the build: the native kernels. Everything else stands in pyproject.toml.

Without a C++ compiler (GCC or Clang) the package installs all the same and runs its reference
loops.
"""

from __future__ import annotations

import concurrent.futures
import os
import platform
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = Path("src/ostinato/kernels/native")
X86 = platform.machine().lower() in ("x86_64", "amd64") and "arm64" not in os.environ.get(
    "ARCHFLAGS", ""
)
FLAGS = [
    "-std=c++17",
    "-O3",
    "-fwrapv",
    "-fno-math-errno",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    "-g0",
]
FLAGS += ["-Wno-maybe-uninitialized", "-Wno-psabi"]
AVX2 = ["-mavx2", "-mfma"]
AVX512 = ["-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mfma"]
INSTRUCTION_SETS = {"portable": []}  # and the flags that allow the compiler to use them
if X86:
    INSTRUCTION_SETS |= {
        # on x86 only for processors from before 2013: there half the time to compile counts more
        "portable": ["-O1"],
        "avx2": AVX2,
        "avx512": AVX512,
        "avx512_vnni": [*AVX512, "-mavx512vnni"],
        "avx512_bf16": [*AVX512, "-mavx512bf16"],
    }
PLAIN = [name for name in INSTRUCTION_SETS if name not in ("avx512_vnni", "avx512_bf16")]
# with AVX-512 BF16 the products' factors are bfloat16: a second precision, not a better set
FOR_SEQUENCES = [name for name in INSTRUCTION_SETS if name != "avx512_vnni"]
# VNNI has products of int8; the few processors with AVX-512 and without it take AVX2 here
FOR_STEPS = [name for name in INSTRUCTION_SETS if name not in ("avx512", "avx512_bf16")]
SOURCES = {  # each is compiled once for each of these instruction sets, with -DINSTRUCTION_SET=...
    "module.cpp": ["portable"],
    "recurrence.cpp": FOR_SEQUENCES,
    "step.cpp": FOR_STEPS,
    "auxiliary.cpp": PLAIN,
}
SLOW_TO_COMPILE = {"step.cpp": ["-O2"]}  # a quarter less than with -O3; the steps are 1 % slower
OPENMP = [] if sys.platform == "darwin" else ["-fopenmp"]


class BuildNative(build_ext):
    """Compiles the files at the same time, each with its own flags, and gives up with one
    warning.
    """

    def run(self):
        try:
            super().run()
        except (
            Exception
        ) as error:  # whatever a compiler can fail with: the package works without it
            self.warn(
                f"the native kernels were not built ({' '.join(str(error).split())[:200]}); "
                "ostinato will run its slower reference loops. Install a C++ compiler (GCC or "
                "Clang) and install again to have them."
            )

    def build_extension(self, extension):
        if self.compiler.compiler_type != "unix":
            raise RuntimeError("they need GCC or Clang")
        directory = Path(self.build_temp)
        directory.mkdir(parents=True, exist_ok=True)

        def compile_one(source: str, instruction_set: str) -> str:
            own = [f"-DINSTRUCTION_SET={instruction_set}"]
            own += SLOW_TO_COMPILE.get(Path(source).name, [])
            own += INSTRUCTION_SETS[instruction_set]
            return self.compiler.compile(
                [source],
                output_dir=str(directory / instruction_set),
                macros=extension.define_macros,
                include_dirs=extension.include_dirs,
                extra_postargs=extension.extra_compile_args + own,
                depends=extension.depends,
            )[0]

        jobs = [
            (source, name) for source in extension.sources for name in SOURCES[Path(source).name]
        ]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, *zip(*jobs, strict=True)))
        target = self.get_ext_fullpath(extension.name)
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        self.compiler.link_shared_object(
            objects,
            target,
            extra_postargs=extension.extra_link_args,
            target_lang="c++",
            build_temp=str(directory),
        )

    def get_outputs(self):
        return [path for path in super().get_outputs() if Path(path).exists()]


setup(
    ext_modules=[
        Extension(
            "ostinato.kernels._native",
            [str(NATIVE / name) for name in SOURCES],
            depends=[str(path) for path in sorted(NATIVE.glob("*.h"))],
            include_dirs=[str(NATIVE)],
            define_macros=[("OSTINATO_X86", "1")] if X86 else [],
            extra_compile_args=FLAGS + OPENMP,
            extra_link_args=OPENMP,
            language="c++",
            py_limited_api=True,  # one build for every Python from 3.11 on
        )
    ],
    cmdclass={"build_ext": BuildNative},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
