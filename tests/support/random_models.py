"""Random matrices, states and models for tests that must hold for any of them."""

import numpy as np

import cojump as cj


def random_matrix(rng, d=2):
    return rng.normal(size=(d, d)) + 1j * rng.normal(size=(d, d))


def random_hermitian(rng, d=2):
    m = random_matrix(rng, d)
    return (m + m.conj().T) / 2


def random_density(rng, d=2):
    m = random_matrix(rng, d)
    return m @ m.conj().T / np.trace(m @ m.conj().T).real


def random_unitary(rng, d=2):
    return np.linalg.qr(random_matrix(rng, d))[0]


def everything(rng, sizes=(3, 5), levels=(3, 2)):
    """Two blocks of unequal sizes and levels with every kind of term."""
    d = dict(zip("ab", levels, strict=True))
    terms = [cj.OneBody(random_hermitian(rng, d[b]), b) for b in "ab"]
    for b, c in ("aa", "ab", "ba", "bb"):
        A, B, g = random_matrix(rng, d[b]), random_matrix(rng, d[c]), complex(rng.normal(), rng.normal())
        terms += [cj.TwoBody(A, B, g, (b, c)), cj.TwoBody(B.conj().T, A.conj().T, g.conjugate(), (c, b))]
    x = {b: random_hermitian(rng, d[b]) for b in "ab"}
    jumps = [
        cj.LocalJump(random_matrix(rng, d["a"]), "a", amplitude=np.sin, argument=x),
        cj.LocalJump(random_matrix(rng, d["b"]), "b", rate=np.exp, argument={"a": x["a"]}),
        cj.LocalJump(random_matrix(rng, d["b"]), "b", amplitude=np.cos, argument={"b": x["b"]}, exclude_self=True),
        cj.LocalJump(random_matrix(rng, d["a"]), "a"),
        cj.CollectiveJump({b: random_matrix(rng, d[b]) for b in "ab"}, 0.8),
        cj.CollectiveJump({"b": random_matrix(rng, d["b"])}, 0.3),
    ]
    terms.append(cj.Potential(np.sin, {b: random_hermitian(rng, d[b]) / 2 for b in "ab"}, factor=0.6))
    return cj.Model([cj.Block(b, n, d[b]) for b, n in zip("ab", sizes, strict=True)], terms, jumps)
