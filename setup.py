"""The optional part of the build: the native kernels. Everything else stands in pyproject.toml.

Without a C++ compiler (GCC or Clang) the package installs all the same and runs its reference loops."""

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
OWN_FLAGS = {  # what a file may use beyond what every processor has
    "avx2.cpp": ["-mavx2", "-mfma"],
    "avx512.cpp": ["-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq", "-mfma"],
}
OWN_FLAGS["stream_avx2.cpp"] = OWN_FLAGS["avx2.cpp"]
OWN_FLAGS["stream_avx512.cpp"] = OWN_FLAGS["avx512.cpp"]
OWN_FLAGS |= {f"sequence_{name}": OWN_FLAGS[name] for name in ("avx2.cpp", "avx512.cpp")}
OWN_FLAGS["stream_vnni.cpp"] = [*OWN_FLAGS["avx512.cpp"], "-mavx512vnni"]
SOURCES = [
    "module.cpp",
    "portable.cpp",
    "stream_portable.cpp",
    "sequence_portable.cpp",
    *(OWN_FLAGS if X86 else ()),
]
OPENMP = [] if sys.platform == "darwin" else ["-fopenmp"]


class BuildNative(build_ext):
    """Compiles the files at the same time, each with its own flags, and gives up with one warning."""

    def run(self):
        try:
            super().run()
        except (
            Exception
        ) as error:  # whatever a compiler can fail with: the package works without it
            self.warn(
                f"the native kernels were not built ({' '.join(str(error).split())[:200]}); ostinato will run its "
                "slower reference loops. Install a C++ compiler (GCC or Clang) and install again to have them."
            )

    def build_extension(self, extension):
        if self.compiler.compiler_type != "unix":
            raise RuntimeError("they need GCC or Clang")
        directory = Path(self.build_temp)
        directory.mkdir(parents=True, exist_ok=True)

        def compile_one(source):
            own = OWN_FLAGS.get(Path(source).name, [])
            return self.compiler.compile(
                [source],
                output_dir=str(directory),
                macros=extension.define_macros,
                include_dirs=extension.include_dirs,
                extra_postargs=extension.extra_compile_args + own,
                depends=extension.depends,
            )[0]

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile_one, extension.sources))
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
