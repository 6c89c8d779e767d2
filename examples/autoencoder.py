"""Handwritten digits through a code of eight numbers; the linear code beside principal components.

Expect a mean squared error of about 3.7 of the deep autoencoder and 6.2 of the linear one, after
about ten seconds.

    python examples/autoencoder.py [RUN]
"""

import sys

import numpy as np

import ostinato


def main(run: str = "runs/example-autoencoder") -> None:
    deep = ostinato.train("autoencoder", out=run, overwrite=True, epochs=40.0)
    linear = ostinato.train("autoencoder", out=f"{run}-linear", overwrite=True, model="linear")
    print(f"deep {deep.report['metrics']['mse']:.2f}, linear {linear.report['metrics']['mse']:.2f}")
    optimum = linear.report["details"]["training optimum"]
    print(
        f"linear: error {optimum['squared_error']:.6f}, discarded eigenvalues "
        f"{optimum['discarded_eigenvalues']:.6f}, largest angle between the subspaces "
        f"{optimum['largest_principal_angle']:.1e}"
    )

    cross = np.zeros((8, 8))
    cross[3:5], cross[:, 3:5] = 12, 12
    [answer] = deep.predictions([cross])
    print("a cross, through the code", np.round(answer.code, 1))
    print(np.round(answer.reconstruction.reshape(8, 8)).astype(int))


if __name__ == "__main__":
    main(*sys.argv[1:2])
