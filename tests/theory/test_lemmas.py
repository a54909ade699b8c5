"""Lemmas 1 to 3 and (32): the norms against brute force, the inequalities by themselves while N doubles."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import cojump as cj
from cojump.theory.bounds.apart import set_apart
from cojump.theory.bounds.gronwall import constants
from cojump.theory.bounds.rates import Smooth
from tests import oracle
from tests.support.bound_models import BETA, MODELS, everyone, rich, two_blocks
from tests.support.longer import few
from tests.support.pauli import X, Z


@cache
def lemmas_of(name, N):
    return cj.bounds.lemmas(MODELS[name](N))


def brute_norms(model, support):
    """The norms of all inequalities from matrices of the whole system; O on the first particles of its block."""
    full, form, m = everyone(model)
    J, place = [], 0
    for jump in model.jumps:
        J.append(full.jumps[place : place + len(full.members[jump.block])])
        place += len(full.members[jump.block])
    gammas = [full._gamma(jump, None) for jump in model.jumps]

    def comm(a, b):
        return a @ b - b @ a

    def dissipator(l, x):
        return sum(K.conj().T @ x @ K - (K.conj().T @ K @ x + x @ K.conj().T @ K) / 2 for K in J[l])

    def loc(l, x):
        jump = model.jumps[l]
        total = 0 * x
        for k in full.members[jump.block]:
            j = full.local(jump.matrix, k)
            total = total + j.conj().T @ x @ j - (j.conj().T @ j @ x + x @ j.conj().T @ j) / 2
        return total

    norms = {}
    for a, v in enumerate(form.basis):
        if v.label.endswith(".1"):
            continue
        O = np.eye(full.dimension, dtype=complex)
        for k in full.members[model.blocks[v.block].name][:support]:
            O = O @ full.local(v.matrix, k)
        f = 1j * sum(form.A[a, b] * m[b] for b in range(len(m)))
        f = f + 1j * sum(form.B[a, b, g] * m[b] @ m[g] for b in range(len(m)) for g in range(len(m)))
        L, P = 1j * comm(full.hamiltonian, m[a]) - f, 0 * O
        for l, G in enumerate(gammas):
            for name, x in (("O", O), ("X", m[a])):
                one, two = ("i", "iii") if name == "O" else ("ii", "iv")
                norms[f"Lemma 1 {one}", l, v.label] = comm(G, x)
                norms[f"Lemma 1 {two}", l, v.label] = comm(G, comm(G, x))
                norms[f"Lemma 2 {name}", l, v.label] = dissipator(l, x) - G @ G @ loc(l, x)
            L = L + dissipator(l, m[a]) - G @ G @ loc(l, m[a])
            P = P + sum(comm(K.conj().T, m[a]) @ comm(m[a], K) for K in J[l])
        norms["Lemma 3", None, v.label] = L
        norms["(32)", None, v.label] = P
    return {key: np.linalg.norm(matrix, 2) for key, matrix in norms.items()}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("support", [1, 2])
def test_norms_by_sectors_are_those_of_the_whole_space(name, support):
    if name == "two blocks" and support == 2:
        model = cj.Model([cj.Block("a", 2), cj.Block("b", 2)], two_blocks(4).hamiltonian, two_blocks(4).jumps)
    else:
        model = MODELS[name](4)
    expected = brute_norms(model, support)
    found = {(q.name, q.jump, q.operator): q.norm for q in cj.bounds.lemmas(model, support=support)}
    assert found.keys() == expected.keys()
    for key, norm in found.items():
        assert norm == pytest.approx(expected[key], rel=1e-10, abs=2e-13), key


def test_norms_by_sectors_are_those_of_the_whole_space_with_six_particles():
    model = rich(6)
    expected = brute_norms(model, 1)
    for q in lemmas_of("rich", 6):
        assert q.norm == pytest.approx(expected[q.name, q.jump, q.operator], rel=1e-10, abs=1e-12)


def test_particles_set_apart_leave_the_model_as_it_is():
    for name in MODELS:
        model = MODELS[name](4)
        whole = oracle.Oracle(model)
        for block in range(len(model.blocks)):
            apart = set_apart(model, block, 1)
            split = oracle.Oracle(apart.model)
            if block == 0:  # the order of the particles is the same
                assert np.allclose(split.hamiltonian, whole.hamiltonian, rtol=0, atol=1e-12)
                assert all(np.allclose(a, b, rtol=0, atol=1e-7) for a, b in zip(split.jumps, whole.jumps, strict=True))


def check_doubling(name, sizes):
    """N·norm stays below its constant, which does not depend on N, and levels off."""
    rows = [{(q.name, q.jump, q.operator): q for q in lemmas_of(name, N)} for N in sizes]
    tightest: dict[str, float] = {}
    for key in rows[0]:
        for row in rows:
            assert row[key].scaled <= row[key].constant * (1 + 1e-12), str(row[key])
            assert row[key].constant == pytest.approx(rows[0][key].constant, rel=1e-3)
            tightest[key[0]] = min(tightest.get(key[0], np.inf), row[key].slack)
        before, last = rows[-2][key].scaled, rows[-1][key].scaled
        if sizes[-1] >= 16:  # a norm that fell as 1/√N only would grow by 41%
            assert abs(last - before) <= 0.2 * last, (key, before, last)
    print(f"{name}, N = {sizes}: smallest slack", {k: f"{v:.4g}" for k, v in tightest.items()})
    if name != "free flips":  # there Γ = 1, and only Lemma 3 and (32) have anything to bound
        assert all(np.isfinite(v) for v in tightest.values()), tightest


@pytest.mark.parametrize("name", few(MODELS, *list(MODELS)[::2]))
def test_every_inequality_holds_while_N_doubles(name):
    check_doubling(name, (4, 8) if name in ("rich", "two blocks") else (8, 16))


@pytest.mark.validation
@pytest.mark.parametrize("name", MODELS)
def test_every_inequality_holds_up_to_64_particles(name):
    check_doubling(name, {"rich": (8, 16, 32), "two blocks": (8, 16, 32)}.get(name, (8, 16, 32, 64)))


def test_the_constants_of_hopfield_rates_are_sharp():
    """Anything smaller breaks an inequality: 0.5% for Lemma 1, 20% for Lemma 2; half the spread of σ_z breaks both."""
    worst = {}
    for q in lemmas_of("hopfield", 16):
        worst[q.name] = min(worst.get(q.name, np.inf), q.slack)
    assert 1 <= worst["Lemma 1 i"] < 1.005
    assert 1 <= worst["Lemma 1 iii"] < 1.005
    assert 1 <= worst["Lemma 2 O"] < 1.2
    wrong = constants(cj.systems.hopfield(np.ones((1, 16)), 0.5, BETA / 2))  # the rates of another temperature
    right = constants(cj.systems.hopfield(np.ones((1, 16)), 0.5, BETA))
    assert wrong.C_x[0] / right.C_x[0] < 1 / worst["Lemma 2 O"]


def test_second_derivative_of_a_rate_counts_where_jj_does_not_commute():
    """Without C_σσ the constant of a strongly bent Γ is too small: [[Γ, O], j†j] of all other particles."""
    wave = 30.0
    jump = cj.LocalJump(
        (np.eye(2) + X) / 2,
        "s",
        amplitude=lambda v: 1 + 0.01 * np.real(np.sin(wave * v)),  # real: no series, so that 5.2 is what is tested
        argument={"s": Z},
    )
    found = []
    for N in (16, 32):
        model = cj.Model([cj.Block("s", N)], [], [jump])
        rate = constants(model).rates[0]
        assert isinstance(rate, Smooth)
        assert rate.mixed == pytest.approx(4 * 0.01 * wave**2, rel=1e-3)
        rows = [q for q in cj.bounds.lemmas(model) if q.name == "Lemma 2 O"]
        assert all(q.slack >= 1 for q in rows)
        without = 3 * rate.norm * rate.commutator + rate.commutator**2
        found.append(max(q.scaled * np.sqrt(2) for q in rows) / without)
    print("Lemma 2 O over its constant without C_σσ:", found)
    assert max(found) > 1
